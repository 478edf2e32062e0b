"""Checks how a client proves itself: signed assertion (strictly) or secret."""

import hmac
import time
from collections.abc import Mapping
from typing import Any

from flask import request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from integrations.sandbox.ehr.authority import Authority, Client, Refused
from integrations.sandbox.ehr.profiles import Profile

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MOST_SECONDS = 300


def proven_client(authority: Authority, profile: Profile, token_url: str) -> Client:
    """The client of the present token request; raises Refused("invalid_client")."""
    form = request.form
    if "client_assertion" in form:
        return _by_assertion(authority, profile, token_url, form)
    login = request.authorization
    if login is not None and login.type == "basic":
        method, client_id, secret = "client_secret_basic", login.username, login.password
    else:
        method, client_id, secret = "client_secret_post", form.get("client_id"), form.get("client_secret")
    client = authority.clients.get(client_id or "")
    if client is None or not client.secret or method not in profile.authentication:
        raise Refused("invalid_client")
    if not hmac.compare_digest(client.secret.encode(), (secret or "").encode()):
        raise Refused("invalid_client")
    return client


def _by_assertion(authority: Authority, profile: Profile, token_url: str, form: Mapping[str, str]) -> Client:
    """SMART 2.2, client-confidential-asymmetric: every rule of the server's side."""
    if form.get("client_assertion_type") != ASSERTION_TYPE or "client_id" in form:
        raise Refused("invalid_client")
    try:
        claims, client = _verified(authority, profile, form["client_assertion"])
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise Refused("invalid_client") from error
    now = time.time()
    is_in_time = now < claims["exp"] <= now + MOST_SECONDS
    is_whole = claims["iss"] == claims["sub"] == client.client_id and claims["aud"] == token_url
    if not is_in_time or not is_whole or not authority.first_use(str(claims["jti"]), claims["exp"]):
        raise Refused("invalid_client")
    return client


def _verified(authority: Authority, profile: Profile, assertion: str) -> tuple[dict[str, Any], Client]:
    """Claims and client of an assertion whose signature holds; the key must be named and published."""
    clients = [client for client in authority.clients.values() if client.jwks is not None]
    for client in clients:
        assert client.jwks is not None
        keys = KeySet.import_key_set({"keys": list(client.jwks()["keys"])})
        try:
            token = jwt.decode(assertion, keys, algorithms=list(profile.algorithms))
        except (JoseError, ValueError):
            continue
        named = {key.kid for key in keys.keys}
        if token.claims.get("iss") == client.client_id:
            if token.header.get("kid") not in named or token.header.get("typ") != "JWT":
                break
            return token.claims, client
    raise ValueError("no client signed this")
