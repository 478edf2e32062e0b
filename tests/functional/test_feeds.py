"""HL7 v2 messages from the wire to what they change: stored, acknowledged, applied once."""

import threading
from datetime import date
from decimal import Decimal

import hl7
import pytest
from flask import Flask
from sqlalchemy import select, text

from portal.clinical.feeds import services as feeds
from portal.clinical.memory import memory
from portal.clinical.models import Case, Encounter, Feed, Patient, PatientIdentifier, Usage
from portal.clinical.rules import CaseState, EncounterState, UsageState
from portal.exchange import inbox
from portal.exchange.models import Message, Partner, WorkItem
from portal.exchange.rules import MessageState
from portal.foundation.db import db, enter_organization, transaction
from portal.identity.rules import Role
from portal.requisitions.models import Requisition
from tests.hospital import Hospital
from tests.requesting import stocked
from tests.samples import SAMPLES, needs_samples
from tests.unit.hl7_messages import PID, PV1, UDI, charge, message, usage_message

HERE = "127.0.0.1"


@pytest.fixture
def feed(hospital: Hospital) -> Feed:
    """An interface of this hospital; its sender names are its own, as of every hospital."""
    mark = hospital.organization.slug
    with transaction() as session:
        partner = Partner(code="or", name="OR system", kind="ehr", adapter="hl7v2", base_url="")
        session.add(partner)
        session.flush()
        row = Feed(
            code="or", name="OR system", partner_id=partner.id, facility_id=hospital.facility.id,
            sending_application="OR", sending_facility=mark, addresses=["127.0.0.0/8"],
            mapping={"location_code": "ZPA-3.1"},
            settings={"orders": "usage", "processing": "PT",
                      "requester": hospital.email(Role.CLINIC_MANAGER)},
        )  # fmt: skip
        session.add(row)
    memory.forget()
    return row


def send(feed: Feed, raw: bytes, *, address: str = HERE) -> list[hl7.Message]:
    """What comes back for a message of this feed."""
    raw = raw.replace(b"|OR|MAIN|", f"|OR|{feed.sending_facility}|".encode())
    answers = feeds.take(raw, address)
    enter_organization(feed.organization_id)
    return [hl7.parse(answer.decode()) for answer in answers]


def said(answers: list[hl7.Message]) -> list[str]:
    return [str(answer.segment("MSA")[1]) for answer in answers]


def applied() -> None:
    """Lets a worker do what is due."""
    while inbox.apply_due():
        pass


def messages() -> list[Message]:
    return list(db.session.scalars(select(Message).order_by(Message.id)))


def usages() -> list[Usage]:
    return list(db.session.scalars(select(Usage).order_by(Usage.id)))


def test_a_charge_is_stored_sealed_acknowledged_and_applied_once(feed: Feed, hospital: Hospital) -> None:
    group = charge(item="CATH-14", quantity="1", after=[f"PRT|1|AD||EQUIP||||||{UDI}"])
    raw = usage_message(group)
    assert said(send(feed, raw)) == ["AA"]
    [stored] = messages()
    kept = db.session.scalar(select(Message.raw).where(Message.id == stored.id))
    assert stored.state == MessageState.WAITING
    assert b"P100" not in bytes(kept or b"")
    applied()
    [usage] = usages()
    assert (usage.state, usage.item_id, usage.quantity) == (UsageState.APPLIED, hospital.catheter.id, 1)
    assert (usage.lot, usage.expires_on, usage.location_id) == (
        "LOT7",
        date(2030, 12, 31),
        hospital.clinic.id,
    )
    assert said(send(feed, raw)) == ["AA"]
    applied()
    again = usage_message(
        charge(item="CATH-14", quantity="1", after=[f"PRT|1|AD||EQUIP||||||{UDI}"]), control_id="M2"
    )
    assert said(send(feed, again)) == ["AA"]
    applied()
    assert len(usages()) == 1
    db.session.expire_all()
    assert {one.state for one in messages()} == {MessageState.DONE}
    patient = db.session.scalars(select(PatientIdentifier)).one()
    assert (messages()[0].subject_type, messages()[0].subject_id) == ("patient", patient.patient_id)


