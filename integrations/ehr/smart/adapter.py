"""One tenant at one SMART server: discovery, authorization, tokens, who is there."""

import json
import secrets
import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from integrations.ehr.addresses import host_of, is_protected, tenant_key
from integrations.ehr.contract import Asked, Cache, Clinician, Granted, Reading, Registration, Style
from integrations.ehr.smart import discovery, resources
from integrations.ehr.smart.answer import read_answer
from integrations.ehr.smart.discovery import Discovery
from integrations.ehr.smart.id_token import Expected, validated
from integrations.ehr.smart.proof import proof
from integrations.ehr.smart.reading import FhirReading
from integrations.ehr.smart.scopes import launch_scope
from integrations.ehr.smart.style import read_style
from integrations.errors import Ambiguous, Misconfigured, PartnerError, Rejected, Retryable
from integrations.health import Health
from integrations.http import Connection, Door

KEPT_SECONDS = 3600
STYLE_SECONDS = 86_400
REFETCH_SECONDS = 60
LONGEST_ADDRESS = 2000  # what every server and proxy takes; the launch value may be as long alone
STATE_BYTES = 32  # 256 bits; SMART asks for 122
USERS = frozenset({"Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Person"})


class Smart:
    """Implements `Ehr` by SMART App Launch 2.2 as a confidential client."""

    def __init__(self, registration: Registration, connection: Connection, cache: Cache) -> None:
        self.registration = registration
        self._door = Door(connection)
        self._cache = cache
        self._hosts = registration.hosts | {host_of(registration.iss)}

    def close(self) -> None:
        """Releases the connection."""
        self._door.close()

    def check(self) -> Health:
        """Reads what the EHR publishes; never raises."""
        started = time.monotonic()
        try:
            found = self.discover(fresh=True)
        except PartnerError as error:
            reached = not isinstance(error, Retryable)
            return Health(reached, False, str(error), round((time.monotonic() - started) * 1000))
        return Health(True, True, f"publishes {found.source}", round((time.monotonic() - started) * 1000))

    def discover(self, *, fresh: bool = False) -> Discovery:
        """What the server publishes, kept for an hour; raises Misconfigured or Retryable."""
        key = f"smart:{tenant_key(self.registration.iss)}"
        kept = None if fresh else self._cache.load(key)
        if kept is not None:
            return discovery.load(kept)
        found = self.published()
        discovery.check_endpoints(found, self._hosts)
        self._cache.keep(key, found.dump(), KEPT_SECONDS)
        return found

    def published(self) -> Discovery:
        """What the server publishes now, not judged yet; raises Misconfigured or Retryable."""
        base = self.registration.iss.rstrip("/")
        status, document = self._json(f"{base}/{discovery.WELL_KNOWN}")
        if status == httpx.codes.OK:
            return discovery.read_configuration(document, base)
        status, document = self._json(f"{base}/metadata", accept="application/fhir+json")
        if status != httpx.codes.OK:
            raise Misconfigured(f"the server answers {status} to {discovery.WELL_KNOWN} and to metadata")
        return discovery.read_capability_statement(document, base)

    def ask(self, *, launch: str = "", aud: str = "") -> Asked:
        """An authorization request."""
        found = self.discover()
        state, nonce = secrets.token_urlsafe(STATE_BYTES), secrets.token_urlsafe(STATE_BYTES)
        verifier = secrets.token_urlsafe(48)
        url: str = prepare_grant_uri(
            found.authorization_endpoint,
            self.registration.client_id,
            "code",
            redirect_uri=self.registration.redirect_uri,
            scope=self._launch_scope(standalone=not launch),
            state=state,
            launch=launch or None,
            aud=aud or self.registration.iss,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
            nonce=nonce,
        )
        if len(url) > LONGEST_ADDRESS and found.has("capabilities", "authorize-post"):
            endpoint, _, query = url.partition("?")
            fields = dict(parse_qsl(query))
            return Asked(endpoint, state, nonce, verifier, found.token_endpoint, fields)
        return Asked(url, state, nonce, verifier, found.token_endpoint)

    def _launch_scope(self, *, standalone: bool) -> str:
        return launch_scope(self.registration.kind, self.registration.scope_style, standalone=standalone)

    def redeem(self, code: str, *, code_verifier: str, token_endpoint: str) -> Granted:
        """Exchanges a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.registration.redirect_uri,
            "code_verifier": code_verifier,
        }
        return self._token(token_endpoint, form, asked_scope=self._launch_scope(standalone=False))

    def refresh(self, refresh_token: str, *, scope: str) -> Granted:
        """A new access token; no scope is asked for, so that it stays what was granted."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        granted = self._token(self.discover().token_endpoint, form, asked_scope=scope)
        return granted if granted.refresh_token else replace(granted, refresh_token=refresh_token)

    def sign_in_as_system(self, scope: str) -> Granted:
        """A token of the portal itself (SMART 2.2, backend services)."""
        form = {"grant_type": "client_credentials", "scope": scope}
        return self._token(self.discover().token_endpoint, form, asked_scope=scope)

    def revoke(self, value: str) -> bool:
        """Gives a token back (RFC 7009)."""
        endpoint = self.discover().revocation_endpoint
        if not endpoint:
            return False
        response = self._post(endpoint, {"token": value})
        return response.is_success

    def _token(self, endpoint: str, form: dict[str, str], *, asked_scope: str) -> Granted:
        if not is_protected(endpoint) or host_of(endpoint) not in self._hosts:
            raise Misconfigured("the EHR's token address is not among the hosts of this EHR")
        return read_answer(self._post(endpoint, form), asked_scope=asked_scope)

    def _post(self, endpoint: str, form: dict[str, str]) -> httpx.Response:
        proven = proof(self.registration, endpoint)
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            **proven.headers,
        }
        return self._door.send(
            "POST", endpoint, headers=headers, body=urlencode({**form, **proven.form}).encode()
        )

    def clinician(self, granted: Granted, nonce: str) -> Clinician:
        """The person of the id_token."""
        found = self.discover()
        expected = Expected(
            issuers=self.registration.issuers | ({found.issuer} if found.issuer else frozenset()),
            client_id=self.registration.client_id,
            nonce=nonce,
            needs_nonce=self.registration.expects_nonce,
        )
        claims = validated(granted.id_token, expected, self._keys)
        return Clinician(
            issuer=str(claims["iss"]),
            subject=str(claims["sub"]),
            fhir_user=self._fhir_user(claims.get("fhirUser")),
            name=resources.text(claims.get("name")),
        )

    def _fhir_user(self, claim: Any) -> str:
        """ "Type/id" when it is a person on this server; a person elsewhere is not asked about."""
        try:
            reference = resources.local_reference(resources.text(claim), self.registration.iss)
        except Rejected:
            return ""
        return reference if reference.partition("/")[0] in USERS else ""

    def reading(self, access_token: str, scope: str) -> Reading:
        """Reads with a token."""
        return FhirReading(self._door, self.registration.iss, self.registration.kind, access_token, scope)

    def style(self, url: str) -> Style:
        """The look the EHR asks for, kept for a day."""
        if host_of(url) not in self._hosts or not is_protected(url):
            return Style()
        kept = self._cache.load(f"smart-style:{url}")
        if kept is None:
            status, document = self._json(url)
            kept = json.dumps(document if status == httpx.codes.OK else {}).encode()
            self._cache.keep(f"smart-style:{url}", kept, STYLE_SECONDS)
        return read_style(json.loads(kept))

    def _keys(self, issuer: str, kid: str) -> KeySet:
        """The issuer's keys; fetched anew, at most once a minute, when the key is not among those kept."""
        name = f"smart-keys:{issuer}"
        kept = self._cache.load(name)
        if kept is not None and (_holds(kept, kid) or self._cache.load(f"{name}:new") is not None):
            return _key_set(kept)
        status, document = self._json(self._jwks_uri(issuer))
        if status != httpx.codes.OK:
            raise Retryable("the EHR's signing keys cannot be read")
        raw = json.dumps(document).encode()
        self._cache.keep(name, raw, KEPT_SECONDS)
        self._cache.keep(f"{name}:new", b"1", REFETCH_SECONDS)
        return _key_set(raw)

    def _jwks_uri(self, issuer: str) -> str:
        """From the issuer's OpenID discovery; where that fails, from the SMART configuration."""
        found = self.discover()
        if host_of(issuer) in self._hosts and is_protected(issuer):
            status, document = self._json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            uri = resources.text(resources.one(document).get("jwks_uri"))
            if status == httpx.codes.OK and host_of(uri) in self._hosts and is_protected(uri):
                return uri
        if not found.jwks_uri:
            raise Misconfigured("the EHR publishes no signing keys")
        return found.jwks_uri

    def _json(self, url: str, *, accept: str = "application/json") -> tuple[int, Any]:
        """Status and document (None when it is no JSON)."""
        try:
            response = self._door.send("GET", url, headers={"accept": accept})
        except Ambiguous as error:
            raise Retryable(str(error)) from error
        if response.is_server_error:
            raise Retryable(f"the EHR answered {response.status_code}")
        try:
            return response.status_code, json.loads(response.content)
        except ValueError:
            return response.status_code, None


def _holds(raw: bytes, kid: str) -> bool:
    return not kid or any(key.get("kid") == kid for key in resources.objects(json.loads(raw).get("keys")))


def _key_set(raw: bytes) -> KeySet:
    """The keys that can be used; one of an unknown kind does not spoil the others."""
    usable = []
    for key in resources.objects(json.loads(raw).get("keys")):
        try:
            usable += KeySet.import_key_set({"keys": [key]}).keys
        except (JoseError, ValueError, KeyError, TypeError):
            continue
    return KeySet(usable)
