"""Every EHR adapter keeps its contract over each vendor's variant of the strict sandbox, by real HTTP."""

import inspect
import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from integrations.ehr.contract import BREAK_THE_GLASS, Asked, Ehr, Granted, Registration
from integrations.ehr.keys import SigningKeys, new_key
from integrations.errors import Ambiguous, Misconfigured, PartnerError, Rejected, Retryable
from integrations.http import Connection
from integrations.registry import EHRS
from integrations.sandbox.ehr.app import Hospital
from integrations.sandbox.ehr.authority import Context, Faults
from integrations.sandbox.ehr.profiles import PROFILES
from integrations.sandbox.ehr.server import hospital_for, running
from portal.embedded import free_port

SECRET = "the client's secret"
KEYS = SigningKeys([new_key("RS384"), new_key("ES384")])
OLD, NEW = new_key("RS384"), new_key("RS384")
PORTAL = "http://127.0.0.1:8000"
AT_WORK = Context(
    user="surgeon", patient="patient-a", encounter="encounter-a", location="OR1", intent="supplies"
)


class Memory:
    """Keeps for ever, in this process."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def keep(self, key: str, value: bytes, seconds: int) -> None:
        assert seconds > 0
        self.kept[key] = value

    def forget(self, key: str) -> None:
        self.kept.pop(key, None)


@dataclass
class Desk:
    """A running sandbox and an adapter registered at one of its profiles."""

    url: str
    hospital: Hospital
    profile: str
    kind: str
    memory: Memory = field(default_factory=Memory)

    @property
    def iss(self) -> str:
        return f"{self.url}{PROFILES[self.profile].fhir}"

    def registration(self) -> Registration:
        return Registration(
            kind=self.profile,
            iss=self.iss,
            client_id=f"portal-{self.profile}",
            redirect_uri=f"{PORTAL}/ehr/callback/{self.profile}",
            secret=SECRET,
            keys=KEYS,
            issuers=frozenset({f"{self.url}{PROFILES[self.profile].issuer}"}),
            scope_style="v1" if self.profile == "older" else "v2",
        )

    def adapter(self, **changes: Any) -> Ehr:
        timeout = changes.pop("timeout", 5.0)
        return EHRS[self.kind](
            replace(self.registration(), **changes),
            Connection(
                base_url=self.iss,
                secret=SECRET,
                allowed_hosts=frozenset({"127.0.0.1"}),
                timeout_seconds=timeout,
            ),
            self.memory,
        )

    def follow(self, asked: Asked) -> dict[str, str]:
        """What the browser brings back from the authorization page."""
        answer = httpx.get(asked.url, trust_env=False)
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["location"])
        assert f"{back.scheme}://{back.netloc}{back.path}" == f"{PORTAL}/ehr/callback/{self.profile}"
        return {name: values[0] for name, values in parse_qs(back.query).items()}

    def launch(self, ehr: Ehr, context: Context = AT_WORK) -> tuple[Asked, Granted]:
        asked = ehr.ask(launch=self.hospital.authority.launch(self.profile, context))
        back = self.follow(asked)
        assert back["state"] == asked.state
        return asked, self.redeem(ehr, asked, back["code"])

    def redeem(self, ehr: Ehr, asked: Asked, code: str) -> Granted:
        return ehr.redeem(code, code_verifier=asked.code_verifier, token_endpoint=asked.token_endpoint)


@pytest.fixture(params=sorted(PROFILES))
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=sorted(EHRS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[tuple[Hospital, str]]:
    callbacks = {code: f"/ehr/callback/{code}" for code in PROFILES}
    hospital = hospital_for(PORTAL, callbacks, secret=SECRET, jwks=KEYS.published)
    with running(hospital) as url:
        yield hospital, url


@pytest.fixture
def desk(sandbox: tuple[Hospital, str], kind: str, profile: str) -> Desk:
    hospital, url = sandbox
    hospital.authority.faults = Faults()
    return Desk(url, hospital, profile, kind)


@pytest.fixture
def ehr(desk: Desk) -> Iterator[Ehr]:
    with closing(desk.adapter()) as adapter:
        yield adapter


def refused(error: type[PartnerError], desk: Desk, ehr: Ehr, asked: Asked, code: str) -> PartnerError:
    with pytest.raises(error) as caught:
        desk.redeem(ehr, asked, code)
    return caught.value


def test_a_launch_gives_tokens_context_and_person(desk: Desk, ehr: Ehr) -> None:
    asked, granted = desk.launch(ehr)
    assert (granted.patient, granted.encounter, granted.intent) == ("patient-a", "encounter-a", "supplies")
    assert granted.needs_banner
    assert granted.style_url == f"{desk.url}/style.json"
    assert [item.reference for item in granted.context] == ["Location/OR1"]
    assert (granted.expires_in, bool(granted.refresh_token)) == (570, True)
    person = ehr.clinician(granted, asked.nonce)
    assert (person.subject, person.fhir_user) == ("sub-surgeon", "Practitioner/surgeon")


def test_what_was_granted_can_be_read(desk: Desk, ehr: Ehr) -> None:
    _, granted = desk.launch(ehr)
    reading = ehr.reading(granted.access_token, granted.scope)
    patient = reading.patient(granted.patient)
    assert (patient.name, patient.birth_date, patient.sex) == ("Test patient A", "1950-03-01", "female")
    assert patient.identifiers[0] == ("urn:sandbox:mrn", "MRN-A-1001")
    encounter = reading.encounter(granted.encounter)
    assert (encounter.number, encounter.status, encounter.kind) == ("VISIT-A-1", "in-progress", "IMP")
    assert (encounter.patient, encounter.locations) == ("patient-a", ("Location/OR1",))
    place = reading.place(encounter.locations[0])
    assert (place.name, place.part_of) == ("Operating room 1", ("Organization/hospital",))
    person = reading.practitioner("Practitioner/surgeon")
    assert (person.name, person.npi) == ("Test surgeon", "1999999984")
    has_roles = PROFILES[desk.profile].has_practitioner_role
    assert person.places == (("Location/OR1", "Organization/hospital") if has_roles else ())


@pytest.mark.parametrize("method", ["RS384", "ES384", "client_secret_basic", "client_secret_post"])
def test_every_way_to_prove_oneself_works_where_it_is_offered(desk: Desk, method: str) -> None:
    offered = PROFILES[desk.profile]
    with closing(desk.adapter(auth_method=method)) as ehr:
        if method in {*offered.authentication, *offered.algorithms}:
            assert desk.launch(ehr)[1].access_token
        else:
            with pytest.raises(Misconfigured):
                desk.launch(ehr)


def test_a_code_works_once(desk: Desk, ehr: Ehr) -> None:
    asked = ehr.ask(launch=desk.hospital.authority.launch(desk.profile, AT_WORK))
    code = desk.follow(asked)["code"]
    desk.redeem(ehr, asked, code)
    assert refused(Rejected, desk, ehr, asked, code).code == "invalid_grant"


def test_a_code_works_only_with_its_verifier(desk: Desk, ehr: Ehr) -> None:
    asked = ehr.ask(launch=desk.hospital.authority.launch(desk.profile, AT_WORK))
    code = desk.follow(asked)["code"]
    other = replace(asked, code_verifier="v" * 43)
    assert refused(Rejected, desk, ehr, other, code).code == "invalid_grant"


def test_a_wrong_secret_is_a_matter_of_set_up(desk: Desk) -> None:
    with closing(desk.adapter(auth_method="client_secret_basic", secret="wrong")) as ehr:
        with pytest.raises(Misconfigured) as caught:
            desk.launch(ehr)
        assert "wrong" not in str(caught.value)


def test_a_key_that_is_not_published_is_refused(desk: Desk) -> None:
    with closing(desk.adapter(keys=SigningKeys([OLD]))) as ehr, pytest.raises(Misconfigured):
        desk.launch(ehr)


def test_both_keys_of_a_rotation_work(desk: Desk) -> None:
    old, new = OLD, NEW
    clients = desk.hospital.authority.clients
    registered = clients[f"portal-{desk.profile}"]
    clients[registered.client_id] = replace(registered, jwks=SigningKeys([old, new]).published)
    try:
        for first in ([old, new], [new, old], [new]):
            with closing(desk.adapter(keys=SigningKeys(first))) as ehr:
                assert desk.launch(ehr)[1].access_token
    finally:
        clients[registered.client_id] = registered


def test_a_token_answer_that_never_came_is_ambiguous(desk: Desk, ehr: Ehr) -> None:
    asked = ehr.ask(launch=desk.hospital.authority.launch(desk.profile, AT_WORK))
    code = desk.follow(asked)["code"]
    desk.hospital.authority.faults.token_status = 503
    refused(Ambiguous, desk, ehr, asked, code)


def test_a_smaller_grant_is_read_and_kept_to(desk: Desk, ehr: Ehr) -> None:
    desk.hospital.authority.faults.grant_only = "openid fhirUser launch"
    _, granted = desk.launch(ehr)
    reading = ehr.reading(granted.access_token, granted.scope)
    assert not reading.may("Patient")
    assert not granted.refresh_token
    with pytest.raises(Rejected) as caught:
        reading.patient("patient-a")
    assert caught.value.code == "insufficient_scope"


def test_a_record_closed_by_policy_is_named_and_not_asked_again(desk: Desk, ehr: Ehr) -> None:
    _, granted = desk.launch(ehr, replace(AT_WORK, patient="patient-c", encounter="encounter-c"))
    with pytest.raises(Rejected) as caught:
        ehr.reading(granted.access_token, granted.scope).patient("patient-c")
    assert caught.value.code == (BREAK_THE_GLASS if desk.profile == "epic" else "403")


def test_another_patients_record_stays_closed(desk: Desk, ehr: Ehr) -> None:
    _, granted = desk.launch(ehr)
    with pytest.raises(Rejected):
        ehr.reading(granted.access_token, granted.scope).patient("patient-b")


def test_no_token_goes_to_another_server(desk: Desk, ehr: Ehr) -> None:
    _, granted = desk.launch(ehr)
    reading = ehr.reading(granted.access_token, granted.scope)
    for reference in (
        "http://127.0.0.1:9/fhir/Patient/a",
        f"{desk.iss}.example.org/Patient/a",
        "../Patient/a",
    ):
        with pytest.raises(Rejected):
            reading.read(reference)
    assert reading.read(f"{desk.iss}/Patient/patient-a")["id"] == "patient-a"


@pytest.mark.parametrize(
    ("fault", "value"),
    [("other_issuer", "https://elsewhere.example.org"), ("omit_nonce", True)],
)
def test_an_id_token_that_cannot_be_believed(desk: Desk, ehr: Ehr, fault: str, value: object) -> None:
    setattr(desk.hospital.authority.faults, fault, value)
    asked, granted = desk.launch(ehr)
    with pytest.raises(Rejected):
        ehr.clinician(granted, asked.nonce)


def test_an_ehr_that_gives_no_nonce_is_a_tenants_setting(desk: Desk) -> None:
    desk.hospital.authority.faults.omit_nonce = True
    with closing(desk.adapter(expects_nonce=False)) as ehr:
        asked, granted = desk.launch(ehr)
        assert ehr.clinician(granted, asked.nonce).subject == "sub-surgeon"


def test_a_further_issuer_of_the_tenant_is_accepted(desk: Desk) -> None:
    former = f"{desk.url}/former/issuer/"
    desk.hospital.authority.faults.other_issuer = former
    with closing(desk.adapter(issuers=frozenset({former}))) as ehr:
        if PROFILES[desk.profile].publishes == "capability-statement":
            return  # publishes no keys beside its issuer's
        asked, granted = desk.launch(ehr)
        assert ehr.clinician(granted, asked.nonce).issuer == former


def test_new_signing_keys_of_the_ehr_are_fetched(desk: Desk, ehr: Ehr) -> None:
    asked, granted = desk.launch(ehr)
    ehr.clinician(granted, asked.nonce)
    desk.hospital.authority.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)})
    desk.memory.kept = {name: value for name, value in desk.memory.kept.items() if not name.endswith(":new")}
    asked, granted = desk.launch(ehr)
    assert ehr.clinician(granted, asked.nonce).subject == "sub-surgeon"


def test_refreshing_keeps_what_can_be_used_next_time(desk: Desk, ehr: Ehr) -> None:
    _, granted = desk.launch(ehr)
    once = ehr.refresh(granted.refresh_token, scope=granted.scope)
    twice = ehr.refresh(once.refresh_token, scope=once.scope)
    assert len({granted.access_token, once.access_token, twice.access_token}) == 3
    assert (once.refresh_token == granted.refresh_token) == (PROFILES[desk.profile].refresh == "keeps")
    assert ehr.reading(twice.access_token, twice.scope).patient("patient-a").name == "Test patient A"


def test_a_token_given_back_works_no_more(desk: Desk, ehr: Ehr) -> None:
    _, granted = desk.launch(ehr)
    assert ehr.revoke(granted.access_token) == PROFILES[desk.profile].revokes
    reading = ehr.reading(granted.access_token, granted.scope)
    if PROFILES[desk.profile].revokes:
        with pytest.raises(Rejected):
            reading.patient("patient-a")


def test_the_portal_itself_reads_all_pages(desk: Desk, ehr: Ehr) -> None:
    for number in range(45):
        desk.hospital.records.add(
            {"resourceType": "Device", "id": f"d{number}", "patient": {"reference": "Patient/patient-a"}}
        )
    style = "read" if desk.profile == "older" else "rs"
    granted = ehr.sign_in_as_system(f"system/Device.{style}")
    assert (granted.scope, granted.refresh_token) == (f"system/Device.{style}", "")
    reading = ehr.reading(granted.access_token, granted.scope)
    found = list(reading.search("Device", {"_lastUpdated": "ge2020-01-01"}))
    assert sorted(one["id"] for one in found) == sorted(f"d{number}" for number in range(45))
    with pytest.raises(Rejected):
        reading.patient("patient-a")


def test_nobody_listening_is_worth_another_try(desk: Desk) -> None:
    with closing(desk.adapter(iss=f"http://127.0.0.1:{free_port()}/fhir")) as ehr:
        with pytest.raises(Retryable):
            ehr.ask(launch="x")
        assert not ehr.check().reachable


def test_a_host_outside_the_list_is_never_called(desk: Desk) -> None:
    with closing(desk.adapter(iss="https://ehr.example.org/fhir")) as ehr:
        with pytest.raises(Misconfigured):
            ehr.ask(launch="x")
        assert not ehr.check().login_ok


def test_the_check_says_what_is_published(desk: Desk, ehr: Ehr) -> None:
    health = ehr.check()
    assert (health.reachable, health.login_ok) == (True, True)
    assert PROFILES[desk.profile].publishes in health.detail


def test_nothing_secret_is_shown_by_accident(desk: Desk, ehr: Ehr) -> None:
    asked, granted = desk.launch(ehr)
    shown = f"{asked!r} {granted!r} {desk.registration()!r} {ehr.reading(granted.access_token, '')!r}"
    for secret in (asked.state, asked.code_verifier, granted.access_token, granted.refresh_token, SECRET):
        assert secret not in shown
    assert "patient-a" not in shown


def test_adapters_have_the_signatures_of_the_contract(kind: str) -> None:
    adapter = EHRS[kind]
    for name, promised in inspect.getmembers(Ehr, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.signature(getattr(adapter, name)) == inspect.signature(promised), name
