"""Addresses, assertions, token answers, id_tokens and resources of SMART servers, read strictly."""

import base64
import json
import time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from integrations.ehr.addresses import tenant_key
from integrations.ehr.contract import Registration
from integrations.ehr.keys import SigningKeys, new_key
from integrations.ehr.smart.answer import read_answer
from integrations.ehr.smart.discovery import (
    check_endpoints,
    load,
    read_capability_statement,
    read_configuration,
)
from integrations.ehr.smart.id_token import Expected, Unbelievable, validated
from integrations.ehr.smart.proof import proof, signed_assertion
from integrations.ehr.smart.resources import (
    encounter_facts,
    local_reference,
    patient_facts,
    place_facts,
    practitioner_facts,
)
from integrations.ehr.smart.style import read_style
from integrations.errors import Ambiguous, Misconfigured, PartnerError, Rejected, Retryable
from tests.samples import SAMPLES, needs_samples

SMART = SAMPLES / "ehr" / "smart"
FHIR = SAMPLES / "ehr" / "fhir"
BASE = "https://ehr.example.org/api/FHIR/R4"
TOKEN_URL = "https://ehr.example.org/token"
RSA_TEXT, EC_TEXT = new_key("RS384"), new_key("ES384")
KEYS = SigningKeys([RSA_TEXT, EC_TEXT])
EHR_KEY = RSAKey.generate_key(2048, {"kid": "ehr-1", "use": "sig"})
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def registration(**changes: Any) -> Registration:
    values: dict[str, Any] = {"kind": "other", "iss": BASE, "client_id": "portal", "keys": KEYS}
    return Registration(**{**values, **changes})


ELEMENTS = (
    "id", "name", "identifier", "location", "subject", "class", "telecom", "period", "serviceProvider",
    "partOf", "birthDate",
)  # fmt: skip


# Addresses


@needs_samples
def test_every_production_address_is_a_tenant_of_its_own() -> None:
    bundle = json.loads((SMART / "epic-production-endpoints-r4.json").read_text())
    addresses = {entry["resource"]["address"] for entry in bundle["entry"]}
    keys = {tenant_key(address) for address in addresses}
    assert len(addresses) > 400
    spelled = {address.rstrip("/").lower() for address in addresses}
    assert len(keys) >= len(spelled) - 1
    for address in addresses:
        assert tenant_key(address) == tenant_key(f"{address.rstrip('/')}/") == tenant_key(tenant_key(address))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://FHIR.KP.ORG/a/R4/", "https://fhir.kp.org/a/R4", True),
        ("https://ehr.example.org:443/R4", "https://ehr.example.org/R4", True),
        ("https://ehr.example.org/R4", "https://ehr.example.org/r4", False),
        ("https://ehr.example.org/R4", "https://ehr.example.org:8443/R4", False),
        ("https://ehr.example.org/R4", "https://ehr.example.org.evil.net/R4", False),
    ],
)
def test_slash_and_host_case_are_all_that_may_differ(one: str, other: str, same: bool) -> None:
    assert (tenant_key(one) == tenant_key(other)) is same


@pytest.mark.parametrize(
    "address",
    ["", "ehr.example.org", "http://ehr.example.org/R4", "ftp://x/y", "https://", "https://a b/c", "https://x?y",
     "https://x#y", "https://me@x/y", "https://x:99999/", "https://[::1", "https://x\\y", "javascript:x"],
)  # fmt: skip
def test_no_address_of_a_server(address: str) -> None:
    with pytest.raises(Rejected):
        tenant_key(address)


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        key = tenant_key(text)
    except Rejected:
        return
    assert tenant_key(key) == key


# Discovery


@needs_samples
@pytest.mark.parametrize("name", [path.name for path in sorted(SMART.glob("*.smart-configuration.json"))])
def test_the_vendors_documents_are_read(name: str) -> None:
    document = json.loads((SMART / name).read_text())
    found = read_configuration(document, BASE)
    assert found.authorization_endpoint == document["authorization_endpoint"]
    assert load(found.dump()) == found
    with pytest.raises(Misconfigured, match="not among the hosts"):
        check_endpoints(found, frozenset({"ehr.example.org"}))
    hosts = {httpx.URL(url).host for url in (found.token_endpoint, found.jwks_uri) if url}
    check_endpoints(found, frozenset(hosts))


