"""An EHR posts what was used: stored sealed, applied once, refused in FHIR; our requests are read."""

import json
from base64 import b64encode
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text

from integrations.formats.fhir.validation import validate
from portal.clinical.models import Case, Encounter, PatientIdentifier, Usage
from portal.clinical.rules import UsageState
from portal.exchange import jobs
from portal.exchange.models import Message, Partner
from portal.exchange.rules import MessageState
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.requisitions import services as requisitions
from portal.requisitions.rules import RequisitionSource
from tests.functional.test_usage_recording import on_hand, stocked
from tests.hospital import Hospital
from tests.unit.test_fhir import HIP, OPERATION, bundle
from tests.visitor import Visitor

CUP = {name: value for name, value in HIP.items() if name not in {"partNumber", "udiCarrier"}} | {"id": "cup"}


@pytest.fixture
def ehr(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> Partner:
    """An EHR that may post."""
    monkeypatch.setenv("PORTAL_SECRET_EHR_INBOUND", "ehr-secret")
    with transaction() as session:
        partner = Partner(
            code="ehr", name="EHR", kind="ehr", adapter="smart", base_url="", inbound_domain="fhir",
            inbound_identity=hospital.organization.slug, inbound_secret_name="EHR_INBOUND",
            settings={"iss": "https://ehr.example.org/r4", "facility_id": hospital.facility.id},
        )  # fmt: skip
        session.add(partner)
        hospital.catheter.code = "CATH-14"
    return partner


def post(client: Visitor, partner: Partner, body: bytes, secret: str = "ehr-secret") -> Any:
    """Posts a document as the partner."""
    login = b64encode(f"{partner.inbound_identity}:{secret}".encode()).decode()
    return client.post(
        "/fhir", data=body, content_type="application/fhir+json", headers={"Authorization": f"Basic {login}"}
    )


def operation(hospital: Hospital, **changes: Any) -> dict[str, Any]:
    """A procedure at the clinic that used one catheter."""
    place = {"reference": f"Location/{hospital.clinic.code}"}
    used = [{"coding": [{"code": hospital.catheter.code}]}]
    return OPERATION | {"location": place, "focalDevice": [], "usedCode": used} | changes


def test_anybody_may_ask_what_the_endpoint_can_do(client: Visitor) -> None:
    answer = client.get("/fhir/metadata")
    assert (answer.status_code, answer.mimetype) == (200, "application/fhir+json")
    statement = answer.get_json()
    assert not validate(statement, "CapabilityStatement")
    assert statement["rest"][0]["resource"][0]["type"] == "SupplyRequest"
    assert client.get("/fhir/SupplyRequest?identifier=1").status_code == 401


def test_what_is_posted_is_stored_sealed_and_counts_once(
    hospital: Hospital, ehr: Partner, client: Visitor
) -> None:
    with transaction():
        stocked(hospital, hospital.catheter, 5, lot="L1")
    body = bundle(operation(hospital), identifier={"system": "urn:m", "value": "M1"})
    answer = post(client, ehr, body)
    assert answer.status_code == 201, answer.get_data(as_text=True)
    assert not validate(answer.get_json(), "OperationOutcome")
    assert post(client, ehr, body).status_code == 200
    jobs.apply(hospital.organization.id)
    message = db.session.scalars(select(Message).where(Message.partner_id == ehr.id)).one()
    assert (message.state, message.canonical) == (MessageState.DONE, None)
    row = db.session.scalars(select(Usage)).one()
    assert (row.state, row.source, row.message_id) == (
        UsageState.APPLIED,
        "https://ehr.example.org/r4",
        message.id,
    )
    assert on_hand(hospital, hospital.catheter) == 4
    kept = db.session.scalar(text("SELECT string_agg(encode(raw, 'escape'), '') FROM message"))
    assert "27130" not in kept
    found = PatientIdentifier.found_by == "https://ehr.example.org/r4|p1"
    assert db.session.scalar(select(PatientIdentifier.patient_id).where(found)) == row.patient_id
    assert db.session.scalars(select(Encounter)).one().id == row.encounter_id
    assert db.session.scalars(select(Case)).one().location_id == hospital.clinic.id


def test_a_withdrawn_procedure_gives_back(hospital: Hospital, ehr: Partner, client: Visitor) -> None:
    with transaction():
        stocked(hospital, hospital.catheter, 5, lot="L1")
    post(client, ehr, bundle(operation(hospital), id="one"))
    post(client, ehr, bundle(operation(hospital, status="entered-in-error"), id="two"))
    jobs.apply(hospital.organization.id)
    assert on_hand(hospital, hospital.catheter) == 5
    with transaction():
        states = {row.state for row in db.session.scalars(select(Usage))}
    assert states == {UsageState.REVERSED, UsageState.APPLIED}


def test_an_unknown_device_waits(hospital: Hospital, ehr: Partner, client: Visitor) -> None:
    focal = [{"manipulated": {"reference": "Device/cup"}}]
    post(client, ehr, bundle(operation(hospital, focalDevice=focal, usedCode=[]), CUP))
    jobs.apply(hospital.organization.id)
    row = db.session.scalars(select(Usage)).one()
    assert (row.state, row.quantity, row.lot) == (UsageState.REVIEW, Decimal(1), "L7")


def test_who_does_not_prove_itself_or_sends_nonsense_is_told_in_fhir(
    hospital: Hospital, ehr: Partner, client: Visitor
) -> None:
    answers = [
        post(client, ehr, b"{}", secret="wrong"),
        client.post("/fhir", data=b"{}"),
        post(client, ehr, b"{"),
        post(client, ehr, bundle(OPERATION | {"status": "used up"})),
    ]
    assert [one.status_code for one in answers] == [401, 401, 400, 422]
    for answer in answers:
        assert not validate(answer.get_json(), "OperationOutcome")
    assert db.session.scalar(select(Message.id)) is None


def test_our_request_is_read_as_a_supply_request(hospital: Hospital, ehr: Partner, client: Visitor) -> None:
    with transaction():
        wanted = {hospital.gloves_offer.id: Decimal(2), hospital.catheter_offer.id: Decimal(1)}
        nurse = hospital.actor(Role.CLINICIAN)
        asked = requisitions.request(nurse, hospital.clinic.id, wanted, source=RequisitionSource.CASE)
    token = {"Authorization": f"Bearer {ehr.inbound_identity}.ehr-secret"}
    one = client.get(f"/fhir/SupplyRequest/{asked.number}-2", headers=token)
    assert one.get_json()["itemCodeableConcept"]["coding"][0]["code"] == hospital.catheter.code
    assert not validate(one.get_json(), "SupplyRequest")
    found = client.get(f"/fhir/SupplyRequest?identifier={asked.number}", headers=token).get_json()
    assert (found["total"], validate(json.loads(json.dumps(found)), "Bundle")) == (2, [])
    assert client.get("/fhir/SupplyRequest/RQ26-9999999", headers=token).status_code == 404
    assert client.get(f"/fhir/SupplyRequest/{asked.number}").status_code == 401
