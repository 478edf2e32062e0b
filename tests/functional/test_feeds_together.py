"""Messages of clinical systems applied together: one transaction for many, each as if it were alone."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from portal.clinical.feeds import services as feeds
from portal.clinical.memory import memory
from portal.clinical.models import ChargeLine, Feed, Usage
from portal.clinical.rules import UsageState
from portal.exchange import inbox
from portal.exchange.models import Attempt, Message, Partner, WorkItem
from portal.exchange.rules import MessageState, Outcome
from portal.foundation import clock
from portal.foundation.db import db, enter_organization, transaction
from portal.identity.rules import Role
from portal.inventory.models import Stock, StockMovement
from tests.hospital import Hospital
from tests.requesting import stocked
from tests.statements import recorded
from tests.unit.hl7_messages import charge, message, usage_message


@pytest.fixture
def feed(hospital: Hospital) -> Feed:
    """An interface of this hospital."""
    with transaction() as session:
        partner = Partner(code="or", name="OR system", kind="ehr", adapter="hl7v2", base_url="")
        session.add(partner)
        session.flush()
        row = Feed(
            code="or", name="OR system", partner_id=partner.id, facility_id=hospital.facility.id,
            sending_application="OR", sending_facility=hospital.organization.slug,
            addresses=["127.0.0.0/8"], mapping={"location_code": "ZPA-3.1"}, settings={"processing": "PT"},
        )  # fmt: skip
        session.add(row)
    memory.forget()
    return row


def send(feed: Feed, raw: bytes) -> None:
    feeds.take(raw.replace(b"|OR|MAIN|", f"|OR|{feed.sending_facility}|".encode()), "127.0.0.1")
    enter_organization(feed.organization_id)


def use(feed: Feed, number: int, item: str, quantity: int = 1, **said: str) -> None:
    group = charge(item=item, quantity=str(quantity), line=f"L{number}", **said)
    send(feed, usage_message(group, control_id=f"C{number}"))


def on_hand(hospital: Hospital, item_id: int) -> dict[str, Decimal]:
    """By lot, as the book of the clinic says."""
    rows = db.session.execute(
        select(Stock.lot, Stock.on_hand).where(
            Stock.location_id == hospital.clinic.id, Stock.item_id == item_id
        )
    )
    return {row[0]: row[1] for row in rows}


def outcomes() -> list[MessageState]:
    return list(db.session.scalars(select(Message.state).order_by(Message.id)))


def test_each_use_sees_what_those_before_it_took(feed: Feed, hospital: Hospital) -> None:
    manager = hospital.actor(Role.CLINIC_MANAGER)
    with transaction():
        for lot, quantity, days in (("SOON", 3, 30), ("LATE", 10, 300)):
            stocked(manager, hospital.clinic, hospital.catheter.id, quantity, lot=lot,
                    expires_on=clock.today() + timedelta(days=days))  # fmt: skip
        stocked(manager, hospital.clinic, hospital.gloves.id, 4)
    for number in range(12):
        use(feed, number, "CATH-14" if number % 2 else "GLOVE-M")
    with recorded() as statements:
        assert inbox.apply_due() is False
    assert on_hand(hospital, hospital.catheter.id) == {"SOON": 0, "LATE": 7}
    assert on_hand(hospital, hospital.gloves.id) == {"": -2}
    assert set(outcomes()) == {MessageState.DONE}
    lots = db.session.scalars(select(Usage.lot).order_by(Usage.id))
    assert [lot for lot in lots if lot] == ["SOON"] * 3 + ["LATE"] * 3
    assert db.session.scalar(select(func.count(ChargeLine.id))) == 12
    assert len([one for one in statements if "INSERT INTO stock_movement" in one]) == 1
    assert len(statements) < 80


def test_one_that_fails_leaves_the_others_alone(feed: Feed, hospital: Hospital) -> None:
    with transaction():
        stocked(hospital.actor(Role.CLINIC_MANAGER), hospital.clinic, hospital.gloves.id, 40)
    use(feed, 1, "GLOVE-M")
    send(
        feed,
        message("MFI|INV", "MFE|MAD|1", "ITM|N-1|New|A", "PKG|1|EA||1", type_="MFN^M16", control_id="C2"),
    )
    use(feed, 3, "GLOVE-M")
    assert inbox.apply_due() is False
    assert outcomes() == [MessageState.DONE, MessageState.NEEDS_ATTENTION, MessageState.DONE]
    assert on_hand(hospital, hospital.gloves.id)[""] == 38
    tries = db.session.scalars(select(Attempt.outcome).order_by(Attempt.message_id)).all()
    assert tries == [Outcome.DONE, Outcome.REJECTED, Outcome.DONE]
    assert "may not change items" in db.session.scalars(select(WorkItem.sentence)).one()


def test_a_return_takes_back_what_was_used_a_moment_before(feed: Feed, hospital: Hospital) -> None:
    with transaction():
        stocked(hospital.actor(Role.CLINIC_MANAGER), hospital.clinic, hospital.gloves.id, 40)
    use(feed, 1, "GLOVE-M")
    send(feed, usage_message(charge(item="GLOVE-M", line="L1", kind="CR"), control_id="C2"))
    use(feed, 3, "GLOVE-M")
    assert inbox.apply_due() is False
    states = db.session.scalars(select(Usage.state).order_by(Usage.id)).all()
    assert states == [UsageState.REVERSED, UsageState.APPLIED, UsageState.APPLIED]
    assert on_hand(hospital, hospital.gloves.id)[""] == 39
    assert db.session.scalar(select(func.count(StockMovement.id))) == 4
