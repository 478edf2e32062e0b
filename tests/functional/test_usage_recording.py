"""What a use does: stock, bill-only request, cost and charge; stops, repeats, conflicts, undoing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text

from integrations.clinical import UsageStatus
from portal.clinical import cases
from portal.clinical.cases import NewCase
from portal.clinical.models import Case, ChargeLine, Usage
from portal.clinical.rules import CaseState, ChargeState, UsageState
from portal.clinical.usage import bill_only
from portal.clinical.usage import facts as usage_facts
from portal.clinical.usage import services as usage
from portal.clinical.usage.services import NewUsage
from portal.clinical.usage.stops import Stopped
from portal.exchange.models import Message, WorkItem
from portal.exchange.rules import WorkItemKind
from portal.foundation import clock
from portal.foundation.access import Actor, system
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.identity.rules import Role
from portal.inventory import services as inventory
from portal.inventory.models import Stock
from portal.inventory.rules import Condition, MovementKind, Owner
from portal.inventory.services import Move
from portal.masterdata.models import Item
from portal.orders import queries as orders
from portal.requisitions import queries as requisitions
from tests import hospital as hospitals
from tests.hospital import Hospital

Record = Callable[..., Usage]


def stocked(hospital: Hospital, item: Item, quantity: int, **place: Any) -> None:
    """Puts some of an item on the clinic's shelf."""
    key = f"opening-{item.id}-{place}"
    inventory.move(
        system(hospital.organization.id, "test"),
        [Move(key, MovementKind.OPENING, hospital.clinic.id, item.id, Decimal(quantity), **place)],
    )


def on_hand(hospital: Hospital, item: Item, **place: Any) -> Decimal:
    """What the clinic's shelf holds in the rows that match."""
    total = select(func.sum(Stock.on_hand)).where(
        Stock.location_id == hospital.clinic.id, Stock.item_id == item.id
    )
    return db.session.scalar(total.filter_by(**place)) or Decimal()


def items_of(kind: WorkItemKind) -> list[WorkItem]:
    """Open work items of a kind."""
    found = select(WorkItem).where(WorkItem.kind == kind, WorkItem.resolved_at.is_(None))
    return list(db.session.scalars(found))


def charge_of(row: Usage) -> ChargeLine | None:
    """The charge prepared for a use."""
    return db.session.scalar(select(ChargeLine).where(ChargeLine.usage_id == row.id))


@pytest.fixture
def nurse(hospital: Hospital) -> Actor:
    """A clinician of the hospital."""
    return hospital.actor(Role.CLINICIAN)


@pytest.fixture
def case(hospital: Hospital, nurse: Actor) -> Case:
    """A case at the clinic."""
    return cases.open_case(nurse, NewCase(hospital.clinic.id, procedure_name="Hip replacement"))


@pytest.fixture
def record(hospital: Hospital, nurse: Actor, case: Case) -> Record:
    """Records a use of gloves in the case, with what is said changed."""
    base = NewUsage(
        key="first", source="portal", item_id=hospital.gloves.id, location_id=hospital.clinic.id,
        quantity=Decimal(1), case_id=case.id, description=hospital.gloves.name,
    )  # fmt: skip

    def use(*, by: Actor = nurse, after_the_fact: bool = False, **changes: Any) -> Usage:
        return usage.record_usage(by, replace(base, **changes), after_the_fact=after_the_fact)

    return use


def test_a_use_takes_the_first_to_expire_and_is_priced_and_charged(
    hospital: Hospital, record: Record
) -> None:
    today = clock.today()
    stocked(hospital, hospital.catheter, 2, lot="LATE", expires_on=today + timedelta(days=90))
    stocked(hospital, hospital.catheter, 2, lot="SOON", expires_on=today + timedelta(days=9))
    row = record(item_id=hospital.catheter.id, quantity=Decimal(3))
    assert row.state is UsageState.APPLIED
    assert on_hand(hospital, hospital.catheter, lot="SOON") == 0
    assert on_hand(hospital, hospital.catheter, lot="LATE") == 1
    assert (row.unit_price, row.cost) == (Decimal("2.0000"), Decimal("6.00"))
    assert row.contract_line_id is not None
    assert row.from_stock
    charge = charge_of(row)
    assert charge is not None
    assert (charge.amount, charge.state) == (Decimal("6.00"), ChargeState.PREPARED)


