"""The sandbox EHR is stricter than the vendors: what a careless client tries is refused."""

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt

from integrations.ehr.keys import SigningKeys, new_key
from integrations.sandbox.ehr.app import Hospital
from integrations.sandbox.ehr.authority import Context
from integrations.sandbox.ehr.profiles import PROFILES
from integrations.sandbox.ehr.server import hospital_for, running

CALLBACK = "http://127.0.0.1:8000/ehr/callback/x/epic"
KEYS = SigningKeys([new_key("RS384")])
VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SCOPE = "launch openid fhirUser offline_access patient/Patient.rs patient/Encounter.rs"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Client:
    """A client that can be made careless."""

    url: str
    hospital: Hospital

    @property
    def base(self) -> str:
        return f"{self.url}{PROFILES['epic'].fhir}"

    @property
    def token_url(self) -> str:
        return f"{self.url}{PROFILES['epic'].oauth}/token"

    def authorize(self, **changes: str) -> dict[str, str]:
        """The answer's parameters, or the status of a refusal shown to the person."""
        context = Context("surgeon", "patient-a", "encounter-a", "OR1")
        wanted = {
            "response_type": "code", "client_id": "portal-epic", "redirect_uri": CALLBACK, "scope": SCOPE,
            "launch": self.hospital.authority.launch("epic", context), "state": "s" * 43, "aud": self.base,
            "code_challenge": CHALLENGE, "code_challenge_method": "S256", "nonce": "n", **changes,
        }  # fmt: skip
        query = urlencode({name: value for name, value in wanted.items() if value})
        answer = httpx.get(f"{self.url}{PROFILES['epic'].oauth}/authorize?{query}", trust_env=False)
        if answer.status_code != 302:
            return {"status": str(answer.status_code)}
        back = urlsplit(answer.headers["location"]).query
        return {name: values[0] for name, values in parse_qs(back).items()}

    def assertion(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        key = KEYS.signer("RS384")
        now = int(time.time())
        claims = {
            "iss": "portal-epic", "sub": "portal-epic", "aud": self.token_url, "exp": now + 240,
            "jti": secrets.token_hex(8), **changes,
        }  # fmt: skip
        named = {"alg": "RS384", "kid": key.kid, "typ": "JWT", **(header or {})}
        return jwt.encode(named, claims, key, algorithms=["RS384"])

    def token(self, code: str = "", assertion: str = "", **changes: str) -> tuple[int, dict[str, Any]]:
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER, "client_assertion_type": JWT_BEARER,
            "client_assertion": assertion or self.assertion(), **changes,
        }  # fmt: skip
        answer = httpx.post(self.token_url, data=form, trust_env=False)
        return answer.status_code, answer.json()

    def fhir(self, path: str, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"}
        return httpx.get(f"{self.base}/{path}", headers=headers, trust_env=False).status_code


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    callbacks = {"epic": "/ehr/callback/x/epic"}
    hospital = hospital_for("http://127.0.0.1:8000", callbacks, jwks=KEYS.published)
    with running(hospital) as url:
        yield Client(url, hospital)


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": ""}, {"code_challenge_method": "plain"}, {"state": "short"}, {"state": ""},
        {"aud": "https://other.example.org"}, {"aud": ""}, {"response_type": "token"}, {"launch": "unknown"},
        {"scope": "openid"},
    ],
)  # fmt: skip
def test_a_careless_authorization_request_is_refused(client: Client, changes: dict[str, str]) -> None:
    assert "error" in client.authorize(**changes)


@pytest.mark.parametrize("changes", [{"redirect_uri": f"{CALLBACK}/"}, {"client_id": "nobody"}])
def test_nobody_is_sent_to_an_address_that_is_not_registered(client: Client, changes: dict[str, str]) -> None:
    assert client.authorize(**changes) == {"status": "400"}


def test_a_launch_and_a_code_work_once(client: Client) -> None:
    launch = client.hospital.authority.launch("epic", Context("surgeon", "patient-a"))
    assert "code" in client.authorize(launch=launch)
    assert "error" in client.authorize(launch=launch)
    code = client.authorize()["code"]
    assert client.token(code)[0] == 200
    assert client.token(code) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize("changes", [{"code_verifier": "v" * 43}, {"redirect_uri": "https://x"}])
def test_a_code_needs_its_verifier_and_address(client: Client, changes: dict[str, str]) -> None:
    assert client.token(client.authorize()["code"], **changes)[1] == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) + 3600}, {"exp": int(time.time()) - 10}, {"aud": "https://other.example.org"},
        {"sub": "other"}, {"iss": "other"}, {"jti": "once"}, {"header": {"kid": "other"}},
        {"header": {"typ": "jose"}},
    ],
)  # fmt: skip
def test_a_careless_assertion_is_refused(client: Client, changes: dict[str, Any]) -> None:
    if changes.get("jti"):
        client.token("x", client.assertion(jti="once"))
    status, body = client.token(client.authorize()["code"], client.assertion(**changes))
    assert (status, body) == (401, {"error": "invalid_client"})


def test_records_need_a_token_and_its_scope(client: Client) -> None:
    status, granted = client.token(client.authorize()["code"])
    assert (status, granted["need_patient_banner"]) == (200, True)
    token = granted["access_token"]
    assert client.fhir("Patient/patient-a", token) == 200
    assert client.fhir("Patient/patient-b", token) == 403
    assert client.fhir("Procedure/procedure-a", token) == 403
    assert client.fhir("Patient/patient-a", "guess") == 401
    assert client.fhir("metadata", "guess") == 200


def test_the_desk_offers_charts_and_tabs(client: Client) -> None:
    desk = httpx.get(f"{client.url}/", trust_env=False).text
    assert "Test patient A" in desk
    assert "Open in the chart" in desk
    chart = httpx.get(f"{client.url}/open?profile=epic&user=surgeon&encounter=encounter-a&how=frame")
    assert "<iframe" in chart.text
    assert httpx.get(f"{client.url}/open?profile=none").status_code == 404
