"""Marked identifiers go through every door; then everything that left or was written in clear is searched."""

import io
import json
import logging
import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest
from flask import current_app
from psycopg.sql import SQL, Identifier
from sqlalchemy import select

from portal.clinical import cases
from portal.clinical.cases import NewCase
from portal.clinical.feeds import services as feeds
from portal.clinical.models import Case, Encounter, Feed, Patient, Usage
from portal.clinical.rules import UsageState
from portal.clinical.usage import bill_only
from portal.clinical.usage import services as usage
from portal.clinical.usage.services import NewUsage
from portal.exchange import inbox
from portal.exchange.delivery import deliver_due
from portal.exchange.models import Message, Partner, WorkItem
from portal.foundation.crypto import KeyRing
from portal.foundation.db import Base, db, enter_organization, transaction
from portal.identity.rules import Role
from portal.operations import resealing
from portal.settings import load
from tests import partners
from tests.hospital import Hospital, add_partners
from tests.unit.test_fhir import OPERATION, bundle
from tests.visitor import Visitor

NAME, NUMBER, VISIT, CASE = "Zzpatientname", "ZZMRN4711", "ZZVISIT4711", "ZZCASE4711"
SERIALS = ("ZZSERIAL1", "ZZSERIAL2", "ZZSERIAL3")
SITE = "ZZLEFTHIP"
MARKS = (NAME, NUMBER, VISIT, CASE, SITE, *SERIALS)
AUDITED = (
    "/operations/messages", "/operations/messages.csv", "/operations/work-items", "/operations/audit",
    "/operations/audit.csv", "/operations/work-items.csv", "/uses", "/recalls", "/accesses", "/orders",
    "/requisitions", "/operations",
)  # fmt: skip


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """All that is logged, down to the last detail."""
    root, stream = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(root.handlers[0].formatter)
    root.addHandler(handler)
    root.setLevel("DEBUG")
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def found_in(text: str) -> list[str]:
    """The marks in a text, also where it holds them as base64 or hexadecimal digits."""
    return [
        mark
        for mark in MARKS
        if mark.lower() in text.lower()
        or mark.encode().hex() in text.lower()
        or b64encode(mark.encode()).decode()[:10] in text
    ]


def marks_at_rest(environment: dict[str, str]) -> dict[str, list[str]]:
    """Tables that hold a mark in clear."""
    leaks: dict[str, list[str]] = {}
    with psycopg.connect(environment["PORTAL_DATABASE_URL"]) as connection:
        for table in Base.metadata.sorted_tables:
            rows = connection.execute(SQL("SELECT t::text FROM {} t").format(Identifier(table.name)))
            found = found_in("\n".join(row[0] for row in rows))
            if found:
                leaks[table.name] = found
    return leaks


def at_the_portal(hospital: Hospital, case: Case, patient: Patient) -> None:
    """A clinician records an implant of the supplier's, and tries it again."""
    event = NewUsage(
        key=f"form|{SERIALS[0]}", source="portal", item_id=hospital.catheter.id,
        location_id=hospital.clinic.id,
        quantity=Decimal(10), case_id=case.id, patient_id=patient.id, encounter_id=case.encounter_id,
        serial=SERIALS[0], raw_scan=f"(21){SERIALS[0]}", body_site=SITE, description=hospital.catheter.name,
    )  # fmt: skip
    nurse = hospital.actor(Role.CLINICIAN)
    usage.record_usage(nurse, event)
    usage.record_usage(nurse, event, after_the_fact=True)


def over_hl7(hospital: Hospital) -> None:
    """A system posts a use, the same serial twice, and something nobody knows."""
    with transaction() as session:
        partner = Partner(code="or", name="OR system", kind="ehr", adapter="hl7v2", base_url="")
        session.add(partner)
        session.flush()
        session.add(
            Feed(code="or", name="OR system", partner_id=partner.id, facility_id=hospital.facility.id,
                 sending_application="OR", sending_facility=hospital.organization.slug,
                 addresses=["127.0.0.0/8"], mapping={"serial": "ZUD-1"}, settings={"orders": "usage"})
        )  # fmt: skip
    for number, item in enumerate(("CATH-14", "CATH-14", "UNKNOWN-1")):
        raw = "\r".join((
            f"MSH|^~\\&|OR|{hospital.organization.slug}|PORTAL|X|20260301101500-0600||DFT^P03|M{number}|P|2.5",
            f"PID|1||{NUMBER}^^^LAKE^MR||{NAME}^A||19700131|F", f"PV1|1|I|ED01{'|' * 16}{VISIT}",
            f"FT1|1|T{number}||20260301100000|20260301|CG|{item}^An item|||10|||CC100|||ED01||||D77",
            f"ZUD|{SERIALS[1]}", "",
        ))  # fmt: skip
        answers = feeds.take(raw.encode(), "127.0.0.1")
        assert b"MSA|AA" in answers[0]
        assert not found_in(answers[0].decode())
    enter_organization(hospital.organization.id)