def test_said_twice_it_counts_once(hospital: Hospital, record: Record) -> None:
    stocked(hospital, hospital.gloves, 5)
    assert record().id == record().id
    assert on_hand(hospital, hospital.gloves) == 4


def test_the_same_key_with_other_content_waits_for_a_person(hospital: Hospital, record: Record) -> None:
    stocked(hospital, hospital.gloves, 5)
    first = record(occurred_at=clock.now())
    other = record(occurred_at=clock.now(), quantity=Decimal(2))
    assert (other.state, other.reverses_id) == (UsageState.CONFLICT, first.id)
    assert on_hand(hospital, hospital.gloves) == 4
    assert len(items_of(WorkItemKind.USAGE_CONFLICT)) == 1


def test_wasted_costs_and_is_not_charged(hospital: Hospital, record: Record, case: Case) -> None:
    stocked(hospital, hospital.catheter, 5)
    row = record(item_id=hospital.catheter.id, outcome=UsageStatus.WASTED)
    record(key="opened", item_id=hospital.catheter.id, outcome=UsageStatus.OPENED_UNUSED)
    record(key="out", item_id=hospital.catheter.id, outcome=UsageStatus.EXPLANTED)
    assert on_hand(hospital, hospital.catheter) == 3
    assert charge_of(row) is None
    assert cases.cost_of(case.id) == Decimal("4.00")


def test_what_is_not_kept_is_billed_by_the_supplier(hospital: Hospital, record: Record, case: Case) -> None:
    hospitals.add_partners(hospital, erp_url="http://127.0.0.1:1", network_url="http://127.0.0.1:1")
    row = record(quantity=Decimal(10), di="00614141000012")
    assert not row.from_stock
    requisition = requisitions.find(row.requisition_id or 0)
    assert requisition is not None
    assert requisition.note == f"Bill only, case {case.number}"
    assert (requisition.total, requisition.lines[0].quantity) == (Decimal("7.25"), Decimal(1))
    assert bill_only.order_due(hospital.organization.id) == []  # it may still be undone
    (order,) = bill_only.order_due(hospital.organization.id, after=timedelta())
    assert order.reference == f"Bill only, case {case.number}"
    assert [line.received for line in order.lines] == [Decimal(1)]  # nothing more is on its way
    sent = db.session.scalars(select(Message)).one()
    assert sent.canonical is not None
    assert sent.canonical["comments"] == order.reference
    usage.undo(hospital.actor(Role.CLINICIAN), row.id, "Wrong case")
    after = orders.find(order.id)
    assert after is not None
    assert after.lines[0].cancelled == 1
    assert bill_only.order_due(hospital.organization.id, after=timedelta()) == []


def test_consignment_leaves_the_shelf_and_is_billed(hospital: Hospital, record: Record) -> None:
    place = {"lot": "L1", "serial": "S1", "owner": Owner.CONSIGNMENT}
    stocked(hospital, hospital.catheter, 1, **place)
    row = record(item_id=hospital.catheter.id, lot="L1", serial="S1", outcome=UsageStatus.IMPLANTED)
    assert on_hand(hospital, hospital.catheter, **place) == 0
    assert row.requisition_id is not None
    assert not row.from_stock
    usage.undo(hospital.actor(Role.CLINICIAN), row.id, "Not this one")
    assert on_hand(hospital, hospital.catheter, **place) == 1
    requisition = requisitions.find(row.requisition_id)
    assert requisition is not None
    assert requisition.lines[0].closed_quantity == requisition.lines[0].quantity
    charge = charge_of(row)
    assert charge is not None
    assert charge.state is ChargeState.CREDITED


def test_expired_and_set_aside_stop_until_somebody_says_why(hospital: Hospital, record: Record) -> None:
    yesterday = clock.today() - timedelta(days=2)
    stocked(hospital, hospital.catheter, 1, lot="OLD", expires_on=yesterday)
    stocked(hospital, hospital.catheter, 1, lot="AWAY", condition=Condition.QUARANTINED)
    for lot in ("OLD", "AWAY"):
        with pytest.raises(Stopped):
            record(key=lot, item_id=hospital.catheter.id, lot=lot)
        row = record(key=lot, item_id=hospital.catheter.id, lot=lot, override_reason="Nothing else at hand")
        assert row.state is UsageState.APPLIED
        assert row.stops
        assert on_hand(hospital, hospital.catheter, lot=lot) == 0
    assert len(items_of(WorkItemKind.USAGE_UNSAFE)) == 2


