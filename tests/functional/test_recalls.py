"""A recall: where it is at once, set aside, refused at the point of care, returned, its patients recorded."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select

from portal.clinical import cases
from portal.clinical.cases import NewCase
from portal.clinical.models import AccessRecord, Encounter, Patient, PatientIdentifier
from portal.clinical.recalls import queries as recall_queries
from portal.clinical.recalls import services as recalls
from portal.clinical.recalls.files import NewPart, read_file
from portal.clinical.recalls.models import Recall
from portal.clinical.recalls.services import NewRecall
from portal.clinical.usage import services as usage
from portal.clinical.usage.services import NewUsage
from portal.clinical.usage.stops import Stopped
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.identity.rules import Role
from portal.inventory.rules import Condition
from tests.functional.test_usage_recording import on_hand, stocked
from tests.hospital import Hospital
from tests.visitor import Visitor


def notice(*parts: NewPart) -> NewRecall:
    """A notice that names the parts."""
    return NewRecall("Leaking balloon", clock.today(), reference="FDA-1", parts=parts)


@pytest.fixture
def used(hospital: Hospital) -> NewUsage:
    """A catheter of lot L1 was used for a patient with the number MRN-1; two more lie on the shelf."""
    nurse = hospital.actor(Role.CLINICIAN)
    with transaction() as session:
        stocked(hospital, hospital.catheter, 3, lot="L1")
        stocked(hospital, hospital.catheter, 5, lot="L2")
        patient = Patient(name="Test patient A")
        session.add(patient)
        session.flush()
        session.add(
            PatientIdentifier(patient_id=patient.id, found_by="ehr|MRN-1", assigner="ehr", value="MRN-1")
        )
        encounter = Encounter(found_by="ehr|E1", identifier="E1", patient_id=patient.id)
        session.add(encounter)
        session.flush()
        case = cases.open_case(nurse, NewCase(hospital.clinic.id, encounter_id=encounter.id))
        event = NewUsage(
            key="one", source="portal", item_id=hospital.catheter.id, location_id=hospital.clinic.id,
            quantity=Decimal(1), lot="L1", case_id=case.id, patient_id=patient.id, description="Catheter",
        )  # fmt: skip
        usage.record_usage(nurse, event)
    return event


def test_a_recall_sets_aside_and_the_point_of_care_refuses(hospital: Hospital, used: NewUsage) -> None:
    buyer, nurse = hospital.actor(Role.BUYER), hospital.actor(Role.CLINICIAN)
    recall = recalls.enter(buyer, notice(NewPart(item="CATH-14", lot="L1")))
    shelf = {one.lot: one for one in recall_queries.stock_of(recall.id)}
    assert (shelf["L1"].condition, shelf["L1"].on_hand) == (Condition.QUARANTINED, Decimal(2))
    assert on_hand(hospital, hospital.catheter, lot="L2", condition=Condition.AVAILABLE) == 5
    with pytest.raises(Stopped, match=recall.number):
        usage.record_usage(nurse, replace(used, key="two"))
    usage.record_usage(nurse, replace(used, key="other", lot="L2"))
    assert recalls.set_aside(buyer, recall.id) == 0
    (moved,) = recall_queries.moved_of(recall_queries.find(recall.id))
    assert (moved.lot, moved.came, moved.left) == ("L1", Decimal(3), Decimal(1))
    with pytest.raises(Conflict, match="open"):
        recalls.close(buyer, recall.id)
    (task,) = recall_queries.find(recall.id).tasks
    for _ in range(2):
        recalls.finish_task(buyer, task.id, "returned")
    assert on_hand(hospital, hospital.catheter, lot="L1") == 0
    recalls.close(buyer, recall.id)
    stocked(hospital, hospital.catheter, 1, lot="L1", serial="new")
    usage.record_usage(nurse, replace(used, key="three", serial="new"))


def test_what_is_kept_without_lots_is_looked_for(hospital: Hospital) -> None:
    stocked(hospital, hospital.gloves, 7)
    recall = recalls.enter(hospital.actor(Role.BUYER), notice(NewPart(item="GLOVE-M", lot="X")))
    (task,) = recall_queries.find(recall.id).tasks
    assert (task.kind, task.quantity) == ("find", Decimal(7))
    with pytest.raises(Invalid):
        recalls.finish_task(hospital.actor(Role.BUYER), task.id, "returned")
    recalls.finish_task(hospital.actor(Role.BUYER), task.id, "not_affected")
    assert recalls.set_aside(hospital.actor(Role.BUYER), recall.id) == 0
    assert recalls.close(hospital.actor(Role.BUYER), recall.id).closed_at is not None
    assert on_hand(hospital, hospital.gloves, condition=Condition.AVAILABLE) == 7


def test_the_patients_are_shown_to_few_and_each_view_is_recorded(
    hospital: Hospital, used: NewUsage, client: Visitor
) -> None:
    with transaction():
        recall = recalls.enter(hospital.actor(Role.BUYER), notice(NewPart(item="CATH-14", lot="L1")))
    assert recall_queries.case_count(recall_queries.uses_of(recall_queries.find(recall.id).parts)) == 1
    with pytest.raises(NotAllowed):
        recalls.affected(hospital.actor(Role.BUYER), recall.id)
    client.sign_in(hospital.email(Role.BUYER))
    page = client.get(f"/recalls/{recall.id}").get_data(as_text=True)
    assert "Used in 1 case" in page
    assert "Test patient A" not in page
    assert client.get(f"/recalls/{recall.id}/patients").status_code == 403
    client.sign_in(hospital.email(Role.CLINICIAN))
    page = client.get(f"/recalls/{recall.id}/patients").get_data(as_text=True)
    assert "Test patient A" in page
    assert "MRN-1" in page
    viewed = db.session.scalars(select(AccessRecord)).one()
    assert (viewed.patient_id, viewed.page) == (used.patient_id, "clinical.recall_patients")
    client.sign_in(hospital.email(Role.AUDITOR))
    answer = client.submit("/accesses", {"value": "MRN-1", "assigner": "ehr"}, action="/accesses")
    assert "MRN" not in answer.headers["Location"]
    listed = client.get(answer.headers["Location"]).get_data(as_text=True)
    assert f"Recall {recall.number}" in listed
    assert client.submit("/accesses", {"value": "nobody"}, action="/accesses").status_code == 422


def test_a_recall_is_entered_by_form_and_by_file(hospital: Hospital, client: Visitor) -> None:
    with transaction():
        stocked(hospital, hospital.catheter, 2, lot="L1")
    client.sign_in(hospital.email(Role.RECEIVER))
    assert client.get("/recalls").status_code == 200
    values = {"title": "Leaking", "device": "CATH-14", "lots": "L1\nL9"}
    answer = client.submit("/recalls/new", values, action="/recalls/new")
    assert answer.status_code == 303, answer.get_data(as_text=True)
    (task,) = recall_queries.find(db.session.scalars(select(Recall.id)).one()).tasks
    token = client.csrf_token(answer.headers["Location"])
    done = {"outcome": "destroyed", "csrf_token": token}
    assert client.post(f"/recalls/tasks/{task.id}", data=done).status_code == 303
    assert "Destroyed" in client.get(answer.headers["Location"]).get_data(as_text=True)
    empty = client.submit("/recalls/new", {"title": "Nothing"}, action="/recalls/new")
    assert empty.status_code == 422
    assert "Name a device" in empty.get_data(as_text=True)


def test_a_file_names_devices_lots_and_serials() -> None:
    parts = read_file("DI;Lot;Serial\n00614141000012;A|B;\n00614141000029;;1\n\n".encode("utf-8-sig"))
    assert parts == [
        NewPart("00614141000012", "", "A", ""), NewPart("00614141000012", "", "B", ""),
        NewPart("00614141000029", "", "", "1"),
    ]  # fmt: skip
    for wrong in (b"", b"a,b\n1,2", b"lot\nA", b"di,lot\n,A", b"\xff\xfe\x00"):
        with pytest.raises(Invalid):
            read_file(wrong)