def test_the_same_key_with_other_content_waits_for_a_person(feed: Feed) -> None:
    send(feed, usage_message(charge(item="GLOVE-M")))
    assert said(send(feed, usage_message(charge(item="GLOVE-M", quantity="9")))) == ["AA"]
    applied()
    assert [one.quantity for one in usages()] == [2]
    send(feed, usage_message(charge(item="GLOVE-M", quantity="7"), control_id="M2"))
    applied()
    assert [one.state for one in usages()] == [UsageState.APPLIED, UsageState.CONFLICT]
    assert len(db.session.scalars(select(WorkItem)).all()) >= 2


def test_an_unknown_item_is_accepted_and_becomes_a_work_item(feed: Feed) -> None:
    assert said(send(feed, usage_message(charge(item="NOBODY-KNOWS")))) == ["AA"]
    applied()
    assert usages()[0].state == UsageState.REVIEW
    [item] = db.session.scalars(select(WorkItem)).all()
    assert "NOBODY-KNOWS" in item.sentence
    assert "P100" not in item.sentence


def test_a_credit_takes_back_what_it_names(feed: Feed) -> None:
    send(feed, usage_message(charge(item="GLOVE-M")))
    send(feed, usage_message(charge(item="GLOVE-M", kind="CR"), control_id="M2"))
    applied()
    assert [one.state for one in usages()] == [UsageState.REVERSED, UsageState.APPLIED]


def test_original_mode_refuses_by_field_and_stores_nothing(feed: Feed) -> None:
    for raw, code, place in (
        (usage_message(charge(quantity="two")), "AE", "FT1^1^10"),
        (message(type_="BAR^P12"), "AR", "MSH^1^9"),
        (usage_message(charge(), processing="D"), "AR", "MSH^1^11"),
        (usage_message(charge(), version="4"), "AR", "MSH^1^12"),
    ):
        [answer] = send(feed, raw)
        assert (str(answer.segment("MSA")[1]), str(answer.segment("ERR")[2])) == (code, place)
    assert messages() == []
    [item] = db.session.scalars(select(WorkItem)).all()
    assert item.sentence == "A message of OR system was refused: This is not a number (FT1(1)-10)."


def test_enhanced_mode_commits_first_and_answers_as_a_message_of_its_own(feed: Feed) -> None:
    good = usage_message(charge(), accept="AL", application="AL")
    commit, answer = send(feed, good)
    assert said([commit, answer]) == ["CA", "AA"]
    assert str(commit.segment("MSH")[10]) != str(answer.segment("MSH")[10])
    bad = usage_message(charge(quantity="two"), control_id="M2", accept="AL", application="ER")
    assert said(send(feed, bad)) == ["CA", "AE"]
    quiet = usage_message(charge(line="T3"), control_id="M3", accept="NE", application="ER")
    assert send(feed, quiet) == []
    assert said(send(feed, message(type_="BAR^P12", accept="AL"))) == ["CR"]
    applied()
    states = {one.key.split("|")[-1]: one.state for one in messages()}
    assert states == {"M1": MessageState.DONE, "M2": MessageState.NEEDS_ATTENTION, "M3": MessageState.DONE}


def test_strangers_and_answers(feed: Feed) -> None:
    assert said(send(feed, usage_message(charge()), address="192.0.2.7")) == ["AR"]
    assert said(send(feed, usage_message(charge(), sender="WHO|KNOWS"))) == ["AR"]
    assert said(send(feed, b"nonsense")) == ["AR"]
    assert send(feed, message("MSA|AA|M1", type_="ACK^P03")) == []
    assert messages() == []
    assert feeds.allows(HERE)
    assert not feeds.allows("192.0.2.7")
    two = b"\xef\xbb\xbf" + usage_message(charge()) + usage_message(charge(), control_id="M2")
    assert said(send(feed, two)) == ["AA", "AA"]


