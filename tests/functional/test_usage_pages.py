"""The pages about uses and cases: what is not understood is decided, views of patients are recorded."""

from decimal import Decimal

from sqlalchemy import select

from portal.clinical import cases
from portal.clinical.cases import NewCase
from portal.clinical.models import AccessRecord, Encounter, Patient
from portal.clinical.rules import UsageState
from portal.clinical.usage import services as usage
from portal.clinical.usage.services import NewUsage
from portal.exchange.models import WorkItem
from portal.foundation.access import system
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from tests.functional.test_usage_recording import on_hand, stocked
from tests.hospital import Hospital
from tests.visitor import Visitor


def reported(hospital: Hospital, key: str, quantity: int, item_id: int | None) -> int:
    """A use that a system reports; returns its id."""
    event = NewUsage(
        key=key, source="or-system", item_id=item_id, location_id=hospital.clinic.id,
        quantity=Decimal(quantity),
        description="Glove", named=(("item", "X-77"),), content=f"{quantity}",
    )  # fmt: skip
    with transaction():
        return usage.record_usage(system(hospital.organization.id, "test"), event, after_the_fact=True).id


def state_of(usage_id: int) -> UsageState:
    """The state now."""
    with transaction():
        return usage.locked(usage_id).state


def test_an_unknown_item_is_named_by_a_person(hospital: Hospital, client: Visitor) -> None:
    with transaction():
        stocked(hospital, hospital.gloves, 5)
    waiting = reported(hospital, "a", 2, None)
    client.sign_in(hospital.email(Role.BUYER))
    assert f"/uses/{waiting}" in client.get("/uses").get_data(as_text=True)
    assert "X-77" in client.get(f"/uses/{waiting}").get_data(as_text=True)
    item = db.session.scalars(select(WorkItem)).one()
    assert f"/uses/{waiting}" in client.get(f"/operations/work-items/{item.id}").get_data(as_text=True)
    choose = f"/uses/{waiting}/choose"
    wrong = client.submit(f"/uses/{waiting}", {"item": "NOBODY"}, action=choose)
    assert wrong.status_code == 422
    done = client.submit(f"/uses/{waiting}", {"item": "GLOVE-M", "quantity": "2"}, action=choose)
    assert done.status_code == 303, done.get_data(as_text=True)
    assert state_of(waiting) is UsageState.APPLIED
    assert on_hand(hospital, hospital.gloves) == 3
    db.session.expire_all()
    assert db.session.scalars(select(WorkItem)).one().resolved_at is not None


def test_of_two_reports_a_person_lets_one_count(hospital: Hospital, client: Visitor) -> None:
    with transaction():
        stocked(hospital, hospital.gloves, 5)
    first = reported(hospital, "a", 1, hospital.gloves.id)
    second = reported(hospital, "a", 3, hospital.gloves.id)
    client.sign_in(hospital.email(Role.BUYER))
    assert client.submit(f"/uses/{second}", action=f"/uses/{second}/apply").status_code == 303
    assert (state_of(first), state_of(second)) == (UsageState.REVERSED, UsageState.APPLIED)
    assert on_hand(hospital, hospital.gloves) == 2
    undone = client.submit(f"/uses/{second}", {"reason": "Both wrong"}, action=f"/uses/{second}/undo")
    assert undone.status_code == 303
    assert on_hand(hospital, hospital.gloves) == 5


def test_the_sheet_of_a_case_records_who_looked(hospital: Hospital, client: Visitor) -> None:
    nurse = hospital.actor(Role.CLINICIAN)
    with transaction() as session:
        patient = Patient(name="Test patient A")
        encounter = Encounter(found_by="ehr|1", identifier="1", patient=patient)
        session.add(encounter)
        session.flush()
        case = cases.open_case(nurse, NewCase(hospital.clinic.id, encounter_id=encounter.id))
        cases.close(nurse, case.id, nothing_used=True)
    client.sign_in(hospital.email(Role.CLINICIAN))
    page = client.get(f"/cases/{case.number}").get_data(as_text=True)
    assert "Test patient A" in page
    assert "nothing used" in page
    assert db.session.scalars(select(AccessRecord.page)).all() == ["clinical.case"]
    client.sign_in(hospital.email(Role.BUYER))
    assert client.get(f"/cases/{case.number}").status_code == 403
