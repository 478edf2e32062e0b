"""The point of care opened from an EHR: whose launch, where, which case, and when the banner is shown."""

import secrets
from typing import Any

from portal.clinical.models import CareRequest, Case, EhrSystem, Encounter, Launch, Usage
from portal.clinical.rules import LaunchState
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from tests.care_ward import GLOVE, NAME, Ward, ward, words

__all__ = ["ward"]


def launched(ward: Ward, **values: Any) -> str:
    """A launch of the clinician as it is after the EHR's answer; returns the page's address."""
    code = secrets.token_urlsafe(24)
    with transaction():
        mark = secrets.token_hex(4)
        iss = f"https://{mark}.example/r4"
        system = EhrSystem(code=mark, name="Test EHR", iss=iss, base_url=iss, client_id="portal")
        db.session.add(system)
        db.session.flush()
        facts = {
            "account_id": ward.hospital.accounts[Role.CLINICIAN].id,
            "patient_id": ward.patient_id,
            "location_id": ward.hospital.clinic.id,
            "state": LaunchState.OPEN,
            "opened_at": clock.now(),
            **values,
        }
        db.session.add(Launch(code=code, ehr_system_id=system.id, state_hash=secrets.token_hex(16), **facts))
    return f"/care/{code}/"


def test_a_launch_finds_the_case_of_its_patient_at_its_place(ward: Ward) -> None:
    ward.url = launched(ward)
    assert ward.case in words(ward.page())
    ward.do(ward.do(scan=GLOVE), do="record")
    (usage,) = ward.recorded()
    with transaction():
        case = db.session.query(Case).filter_by(number=ward.case).one()
        launch = db.session.query(Launch).filter_by(id=usage.launch_id).one()
        assert usage.case_id == case.id == launch.case_id
        assert usage.patient_id == ward.patient_id


def test_a_launch_without_a_case_opens_one_of_its_own_once(ward: Ward) -> None:
    with transaction():
        encounter = Encounter(found_by="test|other visit", identifier="other visit", patient_id=None)
        db.session.add(encounter)
        db.session.flush()
    ward.url = launched(ward, patient_id=None, encounter_id=encounter.id)
    shown = ward.do(scan=GLOVE)
    ward.do(shown, do="request")
    ward.do(shown, do="record")
    ward.do(ward.do(scan=GLOVE), do="record")
    assert len({one.case_id for one in ward.recorded()} - {None}) == 1
    with transaction():
        (request,) = db.session.query(CareRequest).all()
        assert request.encounter_id == encounter.id
    assert "Requested" in words(ward.page())
    ward.do(do="finish")
    assert "The case is closed." in words(ward.page())
    assert "Leave this patient" in words(ward.page())


def test_a_banner_only_where_the_ehr_shows_none_but_every_view_is_recorded(ward: Ward) -> None:
    before = ward.views()
    assert NAME in words(ward.client.get(launched(ward)))
    assert NAME not in words(ward.client.get(launched(ward, needs_banner=False)))
    assert ward.views() == before + 2


def test_a_launch_is_nobody_elses_and_ends(ward: Ward) -> None:
    ended = launched(ward, state=LaunchState.ENDED)
    assert ward.client.get(ended).status_code == 404
    others = launched(ward, account_id=ward.hospital.accounts[Role.CLINIC_MANAGER].id)
    answer = ward.client.get(others)
    assert answer.status_code == 404
    assert NAME not in words(answer)
    assert ward.client.get("/care/nothing-like-this/").status_code == 404
    assert ward.views() == 0


def test_where_the_ehr_does_not_say_the_place_the_person_does(ward: Ward) -> None:
    ward.url = launched(ward, location_id=None, patient_id=None)
    asked = ward.page()
    assert "Where are you?" in words(asked)
    place = f"{ward.url}place"
    assert ward.client.submit(ward.url, {"location": "999999"}, action=place).status_code == 422
    assert ward.client.submit(
        ward.url, {"location": str(ward.hospital.clinic.id)}, action=place
    ).status_code == 303  # fmt: skip
    assert "Emergency department" in words(ward.page())


def test_two_launches_never_mix(ward: Ward) -> None:
    first, second = launched(ward, patient_id=None), launched(ward, patient_id=None)
    ward.url = second
    shown = ward.do(scan=GLOVE)
    ward.do(shown, do="request")
    ward.do(shown, do="record")
    with transaction():
        (usage,) = db.session.query(Usage).all()
        assert usage.patient_id is None
    assert "Requested" in words(ward.page())
    seen = words(ward.client.get(first))
    assert "Recorded in this case" not in seen
    assert "Requested" not in seen
    assert "RQ26" not in seen
    ward.url = first
    assert ward.do(do=f"undo:{usage.id}").status_code == 404