def test_encounters_follow_and_old_news_changes_nothing(feed: Feed, hospital: Hospital) -> None:
    pv1 = PV1.replace("OR3", "ED01")
    for at, trigger, state in (
        ("0900", "A01", EncounterState.ACTIVE), ("1200", "A03", EncounterState.FINISHED),
        ("1000", "A08", EncounterState.FINISHED), ("1300", "A13", EncounterState.ACTIVE),
        ("1400", "A11", EncounterState.CANCELLED),
    ):  # fmt: skip
        raw = message(f"EVN|{trigger}|20260301{at}", PID, pv1, type_=f"ADT^{trigger}", control_id=at)
        assert said(send(feed, raw)) == ["AA"]
        applied()
        db.session.expire_all()
        encounter = db.session.scalars(select(Encounter)).one()
        assert (encounter.state, encounter.location_id) == (state, hospital.clinic.id)


def test_a_merge_points_usage_to_the_patient_who_stays(feed: Feed) -> None:
    send(feed, usage_message(charge(item="GLOVE-M")))
    other = PID.replace("P100", "P200")
    send(feed, message("EVN|A40|20260302", other, "MRG|P100^^^LAKE", type_="ADT^A40", control_id="M2"))
    send(feed, usage_message(charge(item="GLOVE-M", line="T2"), control_id="M3"))
    applied()
    db.session.expire_all()
    patients = {one.patient_id for one in usages()}
    old = db.session.scalars(select(Patient).where(Patient.merged_into_id.is_not(None))).one()
    assert patients == {old.merged_into_id}
    assert {one.patient_id for one in db.session.scalars(select(PatientIdentifier))} == patients


def test_a_scheduled_case_and_its_cancellation(feed: Feed, hospital: Hospital) -> None:
    sch = ("SCH|P1|C55", PID, "AIS|1|A|K1^Knee|20260401080000|||90|min", "AIL|1||ED01")
    send(feed, message(*sch, type_="SIU^S12"))
    applied()
    case = db.session.scalars(select(Case)).one()
    assert (case.state, case.location_id) == (CaseState.SCHEDULED, hospital.clinic.id)
    assert case.procedure_name == "Knee"
    send(feed, message(*sch, type_="SIU^S15", control_id="M2"))
    applied()
    db.session.expire_all()
    assert db.session.scalars(select(Case)).one().state == CaseState.CANCELLED


ORDER = ("ORC|NW|R1", "RQD|1|||GLOVE-M|12|EA|||ED01|20991231")


def test_an_order_is_a_request_where_the_interface_says_so(feed: Feed, hospital: Hospital) -> None:
    with transaction():
        feed = db.session.merge(feed)
        feed.settings = {**feed.settings, "orders": "request"}
    send(feed, message(PID, *ORDER, type_="OMS^O05"))
    send(feed, message(PID, *ORDER, type_="OMS^O05", control_id="M2"))
    applied()
    requisition = db.session.scalars(select(Requisition)).one()
    assert (requisition.location_id, requisition.requester_id) == (
        hospital.clinic.id, hospital.accounts[Role.CLINIC_MANAGER].id,
    )  # fmt: skip
    send(feed, message(PID, "ORC|CA|R1", ORDER[1], type_="OMS^O05", control_id="M3"))
    applied()
    db.session.expire_all()
    assert db.session.scalars(select(Requisition)).one().state == "cancelled"
    send(feed, message(PID, "ORC|NW|R2", "RQD|1|||WHAT|1||||ED01", type_="OMS^O05", control_id="M4"))
    applied()
    db.session.expire_all()
    assert messages()[-1].state == MessageState.NEEDS_ATTENTION
    assert "WHAT of order R2 is not known" in messages()[-1].cause


def test_an_order_as_usage(feed: Feed) -> None:
    send(feed, message(PID, PV1, *ORDER, type_="OMN^O07"))
    applied()
    assert [(one.quantity, one.state) for one in usages()] == [(Decimal(12), UsageState.APPLIED)]


def test_item_master_records_only_where_allowed(feed: Feed) -> None:
    raw = message("MFI|INV", "MFE|MAD|1", "ITM|NEW-1|A new item|A", "PKG|1|EA||1", type_="MFN^M16")
    send(feed, raw)
    applied()
    assert "may not change items" in messages()[0].cause
    with transaction():
        feed = db.session.merge(feed)
        feed.settings = {**feed.settings, "item_master": True}
    send(feed, raw.replace(b"|M1|", b"|M2|"))
    applied()
    assert db.session.scalar(text("SELECT name FROM item WHERE code = 'NEW-1'")) == "A new item"


