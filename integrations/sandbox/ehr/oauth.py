"""The authorization server: authorize, token, revocation."""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from integrations.ehr.smart.scopes import read_scopes
from integrations.sandbox.ehr.authority import (
    SYSTEM_TOKEN_SECONDS,
    TOKEN_SECONDS,
    Authority,
    Client,
    Context,
    Grant,
    Refused,
)
from integrations.sandbox.ehr.profiles import Profile
from integrations.sandbox.ehr.proving import proven_client
from integrations.sandbox.ehr.records import Records

UNKNOWN = "This request does not come from an application this EHR knows."
KNOWN_WORDS = frozenset({
    "launch", "launch/patient", "launch/encounter", "launch/location", "openid", "fhirUser", "profile",
})  # fmt: skip


@dataclass(frozen=True)
class OAuth:
    """The endpoints of one profile."""

    authority: Authority
    profile: Profile
    records: Records

    def authorize(self) -> ResponseReturnValue:
        """Answers with a code at once after an EHR launch; asks who and whom otherwise."""
        wanted = request.values
        client = self.authority.clients.get(wanted.get("client_id", ""))
        if client is None or wanted.get("redirect_uri") not in client.redirect_uris:
            return UNKNOWN, 400
        try:
            self._check(wanted)
            if self.authority.faults.deny:
                raise Refused(self.authority.faults.deny)
            if "launch" in wanted:
                context = self.authority.launched(self.profile.code, wanted["launch"])
            elif "patient" in wanted:
                context = Context(user=wanted["user"], patient=wanted["patient"])
            else:
                return self._ask(wanted)
            return self._answer(wanted, {"code": self._code(client, wanted, context)})
        except Refused as error:
            return self._answer(wanted, {"error": str(error), "error_description": "Refused by the sandbox"})

    def _check(self, wanted: Any) -> None:
        is_right = (
            wanted.get("response_type") == "code"
            and wanted.get("code_challenge_method") == "S256"
            and len(wanted.get("code_challenge", "")) == 43
            and len(wanted.get("state", "")) >= 22
            and wanted.get("aud", "").rstrip("/") == self.fhir_base
        )
        if not is_right:
            raise Refused("invalid_request")
        words = wanted.get("scope", "").split()
        if ("launch" in words) != ("launch" in wanted):
            raise Refused("invalid_scope")

    def _ask(self, wanted: Any) -> ResponseReturnValue:
        return render_template(
            "ehr_choose.html",
            profile=self.profile,
            patients=self.records.of("Patient"),
            people=self.records.of("Practitioner"),
            wanted=list(wanted.items()),
        )

    def _code(self, client: Client, wanted: Any, context: Context) -> str:
        return self.authority.code(
            Grant(
                profile=self.profile.code,
                client_id=client.client_id,
                scope=self._grantable(wanted.get("scope", "")),
                context=context,
                redirect_uri=wanted["redirect_uri"],
                nonce=wanted.get("nonce", ""),
                challenge=wanted["code_challenge"],
            )
        )

    def _grantable(self, scope: str) -> str:
        """What of the scope this vendor grants: its syntaxes, its wildcards, its kinds of access."""
        if self.authority.faults.grant_only is not None:
            return self.authority.faults.grant_only
        access = {name.replace("permission-", "") + "_access" for name in self.profile.access}
        granted = []
        for word in scope.split():
            found = read_scopes(word).resources
            is_v1 = word.rpartition(".")[2] in {"read", "write", "*"}
            if not found:
                granted += [word] if word in KNOWN_WORDS | access else []
            elif ("v1" if is_v1 else "v2") in self.profile.styles:
                granted += [word] if self.profile.wildcards or found[0].resource_type != "*" else []
        return " ".join(granted)

    def _answer(self, wanted: Any, values: dict[str, str]) -> ResponseReturnValue:
        query = urlencode({**values, "state": wanted.get("state", "")})
        return redirect(f"{wanted['redirect_uri']}?{query}")

    @property
    def fhir_base(self) -> str:
        """The FHIR base as it is called now."""
        return f"{request.host_url.rstrip('/')}{self.profile.fhir}"

    @property
    def issuer(self) -> str:
        """Who signs id_tokens."""
        return f"{request.host_url.rstrip('/')}{self.profile.issuer}"

    def token(self) -> Response:
        """Codes, refresh tokens and client credentials for access tokens; never kept by caches."""
        if self.authority.faults.token_status:
            return _unkept({"error": "server_error"}, self.authority.faults.token_status)
        url = f"{request.host_url.rstrip('/')}{request.path}"
        try:
            client = proven_client(self.authority, self.profile, url)
            answers = {
                "authorization_code": self._redeem,
                "refresh_token": self._refresh,
                "client_credentials": self._system,
            }
            answer = answers.get(request.form.get("grant_type", ""))
            if answer is None:
                raise Refused("unsupported_grant_type")
            return _unkept(answer(client), 200)
        except Refused as error:
            return _unkept({"error": str(error)}, 401 if str(error) == "invalid_client" else 400)

    def _redeem(self, client: Client) -> dict[str, Any]:
        form = request.form
        grant = self.authority.redeem(form.get("code", ""), client, self.profile.code, form)
        answer = self._answer_of(grant)
        if {"online_access", "offline_access"} & set(grant.scope.split()):
            answer["refresh_token"] = self.authority.refresh_token(grant)
        if "openid" in grant.scope.split():
            answer["id_token"] = self.authority.sign(self._claims(grant))
        return answer

    def _answer_of(self, grant: Grant) -> dict[str, Any]:
        context = grant.context
        optional = {
            "patient": context.patient,
            "encounter": context.encounter,
            "location": context.location if self.profile.gives_location else "",
            "intent": context.intent,
        }
        return {
            "access_token": self.authority.access_token(grant),
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": grant.scope,
            "need_patient_banner": context.needs_banner,
            "smart_style_url": f"{request.host_url}style.json",
            "fhirContext": [{"reference": reference} for reference in self._opened(context)],
            **{name: value for name, value in optional.items() if value},
        }

    @staticmethod
    def _opened(context: Context) -> list[str]:
        place = f"Location/{context.location}" if context.location else ""
        return [one for one in (context.about, place) if one]

    def _claims(self, grant: Grant) -> dict[str, Any]:
        now = int(time.time())
        reference = f"Practitioner/{grant.context.user}"
        absolute = self.profile.fhir_user == "absolute"
        claims = {
            "iss": self.authority.faults.other_issuer or self.issuer,
            "sub": f"sub-{grant.context.user}",
            "aud": grant.client_id,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
        }
        if "fhirUser" in grant.scope.split():
            claims["fhirUser"] = f"{self.fhir_base}/{reference}" if absolute else reference
        if grant.nonce and not self.authority.faults.omit_nonce:
            claims["nonce"] = grant.nonce
        return claims

    def _refresh(self, client: Client) -> dict[str, Any]:
        rotates = self.profile.refresh == "rotates"
        value = request.form.get("refresh_token", "")
        grant = self.authority.refreshed(value, client, self.profile.code, rotates=rotates)
        answer = self._answer_of(grant)
        if rotates:
            answer["refresh_token"] = self.authority.refresh_token(grant)
        return answer

    def _system(self, client: Client) -> dict[str, Any]:
        """Backend services: asymmetric clients only, system scopes only, no refresh token."""
        scopes = read_scopes(request.form.get("scope", ""))
        if "client_assertion" not in request.form:
            raise Refused("unauthorized_client")
        if scopes.others or not scopes.resources or {one.level for one in scopes.resources} != {"system"}:
            raise Refused("invalid_scope")
        grant = Grant(self.profile.code, client.client_id, request.form["scope"], Context())
        return {
            "access_token": self.authority.access_token(grant, SYSTEM_TOKEN_SECONDS),
            "token_type": "bearer",
            "expires_in": SYSTEM_TOKEN_SECONDS,
            "scope": grant.scope,
        }

    def revoke(self) -> Response:
        """RFC 7009."""
        try:
            proven_client(self.authority, self.profile, f"{request.host_url.rstrip('/')}{request.path}")
        except Refused as error:
            return _unkept({"error": str(error)}, 401)
        self.authority.revoke(request.form.get("token", ""))
        return _unkept({}, 200)


def _unkept(body: dict[str, Any], status: int) -> Response:
    response = jsonify(body)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response
