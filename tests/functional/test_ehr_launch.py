"""Launches from the sandbox EHR over real HTTP: what opens, for whom, and what the portal then knows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import undefer

from integrations.http import Door
from integrations.sandbox.ehr.profiles import PROFILES
from portal.clinical.launch import services as launches
from portal.clinical.models import (
    AccessRecord,
    Case,
    Encounter,
    Feed,
    Launch,
    Patient,
    PatientIdentifier,
)
from portal.clinical.rules import CaseState, LaunchState
from portal.exchange.models import Partner
from portal.foundation import clock
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.errors import NotFound
from portal.identity import queries
from portal.identity.models import Account, ExternalIdentity
from portal.identity.rules import Role
from portal.identity.services import actor_of
from tests.ehr_sandbox import AT_WORK, Ehr, app_with_key, sandbox_ehr
from tests.hospital import Hospital
from tests.visitor import form_of


@pytest.fixture(scope="module")
def signing_app(app: Flask) -> Iterator[Flask]:
    with app_with_key() as made:
        yield made


@pytest.fixture
def ehr(hospital: Hospital, signing_app: Flask) -> Iterator[Ehr]:
    with sandbox_ehr(signing_app, hospital) as ready:
        yield ready


def launch_of(ehr: Ehr, location: str) -> Launch:
    """The row of a launch by the address it led to."""
    assert location.startswith("/care/"), location
    db.session.rollback()
    enter_organization(ehr.hospital.organization.id)
    statement = (
        select(Launch)
        .options(undefer(Launch.access_token), undefer(Launch.refresh_token), undefer(Launch.context))
        .where(Launch.code == location.split("/")[2])
    )
    return db.session.scalars(statement).one()


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_launch_from_the_chart_knows_patient_encounter_and_place(ehr: Ehr, profile: str) -> None:
    ehr.add(profile)
    answer = ehr.launch(ehr.browser(), profile)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    launch = launch_of(ehr, answer.headers["Location"])
    assert (launch.state, launch.location_id) == (LaunchState.OPEN, ehr.hospital.clinic.id)
    assert launch.needs_banner
    assert launch.access_token
    patient = db.session.scalars(
        select(Patient).options(undefer(Patient.name)).where(Patient.id == launch.patient_id)
    ).one()
    assert patient.name == "Test patient A"
    encounter = db.session.get_one(Encounter, launch.encounter_id)
    assert (encounter.patient_id, encounter.location_id) == (patient.id, ehr.hospital.clinic.id)
    account = db.session.get_one(Account, launch.account_id)
    assert account.name == "Test surgeon"
    roles = [(one.role, one.facility_id) for one in queries.assignments_of(account.id)]
    assert roles == [(Role.CLINICIAN, ehr.hospital.facility.id)]


def test_the_same_person_keeps_the_account(ehr: Ehr) -> None:
    ehr.add("epic")
    first = launch_of(ehr, ehr.launch(ehr.browser(), "epic").headers["Location"])
    second = launch_of(ehr, ehr.launch(ehr.browser(), "epic").headers["Location"])
    assert first.account_id == second.account_id
    identity = db.session.scalars(
        select(ExternalIdentity).where(ExternalIdentity.account_id == first.account_id)
    ).one()
    assert (identity.issuer, identity.subject) == (f"{ehr.url}/epic/api/FHIR/R4", "sub-surgeon")


def test_two_patients_in_two_tabs_never_mix(ehr: Ehr) -> None:
    ehr.add("epic")
    browser = ehr.browser()
    other = replace(AT_WORK, patient="patient-b", encounter="encounter-b")
    back_a, back_b = ehr.begin(browser, "epic"), ehr.begin(browser, "epic", other)
    page_b, page_a = browser.get(back_b), browser.get(back_a)
    a, b = (launch_of(ehr, page.headers["Location"]) for page in (page_a, page_b))
    actor = actor_of(queries.account(a.account_id or 0))
    assert a.account_id == b.account_id
    shown = [launches.current_launch(launch.code, actor).patient for launch in (a, b)]
    assert shown == ["Test patient A", "Test patient B"]
    views = db.session.scalars(select(AccessRecord.patient_id).order_by(AccessRecord.id)).all()
    assert list(views) == [a.patient_id, b.patient_id]


def test_two_first_launches_at_once_make_one_person_and_one_patient(ehr: Ehr) -> None:
    ehr.add("epic")
    browsers = [ehr.browser() for _ in range(4)]
    backs = [ehr.begin(browser, "epic") for browser in browsers]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda pair: pair[0].get(pair[1]), zip(browsers, backs, strict=True)))
    rows = [launch_of(ehr, answer.headers["Location"]) for answer in answers]
    assert len({(row.account_id, row.patient_id, row.encounter_id) for row in rows}) == 1


@pytest.mark.parametrize("is_same_patient", [True, False])
def test_a_visit_told_by_messages_is_found_for_the_same_patient_only(ehr: Ehr, is_same_patient: bool) -> None:
    ehr.add("epic")
    with transaction():
        enter_organization(ehr.hospital.organization.id)
        partner = Partner(code="adt", name="ADT", kind="ehr", adapter="hl7", base_url="")
        patient = Patient()
        db.session.add_all([partner, patient])
        db.session.flush()
        number = "MRN-A-1001" if is_same_patient else "MRN-Z-1"
        known = f"urn:sandbox:mrn|{number}"
        visit = Encounter(found_by="MAIN|VISIT-A-1", identifier="VISIT-A-1", patient_id=patient.id)
        db.session.add_all([
            PatientIdentifier(
                patient_id=patient.id, found_by=known, assigner="urn:sandbox:mrn", value=number
            ),
            Feed(code="adt", name="ADT", partner_id=partner.id, sending_application="A",
                 sending_facility="MAIN"),
            visit,
        ])  # fmt: skip
        db.session.flush()
        ids = (patient.id, visit.id)
    launch = launch_of(ehr, ehr.launch(ehr.browser(), "epic").headers["Location"])
    assert ((launch.patient_id, launch.encounter_id) == ids) is is_same_patient
    assert (launch.encounter_id == ids[1]) is is_same_patient


def test_the_procedure_that_is_open_in_the_ehr_says_which_case(ehr: Ehr) -> None:
    """fhirContext: the patient's case of the day, else one begun for it; intent: what Enter does."""
    ehr.add("epic")
    opened = replace(AT_WORK, about="Procedure/procedure-a", intent="request-supplies")
    browser = ehr.browser()
    answer = ehr.launch(browser, "epic", opened)
    first = launch_of(ehr, answer.headers["Location"])
    case = db.session.get_one(Case, first.case_id)
    assert (case.procedure_code, case.procedure_name) == ("27447", "Total knee replacement")
    assert (case.location_id, case.state) == (ehr.hospital.clinic.id, CaseState.SCHEDULED)
    item = ehr.hospital.gloves
    page = browser.get(answer.headers["Location"])
    shown = browser.send(page, {"scan": item.code, "do": "look"}, action=answer.headers["Location"])
    assert shown.get_data(as_text=True).index("Request</span>") < shown.get_data(as_text=True).index(
        "Record as"
    )
    assert browser.send(shown, {"do": "look"}, action=answer.headers["Location"]).status_code == 303
    assert "Requested: 1" in browser.get(answer.headers["Location"]).get_data(as_text=True)
    with transaction():
        known = Case(number="CS26-9", found_by="OR|77", encounter_id=case.encounter_id,
                     procedure_code="27447", location_id=case.location_id, state=CaseState.SCHEDULED,
                     scheduled_at=clock.now())  # fmt: skip
        case.found_by = None
        case.state = CaseState.CLOSED
        db.session.add(known)
    again = launch_of(ehr, ehr.launch(ehr.browser(), "epic", opened).headers["Location"])
    assert again.case_id == known.id
    other = replace(opened, patient="patient-b", encounter="encounter-b")
    assert launch_of(ehr, ehr.launch(ehr.browser(), "epic", other).headers["Location"]).case_id is None