def test_a_serial_is_used_once(hospital: Hospital, record: Record) -> None:
    stocked(hospital, hospital.catheter, 1, serial="S9")
    first = record(item_id=hospital.catheter.id, serial="S9")
    with pytest.raises(Stopped):
        record(key="again", item_id=hospital.catheter.id, serial="S9")
    other = record(key="again", item_id=hospital.catheter.id, serial="S9", after_the_fact=True)
    assert other.state is UsageState.CONFLICT
    assert on_hand(hospital, hospital.catheter) == 0
    counts = usage_facts.used_before(hospital.catheter.id, "S9")
    assert counts is not None
    assert counts.id == first.id
    assert len(items_of(WorkItemKind.USAGE_CONFLICT)) == 1


def test_what_is_returned_takes_back_the_use_or_a_part_of_it(hospital: Hospital, record: Record) -> None:
    stocked(hospital, hospital.gloves, 10)
    whole = record(key="whole", quantity=Decimal(2))
    part = record(key="part", quantity=Decimal(5))
    record(key="back", outcome=UsageStatus.RETURNED, quantity=Decimal(2), reverses_id=whole.id)
    assert whole.state is UsageState.REVERSED
    half = record(key="half", outcome=UsageStatus.RETURNED, quantity=Decimal(3))
    assert half.reverses_id == part.id
    assert on_hand(hospital, hospital.gloves) == 8
    assert part.cost is not None
    assert half.cost == -(part.cost * 3 / 5).quantize(Decimal("0.01"))
    too_much = record(key="more", outcome=UsageStatus.RETURNED, quantity=Decimal(3), reverses_id=part.id)
    assert too_much.state is UsageState.REVIEW
    lone = record(key="lone", outcome=UsageStatus.RETURNED, quantity=Decimal(9))
    assert lone.state is UsageState.REVIEW
    assert on_hand(hospital, hospital.gloves) == 8


def test_an_unknown_item_waits_with_what_was_said(record: Record) -> None:
    row = record(item_id=None, named=(("catalog_number", "X-77"),), after_the_fact=True)
    assert row.state is UsageState.REVIEW
    (item,) = items_of(WorkItemKind.USAGE_UNKNOWN)
    assert "X-77" in item.sentence


def test_undoing_gives_everything_back_once(hospital: Hospital, record: Record, nurse: Actor) -> None:
    stocked(hospital, hospital.gloves, 5)
    row = record(quantity=Decimal(2))
    with pytest.raises(Invalid, match="why"):
        usage.undo(nurse, row.id, " ")
    for _ in range(2):
        assert usage.undo(nurse, row.id, "Wrong patient").state is UsageState.REVERSED
    assert on_hand(hospital, hospital.gloves) == 5


def test_a_case_never_closes_silently(hospital: Hospital, record: Record, case: Case, nurse: Actor) -> None:
    with pytest.raises(Invalid, match="nothing was used"):
        cases.close(nurse, case.id)
    assert cases.close(nurse, case.id, nothing_used=True).nothing_used
    cases.reopen(nurse, case.id, "Forgot the gloves")
    stocked(hospital, hospital.gloves, 5)
    record()
    with pytest.raises(Invalid, match="recorded"):
        cases.close(nurse, case.id, nothing_used=True)
    record(key="unknown", item_id=None)
    with pytest.raises(Conflict, match="waits"):
        cases.close(nurse, case.id)
    usage.undo(nurse, usage.by_key("unknown").id, "No such thing")  # type: ignore[union-attr]
    assert cases.close(nurse, case.id).state is CaseState.CLOSED


def test_only_who_may_record_records(hospital: Hospital, record: Record) -> None:
    with pytest.raises(NotAllowed):
        record(by=hospital.actor(Role.AP_ANALYST))


def test_a_use_is_sealed(hospital: Hospital, record: Record) -> None:
    with transaction():
        row = record(
            serial="SERIAL-4711", raw_scan="(21)SERIAL-4711", key="SERIAL-4711|x", body_site="Left hip"
        )
    columns = db.session.execute(select(Usage.__table__).where(Usage.id == row.id)).one()
    raw = db.session.scalar(text("SELECT usage::text FROM usage WHERE id = :id"), {"id": row.id})
    assert "4711" not in str(raw)
    assert "Left hip" not in str(raw)
    assert columns.serial == "SERIAL-4711"