def test_relative_addresses_belong_to_the_fhir_base() -> None:
    document = {"authorization_endpoint": "auth/authorize", "token_endpoint": "/oauth/token"}
    found = read_configuration(document, BASE)
    assert found.authorization_endpoint == f"{BASE}/auth/authorize"
    assert found.token_endpoint == "https://ehr.example.org/oauth/token"


@pytest.mark.parametrize("document", [None, [], "x", {"token_endpoint": 7}, {"token_endpoint": TOKEN_URL}])
def test_a_document_without_addresses_is_a_matter_of_set_up(document: object) -> None:
    with pytest.raises(Misconfigured):
        check_endpoints(read_configuration(document, BASE), frozenset({"ehr.example.org"}))


def test_plain_http_is_refused() -> None:
    document = {"authorization_endpoint": "http://ehr.example.org/a", "token_endpoint": TOKEN_URL}
    with pytest.raises(Misconfigured, match="https"):
        check_endpoints(read_configuration(document, BASE), frozenset({"ehr.example.org"}))


@given(JSON_VALUES)
def test_any_capability_statement_is_read_or_refused(document: object) -> None:
    for wrapped in (document, {"rest": [{"security": document}]}, {"rest": document}):
        with pytest.raises(Misconfigured):
            read_capability_statement(wrapped, BASE)


# Proving ourselves


@pytest.mark.parametrize(("algorithm", "key_type"), [("RS384", "RSA"), ("ES384", "EC")])
def test_an_assertion_holds_what_smart_asks(algorithm: str, key_type: str) -> None:
    made = signed_assertion(registration(auth_method=algorithm), TOKEN_URL)
    published = KEYS.published()["keys"]
    token = jwt.decode(made, KeySet.import_key_set({"keys": published}), algorithms=["RS384", "ES384"])
    used = next(key for key in published if key["kty"] == key_type)
    assert token.header == {"alg": algorithm, "kid": used["kid"], "typ": "JWT"}
    claims = token.claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("portal", "portal", TOKEN_URL)
    assert 0 < claims["exp"] - time.time() <= 300
    assert claims["exp"] - claims["iat"] == 240


def test_every_assertion_is_for_one_use() -> None:
    seen = set()
    for _ in range(20):
        payload = signed_assertion(registration(), TOKEN_URL).split(".")[1]
        seen.add(json.loads(base64.urlsafe_b64decode(f"{payload}=="))["jti"])
    assert len(seen) == 20


def test_the_key_sets_address_is_named_when_it_is_protected() -> None:
    for url, named in (("https://portal.example.org/ehr/jwks.json", True), ("http://127.0.0.1/x", False)):
        header = signed_assertion(registration(jwks_url=url), TOKEN_URL).split(".")[0]
        assert ("jku" in json.loads(base64.urlsafe_b64decode(f"{header}=="))) is named


def test_the_published_keys_are_public_whole_and_named_differently() -> None:
    keys = SigningKeys([RSA_TEXT, EC_TEXT, new_key("ES384")]).published()["keys"]
    assert len({key["kid"] for key in keys}) == 3
    assert {"kty", "kid", "n", "e"} <= set(keys[0])
    assert all({"kty", "kid", "crv", "x", "y"} <= set(key) for key in keys[1:])
    assert not any({"d", "p", "q"} & set(key) for key in keys)


def test_a_missing_key_or_secret_says_what_to_do() -> None:
    with pytest.raises(Misconfigured, match="portal smart key"):
        proof(registration(keys=SigningKeys()), TOKEN_URL)
    with pytest.raises(Misconfigured, match="secret"):
        proof(registration(auth_method="client_secret_basic"), TOKEN_URL)


