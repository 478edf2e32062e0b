"""The FHIR side: discovery, reading and search within token, scope and compartment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, request

from integrations.ehr.smart.discovery import OAUTH_URIS
from integrations.ehr.smart.scopes import read_scopes
from integrations.sandbox.ehr.authority import Authority, Grant
from integrations.sandbox.ehr.profiles import Profile
from integrations.sandbox.ehr.records import Records, Resource, patient_of

FHIR_JSON = "application/fhir+json"
JSON = frozenset({FHIR_JSON, "application/json", "*/*"})
RESTRICTED = "patient-c"
PAGE = 20
WRITES = {"POST": "c"}


@dataclass(frozen=True)
class Fhir:
    """The endpoints of one profile."""

    authority: Authority
    profile: Profile
    records: Records

    def configuration(self) -> Response:
        """The SMART configuration; an older server has none."""
        if self.profile.publishes != "smart-configuration":
            return _outcome(404, "not-found")
        host = request.host_url.rstrip("/")
        profile = self.profile
        document: dict[str, Any] = {
            "issuer": f"{host}{profile.issuer}",
            "jwks_uri": f"{host}{profile.oauth}/keys",
            "authorization_endpoint": f"{host}{profile.oauth}/authorize",
            "token_endpoint": f"{host}{profile.oauth}/token",
            "token_endpoint_auth_methods_supported": profile.authentication,
            "token_endpoint_auth_signing_alg_values_supported": profile.algorithms,
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "capabilities": [
                "launch-ehr", "launch-standalone", "client-confidential-symmetric",
                "client-confidential-asymmetric", "sso-openid-connect", "context-banner", "context-style",
                "authorize-post",
                "context-ehr-patient", "context-ehr-encounter", "context-standalone-patient",
                "permission-patient", "permission-user", *profile.access,
                *(f"permission-{style}" for style in sorted(profile.styles)),
            ],
        }  # fmt: skip
        if profile.revokes:
            document["revocation_endpoint"] = f"{host}{profile.oauth}/revoke"
        if not profile.lists_scopes:
            document["scopes_supported"] = ["launch", "openid", "fhirUser", "profile"]
        return jsonify(document)

    def metadata(self) -> Response:
        """The CapabilityStatement with the older extension."""
        uris = [
            {"url": name, "valueUri": f"{self.profile.oauth}/{name}"}
            for name in ("authorize", "token", "revoke")
        ]
        security = {"extension": [{"url": f"http://fhir.example.org{OAUTH_URIS}", "extension": uris}]}
        statement = {
            "resourceType": "CapabilityStatement",
            "fhirVersion": "4.0.1",
            "rest": [{"mode": "server", "security": security}],
        }
        return _fhir(statement)

    def read(self, kind: str, number: str) -> Response:
        """One resource."""
        grant = self._grant()
        if isinstance(grant, Response):
            return grant
        resource = self.records.one(kind, number)
        refusal = self._refusal(grant, kind, "r", [resource] if resource else [])
        if refusal is not None:
            return refusal
        return _fhir(resource) if resource else _outcome(404, "not-found")

    def search(self, kind: str) -> Response:
        """A page of matches of the patient the token is for, or of everybody."""
        grant = self._grant()
        if isinstance(grant, Response):
            return grant
        start = int(request.args.get("_page", "0"))
        found = list(self.records.search(kind, request.args))
        if _level(grant, kind, "s") == "patient":
            found = [one for one in found if patient_of(one) in ("", grant.context.patient)]
        refusal = self._refusal(grant, kind, "s", found)
        if refusal is not None:
            return refusal
        return _fhir(self._bundle(found, start))

    def create(self, kind: str) -> Response:
        """Stores a posted resource."""
        grant = self._grant()
        if isinstance(grant, Response):
            return grant
        resource = request.get_json(silent=True)
        if not isinstance(resource, dict) or resource.get("resourceType") != kind:
            return _outcome(400, "invalid")
        refusal = self._refusal(grant, kind, "c", [resource])
        return refusal if refusal is not None else _fhir(self.records.add(resource), 201)

    def _grant(self) -> Grant | Response:
        accepted = {part.partition(";")[0].strip() for part in request.headers.get("Accept", "").split(",")}
        if self.profile.json_only and not accepted & JSON:
            return Response(status=406)
        value = request.headers.get("Authorization", "")
        grant = self.authority.granted(value.removeprefix("Bearer "), self.profile.code)
        if not value.startswith("Bearer ") or grant is None:
            response = _outcome(401, "login")
            response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
            return response
        return grant

    def _refusal(self, grant: Grant, kind: str, action: str, found: list[Resource]) -> Response | None:
        """Why the answer is no: scope, another patient's record, the privacy policy, an absent type."""
        level = _level(grant, kind, action)
        if kind == "PractitionerRole" and not self.profile.has_practitioner_role:
            return _outcome(404, "not-supported")
        if not level:
            return _outcome(403, "forbidden")
        patients = {patient_of(one) for one in found} - {""}
        if level == "patient" and patients - {grant.context.patient}:
            return _outcome(403, "forbidden")
        if level != "system" and RESTRICTED in patients:
            return _outcome(403, "suppressed", self.profile.refusal_code)
        return None

    def _bundle(self, found: list[Resource], start: int) -> Resource:
        page = found[start : start + PAGE]
        links = []
        if start + PAGE < len(found):
            query = urlencode({**request.args, "_page": str(start + PAGE)})
            links = [{"relation": "next", "url": f"{request.base_url}?{query}"}]
        return {
            "resourceType": "Bundle",
            "type": "searchset",
            "link": links,
            "entry": [{"resource": resource, "search": {"mode": "match"}} for resource in page],
        }


def _level(grant: Grant, kind: str, action: str) -> str:
    """The widest level at which the token allows the action."""
    scopes = read_scopes(grant.scope)
    levels = [level for level in ("system", "user", "patient") if scopes.allows(kind, action, levels=[level])]
    return levels[0] if levels else ""


def _fhir(body: Mapping[str, Any], status: int = 200) -> Response:
    response = jsonify(body)
    response.status_code = status
    response.content_type = FHIR_JSON
    return response


def _outcome(status: int, code: str, vendor_code: str = "") -> Response:
    issue: dict[str, Any] = {"severity": "error", "code": code}
    if vendor_code:
        issue["details"] = {"coding": [{"system": "urn:sandbox:codes", "code": vendor_code}]}
    return _fhir({"resourceType": "OperationOutcome", "issue": [issue]}, status)