def test_a_request_too_long_for_an_address_is_posted_where_the_ehr_takes_that(ehr: Ehr) -> None:
    ehr.add("meditech")
    browser = ehr.browser()
    page = browser.get(ehr.launch_address("meditech", size=1480))
    assert page.status_code == 200
    assert "form-action *" in page.headers["Content-Security-Policy"]
    form = form_of(page)
    assert "csrf_token" not in dict(form.form_values())
    answer = httpx.post(form.action, data=dict(form.form_values()), trust_env=False)
    back = urlsplit(answer.headers["location"])
    assert launch_of(ehr, browser.get(f"{back.path}?{back.query}").headers["Location"]).patient_id


def test_nothing_of_the_database_waits_for_the_ehr(ehr: Ehr, monkeypatch: pytest.MonkeyPatch) -> None:
    ehr.add("epic")
    held: list[str] = []
    send = Door.send

    def watched(self: Door, method: str, url: str, **options: Any) -> Any:
        held.extend([url] if db.session().in_transaction() else [])
        return send(self, method, url, **options)

    monkeypatch.setattr(Door, "send", watched)
    answer = ehr.launch(ehr.browser(), "epic")
    assert answer.status_code == 303
    assert held == []


def test_another_persons_launch_is_not_found(ehr: Ehr) -> None:
    ehr.add("epic")
    launch = launch_of(ehr, ehr.launch(ehr.browser(), "epic").headers["Location"])
    with pytest.raises(NotFound):
        launches.current_launch(launch.code, ehr.hospital.actor(Role.CLINICIAN))