def test_stock_levels_become_par_levels_and_a_count_that_is_asked_for(feed: Feed, hospital: Hospital) -> None:
    with transaction():
        stocked(hospital.actor(Role.CLINIC_MANAGER), hospital.clinic, hospital.gloves.id, 30)
    level = "IIM|1|GLOVE-M^Exam glove||||ED01|||||20260301|35|EA"
    here = ("MFI|INV", "MFE|MUP", level)
    send(feed, message(*here, type_="MFN^M15"))
    applied()
    assert "may not tell stock levels" in messages()[0].cause
    with transaction():
        feed = db.session.merge(feed)
        feed.settings = {**feed.settings, "levels": True, "item_master": True}
    memory.forget()
    odd = ("MFE|MUP", "IIM|1|WHAT||||ED01||||||3|EA")
    send(feed, message(*here, *odd, type_="MFN^M15", control_id="M2"))
    applied()
    (differs, unknown) = open_items("feed-%")
    assert "has other stock at Emergency department than the book: Exam glove" in differs
    assert "35, not 30" in differs
    assert "item WHAT, EA, at ED01" in unknown
    send(feed, message("MFI|INV", "MFE|MUP", level.replace("|35|", "|3|").replace("|EA", "|BX"),
                       type_="MFN^M15", control_id="M3"))  # fmt: skip
    applied()
    assert len(open_items("feed-%-levels-%")) == 0
    assert hospital.gloves.name == db.session.scalar(text("SELECT name FROM item WHERE code = 'GLOVE-M'"))
    par = "IVT|1|ED01^Emergency||||A|BIN4||BX" + "|" * 15 + "2||5"
    itm = ("MFE|MUP|1", "ITM|GLOVE-M|Exam glove, nitrile, medium|A", "PKG|1|EA||1", "PKG|1|BX||10", par)
    send(feed, message("MFI|INV", *itm, type_="MFN^M16", control_id="M4"))
    applied()
    kept = db.session.execute(text("SELECT minimum, maximum FROM par_level")).one()
    assert tuple(kept) == (20, 50), messages()[-1].cause


def open_items(key: str) -> list[str]:
    """The sentences of the open work items."""
    found = select(WorkItem).where(WorkItem.key.like(key), WorkItem.resolved_at.is_(None))
    return [one.sentence for one in db.session.scalars(found.order_by(WorkItem.key.desc()))]


@needs_samples
def test_every_sample_is_answered_and_ends_visibly(feed: Feed) -> None:
    for number, path in enumerate(sorted((SAMPLES / "ehr" / "hl7v2").glob("*.hl7"))):
        raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\r").replace(b"\n", b"\r")
        lines = raw.split(b"\r")
        fields = lines[0].split(b"|") + [b""] * 12
        fields[2:4], fields[9] = [b"OR", b"MAIN"], b"S%d" % number
        answers = send(feed, b"\r".join([b"|".join(fields), *lines[1:]]))
        assert set(said(answers)) <= {"AA", "AE", "AR", "CA"}, path.name
    applied()
    assert len(messages()) >= 9
    assert {one.state for one in messages()} <= {MessageState.DONE, MessageState.NEEDS_ATTENTION}


def test_two_workers_at_once_make_one_patient_one_case_and_every_usage(
    app: Flask, feed: Feed, hospital: Hospital
) -> None:
    with transaction():
        feed = db.session.merge(feed)
        feed.mapping = {**feed.mapping, "case_id": "ZPA-7"}
    memory.forget()
    for number in range(16):
        items = ("GLOVE-M", "CATH-14") if number % 2 else ("CATH-14", "GLOVE-M")
        groups = [charge(item=item, line=f"L{number}-{item}", after=["ZPA|1||||||C1"]) for item in items]
        send(feed, usage_message(*groups, control_id=f"C{number}"))
    organization_id = hospital.organization.id

    def work() -> None:
        with app.app_context():
            enter_organization(organization_id)
            applied()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    db.session.expire_all()
    assert {one.state for one in messages()} == {MessageState.DONE}
    found = usages()
    assert len(found) == 32
    assert len({(one.patient_id, one.case_id, one.encounter_id) for one in found}) == 1
    assert len(db.session.scalars(select(Patient)).all()) == 1