def test_a_secret_goes_where_the_tenant_wants_it() -> None:
    basic = proof(registration(auth_method="client_secret_basic", secret="s:1"), TOKEN_URL)
    assert basic.headers == {"authorization": f"Basic {base64.b64encode(b'portal:s:1').decode()}"}
    assert basic.form == {}
    post = proof(registration(auth_method="client_secret_post", secret="s:1"), TOKEN_URL)
    assert (post.headers, post.form) == ({}, {"client_id": "portal", "client_secret": "s:1"})
    assert "client_id" not in proof(registration(), TOKEN_URL).form


# Token answers


def answered(body: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=json.dumps(body).encode())


def test_the_launch_context_is_read_as_it_is() -> None:
    granted = read_answer(
        answered({
            "access_token": "secret", "token_type": "bearer", "expires_in": "570", "scope": "launch",
            "patient": "7", "encounter": 8, "need_patient_banner": False, "intent": "x" * 10,
            "fhirContext": [{"reference": "ServiceRequest/1"}, {"reference": "List/2", "role": "r"}, "x", {}],
        }),
        asked_scope="launch openid",
    )  # fmt: skip
    assert (granted.scope, granted.patient, granted.encounter) == ("launch", "7", "")
    assert (granted.expires_in, granted.needs_banner, granted.style_url) == (570, False, "")
    assert [(item.reference, item.role) for item in granted.context] == [
        ("ServiceRequest/1", "launch"), ("List/2", "r"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given_scope", "granted"),
    [({}, "asked"), ({"scope": ""}, ""), ({"scope": "less"}, "less"), ({"scope": None}, "asked")],
)
def test_the_granted_scope_is_read_not_assumed(given_scope: dict[str, object], granted: str) -> None:
    body = {"access_token": "t", "token_type": "Bearer", **given_scope}
    assert read_answer(answered(body), asked_scope="asked").scope == granted


def test_a_banner_is_shown_unless_the_ehr_shows_one() -> None:
    for value, shown in ((True, True), (None, True), ("false", True), (False, False)):
        body = {"access_token": "t", "token_type": "Bearer", "need_patient_banner": value}
        assert read_answer(answered(body), asked_scope="").needs_banner is shown


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"error": "invalid_grant"}, 400, Rejected),
        ({"error": "invalid_client"}, 401, Misconfigured),
        ({"error": "invalid_scope"}, 400, Misconfigured),
        ({"error": "temporarily_unavailable"}, 400, Retryable),
        ({}, 429, Retryable),
        ({}, 302, Rejected),
        ({}, 502, Ambiguous),
        ({"access_token": "t", "token_type": "mac"}, 200, Rejected),
        ({"token_type": "Bearer"}, 200, Rejected),
        ([], 200, Rejected),
        ("x", 400, Rejected),
    ],
)
def test_what_an_answer_means(body: object, status: int, error: type[PartnerError]) -> None:
    with pytest.raises(error) as caught:
        read_answer(answered(body, status), asked_scope="")
    assert type(caught.value) is error


@given(JSON_VALUES, st.sampled_from([200, 400, 401, 500]))
def test_any_answer_is_read_or_refused(body: object, status: int) -> None:
    wrapped = {"access_token": "t", "token_type": "Bearer", "fhirContext": body, "scope": body}
    for content in (body, wrapped):
        try:
            read_answer(answered(content, status), asked_scope="")
        except PartnerError:
            continue


# id_tokens

UNSIGNED = base64.urlsafe_b64encode(b'{"alg":"none"}').decode()
EXPECTED = Expected(frozenset({"https://ehr.example.org/oauth2"}), "portal", "n-1")


def id_token(key: Any = EHR_KEY, alg: str = "RS256", **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": "https://ehr.example.org/oauth2", "sub": "7", "aud": "portal", "iat": now, "exp": now + 60,
        "nonce": "n-1", **changes,
    }  # fmt: skip
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": alg, "kid": "ehr-1"}, kept, key, algorithms=[alg])


def believed(token: str, expected: Expected = EXPECTED) -> dict[str, Any]:
    return dict(validated(token, expected, lambda issuer, kid: KeySet([EHR_KEY])))


