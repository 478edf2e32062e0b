"""The endpoints of the sandbox provider: discovery, keys, authorization page, token, user info."""

import time
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from integrations.sandbox.oidc.directory import CODE_SECONDS, Client, Directory, Grant, Refused

BAD_REQUEST = "This request does not come from an application this directory knows."


def create_app(directory: Directory) -> Flask:
    """The provider as a web application; its issuer is the address it is called under."""
    app = Flask(__name__)
    app.add_url_rule("/.well-known/openid-configuration", "discovery", _discovery)
    app.add_url_rule("/keys", "keys", lambda: jsonify({"keys": [directory.key.as_dict(private=False)]}))
    app.add_url_rule("/authorize", "authorize", lambda: _authorize(directory))
    app.add_url_rule("/choose", "choose", lambda: _choose(directory))
    app.add_url_rule("/token", "token", lambda: _token(directory), methods=["POST"])
    app.add_url_rule("/userinfo", "userinfo", lambda: _userinfo(directory))
    return app


def _issuer() -> str:
    return request.host_url.rstrip("/")


def _discovery() -> Response:
    issuer = _issuer()
    return jsonify(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "authorization_response_iss_parameter_supported": True,
        }
    )


def _client(directory: Directory) -> Client | None:
    client = directory.clients.get(request.args.get("client_id", ""))
    is_known = client is not None and request.args.get("redirect_uri") in client.redirect_uris
    return client if is_known else None


def _authorize(directory: Directory) -> ResponseReturnValue:
    """Asks who is there; every link answers the application."""
    if _client(directory) is None:
        return BAD_REQUEST, 400
    if request.args.get("response_type") != "code" or request.args.get("code_challenge_method") != "S256":
        return _answer({"error": "invalid_request", "error_description": "PKCE with S256 is required"})
    return render_template(
        "oidc_authorize.html", members=directory.members.values(), query=request.query_string.decode()
    )


def _choose(directory: Directory) -> ResponseReturnValue:
    """Answers the application with a code for the member, or that the person declined."""
    client = _client(directory)
    if client is None:
        return BAD_REQUEST, 400
    subject = request.args.get("subject", "")
    if subject not in directory.members:
        return _answer({"error": "access_denied", "error_description": "The person declined"})
    code = directory.give_code(
        Grant(
            client_id=client.client_id,
            redirect_uri=request.args["redirect_uri"],
            subject=subject,
            nonce=request.args.get("nonce", ""),
            challenge=request.args.get("code_challenge", ""),
            expires=time.time() + CODE_SECONDS,
        )
    )
    return _answer({"code": code})


def _answer(values: dict[str, str]) -> ResponseReturnValue:
    values |= {"state": request.args.get("state", ""), "iss": _issuer()}
    return redirect(f"{request.args['redirect_uri']}?{urlencode(values)}")


def _token(directory: Directory) -> ResponseReturnValue:
    login = request.authorization
    client_id = (login.username if login else request.form.get("client_id")) or ""
    secret = (login.password if login else request.form.get("client_secret")) or ""
    try:
        client = directory.authenticate(client_id, secret)
        if request.form.get("grant_type") != "authorization_code":
            raise Refused("unsupported_grant_type")
        grant = directory.redeem(
            request.form.get("code", ""),
            client,
            request.form.get("redirect_uri", ""),
            request.form.get("code_verifier", ""),
        )
    except Refused as error:
        return jsonify({"error": str(error)}), 401 if str(error) == "invalid_client" else 400
    answer: dict[str, Any] = directory.tokens(_issuer(), grant)
    return jsonify(answer)


def _userinfo(directory: Directory) -> ResponseReturnValue:
    access_token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    subject = directory.subject_of(access_token)
    if subject is None:
        return jsonify({"error": "invalid_token"}), 401
    return jsonify(directory.claims_of(subject))