def over_fhir(hospital: Hospital, client: Visitor) -> None:
    """An EHR posts a procedure, and one with a fault that quotes a patient."""
    with transaction() as session:
        session.add(
            Partner(code="fhir", name="EHR", kind="ehr", adapter="smart", base_url="", inbound_domain="fhir",
                    inbound_identity=hospital.organization.slug, inbound_secret_name="NETWORK_INBOUND",
                    settings={"iss": "https://ehr.example.org", "facility_id": hospital.facility.id})
        )  # fmt: skip
    device = {"resourceType": "Device", "id": "d", "serialNumber": SERIALS[2], "partNumber": "CATH-14"}
    operation = OPERATION | {
        "subject": {"reference": f"Patient/{NUMBER}", "display": NAME},
        "encounter": {"reference": f"Encounter/{VISIT}"}, "identifier": [{"value": CASE}],
        "bodySite": [{"text": SITE}], "location": {"reference": "Location/ED01"},
        "focalDevice": [{"manipulated": {"reference": "Device/d"}}], "usedCode": [],
    }  # fmt: skip
    token = {"Authorization": f"Bearer {hospital.organization.slug}.{partners.INBOUND_SECRET}"}
    options: dict[str, Any] = {"headers": token, "content_type": "application/json"}
    taken = client.post("/fhir", data=bundle(operation, device), **options)
    assert taken.status_code == 201, taken.get_data(as_text=True)
    wrong = bundle(operation | {"status": NAME, "performedPeriod": {"start": NUMBER}}, device)
    refused = client.post("/fhir", data=wrong, **options)
    assert refused.status_code == 422
    for answer in (taken, refused):
        assert not found_in(answer.get_data(as_text=True))


def test_no_clinical_identifier_leaves_or_lies_in_clear(
    hospital: Hospital, client: Visitor, written: io.StringIO, environment: dict[str, str], tmp_path: Path
) -> None:
    organization_id = hospital.organization.id
    with transaction() as session:
        patient = Patient(name=NAME, birth_date="1970-01-31")
        encounter = Encounter(found_by=f"ehr|{VISIT}", identifier=VISIT, patient=patient)
        session.add(encounter)
        session.flush()
        new = NewCase(hospital.clinic.id, found_by=f"ehr|{CASE}", identifier=CASE, encounter_id=encounter.id)
        case = cases.open_case(hospital.actor(Role.CLINICIAN), new)
        at_the_portal(hospital, case, patient)
    over_hl7(hospital)
    over_fhir(hospital, client)
    enter_organization(organization_id)
    while inbox.apply_due():
        pass
    states = sorted(db.session.scalars(select(Usage.state)))
    assert states == sorted([*[UsageState.APPLIED] * 3, UsageState.CONFLICT, UsageState.REVIEW])
    assert len(db.session.scalars(select(WorkItem)).all()) >= 2
    with partners.running(tmp_path, hospital) as others:
        with transaction():
            add_partners(hospital, erp_url=others.erp_url, network_url=others.network_url)
        with transaction():
            placed = bill_only.order_due(organization_id, after=timedelta())
        assert len(placed) == 2  # of one more a part of a pack was used: a buyer is asked
        for partner_id in db.session.scalars(select(Partner.id).where(Partner.kind.in_(["erp", "network"]))):
            deliver_due(partner_id)
        sent = json.dumps([list(others.erp_orders()), list(others.network_orders())])
        assert case.number in sent
        assert not found_in(sent)
        with urlopen(f"{others.network_url}/sandbox/documents", timeout=10) as answer:  # noqa: S310
            assert not found_in(answer.read().decode())
    assert marks_at_rest(environment) == {}
    for role in (Role.INTEGRATION_ENGINEER, Role.AUDITOR, Role.BUYER):
        client.sign_in(hospital.email(role))
        for page in pages(organization_id):
            shown = client.get(page)
            assert not found_in(shown.get_data(as_text=True)), f"{role} sees a mark on {page}"
            assert not found_in(str(shown.headers))
    client.sign_in(hospital.email(Role.CLINICIAN))
    sheet = client.get(f"/cases/{case.number}")
    assert NAME in sheet.get_data(as_text=True)
    assert not [link for link in re.findall(r'(?:href|action|src)="([^"]*)"', sheet.get_data(as_text=True))
                if found_in(link)]  # fmt: skip
    assert not found_in(written.getvalue())
    assert "hl7_message" in written.getvalue()


def pages(organization_id: int) -> list[str]:
    """The pages over everything, and those of each message, work item and use."""
    enter_organization(organization_id)
    return [
        *AUDITED,
        *(f"/operations/messages/{row_id}" for row_id in db.session.scalars(select(Message.id))),
        *(f"/operations/work-items/{row_id}" for row_id in db.session.scalars(select(WorkItem.id))),
        *(f"/uses/{row_id}" for row_id in db.session.scalars(select(Usage.id))),
    ]


def test_a_new_key_seals_everything_again(hospital: Hospital) -> None:
    with transaction() as session:
        session.add(Patient(name="Test patient A"))
    old = load().encryption_keys[0].get_secret_value()
    new = b64encode(b"n" * 32).decode()
    ring = load().index_key.get_secret_value()
    before = current_app.extensions["keyring"]
    try:
        current_app.extensions["keyring"] = KeyRing([new, old], ring)
        read, changed = resealing.reseal(hospital.organization.id)
        assert read == changed >= 1
        assert resealing.reseal(hospital.organization.id) == (read, 0)
        current_app.extensions["keyring"] = KeyRing([new], ring)
        enter_organization(hospital.organization.id)
        assert db.session.scalars(select(Patient.name)).one() == "Test patient A"
    finally:
        current_app.extensions["keyring"] = before