def test_a_good_id_token_is_believed() -> None:
    assert believed(id_token())["sub"] == "7"
    assert believed(id_token(aud=["portal", "other"], azp="portal"))["sub"] == "7"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example.org"}, {"iss": "https://ehr.example.org/oauth2/"}, {"iss": None},
        {"sub": None}, {"sub": 7}, {"aud": "other"}, {"aud": None}, {"aud": ["other"]},
        {"aud": ["portal", "other"], "azp": "other"}, {"exp": 1}, {"exp": None}, {"iat": None},
        {"iat": int(time.time()) + 3600}, {"nonce": "other"}, {"nonce": None}, {"nonce": ""},
    ],
)  # fmt: skip
def test_an_id_token_with_a_wrong_claim_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unbelievable):
        believed(id_token(**changes))


def test_an_id_token_signed_by_somebody_else_is_refused() -> None:
    forged = RSAKey.generate_key(2048, {"kid": "ehr-1"})
    symmetric = OctKey.import_key(json.dumps(EHR_KEY.as_dict(private=False)).encode())
    for token in (
        id_token(forged),
        id_token(symmetric, "HS256"),
        id_token(ECKey.generate_key("P-256"), "ES256"),
        f"{id_token().rpartition('.')[0]}.",
        f"{UNSIGNED}.{id_token().split('.')[1]}.",
        "", "a.b.c", "..", "x" * 30_000,
    ):  # fmt: skip
        with pytest.raises(Unbelievable):
            believed(token)


def test_a_nonce_that_comes_must_be_ours_even_where_none_is_expected() -> None:
    lenient = Expected(EXPECTED.issuers, "portal", "n-1", needs_nonce=False)
    assert believed(id_token(nonce=None), lenient)["sub"] == "7"
    with pytest.raises(Unbelievable):
        believed(id_token(nonce="other"), lenient)


# Looks


@pytest.mark.parametrize(
    ("document", "accent", "radius"),
    [
        ({"color_highlight": "#2a6496", "dim_border_radius": "4px"}, "#2a6496", "4px"),
        ({"color_highlight": "#ffff00", "dim_border_radius": "1em"}, "", ""),
        ({"color_highlight": "#000000; } body { display: none"}, "", ""),
        ({"color_highlight": 7}, "", ""),
        ([], "", ""),
        (None, "", ""),
    ],
)
def test_of_an_ehrs_look_only_what_stays_readable(document: object, accent: str, radius: str) -> None:
    style = read_style(document)
    assert (style.accent, style.radius) == (accent, radius)


# Resources


@pytest.mark.parametrize(
    ("reference", "local"),
    [
        ("Patient/7", "Patient/7"),
        (f"{BASE}/Patient/7", "Patient/7"),
        ("https://EHR.example.org/api/FHIR/R4/Patient/7/_history/2", "Patient/7"),
        (f"{BASE}evil/Patient/7", None),
        ("https://evil.example.org/api/FHIR/R4/Patient/7", None),
        ("Patient/../Secret/7", None),
        ("Patient/7?x=y", None),
        ("#contained", None),
        ("urn:uuid:7", None),
    ],
)
def test_references_to_this_server_only(reference: str, local: str | None) -> None:
    if local is None:
        with pytest.raises(Rejected):
            local_reference(reference, BASE)
    else:
        assert local_reference(reference, BASE) == local


@given(st.dictionaries(st.sampled_from(ELEMENTS), JSON_VALUES))
def test_any_resource_can_be_read(resource: dict[str, Any]) -> None:
    patient_facts(resource)
    encounter_facts(resource)
    place_facts(resource)
    practitioner_facts(resource, [resource])


@needs_samples
@pytest.mark.parametrize("kind", ["Patient", "Encounter", "Location", "Practitioner"])
def test_real_resources_are_read(kind: str) -> None:
    lines = (FHIR / f"synthea-{kind}.ndjson").read_text().splitlines()
    for line in lines:
        resource = json.loads(line)
        if kind == "Patient":
            patient = patient_facts(resource)
            assert all((patient.name, patient.birth_date, patient.sex, patient.identifiers))
        elif kind == "Encounter":
            encounter = encounter_facts(resource)
            assert all((encounter.id, encounter.status, encounter.patient, encounter.kind))
        elif kind == "Location":
            assert place_facts(resource).identifiers
        else:
            assert practitioner_facts(resource, []).name
