"""The main job through the services: budget, order, answers, receipt and invoice stay consistent."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from integrations.canonical import (
    Confirmation,
    ConfirmationLine,
    ConfirmationStatus,
    ConfirmationType,
    ConfirmedPart,
    ShipNotice,
    ShipNoticeLine,
    ShippedLot,
)
from portal.approvals import queries as approval_queries
from portal.approvals import services as approvals
from portal.approvals.services import Decision
from portal.budgets.queries import balances
from portal.exchange.models import Message, Partner
from portal.exchange.rules import Direction
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.identity.rules import Role
from portal.inventory.queries import on_hand
from portal.invoices import services as invoices
from portal.invoices.services import Charged
from portal.orders import answers
from portal.orders import queries as order_queries
from portal.orders import services as orders
from portal.orders.models import PurchaseOrder
from portal.orders.rules import OrderStatus
from portal.receiving import services as receiving
from portal.receiving.services import Entry
from portal.requisitions import services as requisitions
from portal.requisitions.models import Requisition
from tests.hospital import Hospital, add_partners


@pytest.fixture
def partners(hospital: Hospital) -> tuple[Partner, Partner]:
    with transaction():
        return add_partners(hospital, erp_url="http://127.0.0.1:9", network_url="http://127.0.0.1:9")


def submitted(hospital: Hospital, offer_id: int, quantity: int) -> Requisition:
    manager = hospital.actor(Role.CLINIC_MANAGER)
    with transaction():
        line = requisitions.add(manager, hospital.clinic.id, offer_id, Decimal(quantity))
        cart_id, version = line.requisition_id, None
    with transaction():
        cart = requisitions.cart(manager, hospital.clinic.id)
        version = cart.version
        return requisitions.submit(manager, cart_id, seen_version=version)


def approved(hospital: Hospital, requisition: Requisition) -> None:
    with transaction():
        step = approval_queries.steps_of(requisition.id)[0]
        decisions = {line.id: Decision(approved=True) for line in requisition.lines}
        approvals.decide(hospital.actor(Role.APPROVER), step.id, decisions, seen_version=requisition.version)


def placed(hospital: Hospital, requisition: Requisition) -> PurchaseOrder:
    with transaction():
        line_ids = [line.id for line in requisition.lines]
        return orders.place(hospital.actor(Role.BUYER), line_ids)[0]


def available(hospital: Hospital) -> Decimal:
    return balances([hospital.budget])[hospital.budget.id].available


def inbound(hospital: Hospital, key: str) -> Message:
    partner = db.session.query(Partner).filter_by(kind="network").one()
    message = Message(partner_id=partner.id, direction=Direction.INBOUND, kind="cxml", key=key)
    db.session.add(message)
    db.session.flush()
    return message


def test_the_budget_follows_the_money(hospital: Hospital, partners: object) -> None:
    """1000; request 300; order 200 of it; invoice 200; request 50 leaves 650 (the design's vector)."""
    first = submitted(hospital, hospital.catheter_offer.id, 15)
    assert available(hospital) == 700
    approved(hospital, first)
    with transaction():
        line = first.lines[0]
        line.closed_quantity = Decimal(5)  # keep 100 requested and not orderable
        db.session.flush()
        order = orders.place(hospital.actor(Role.BUYER), [line.id])[0]
        line.closed_quantity = Decimal(0)
    assert order.total == 200
    assert available(hospital) == 700
    with transaction():
        placed_order = order_queries.find(order.id)
        assert placed_order is not None
        invoices.record(
            hospital.actor(Role.AP_ANALYST),
            order.id,
            number="INV-1",
            invoiced_on=clock.today(),
            charged=[Charged(placed_order.lines[0].id, Decimal(10), Decimal(20))],
        )
    assert available(hospital) == 700
    submitted(hospital, hospital.catheter_offer.id, 2)
    with transaction():
        cart = requisitions.add(
            hospital.actor(Role.CLINIC_MANAGER), hospital.clinic.id, hospital.catheter_offer.id, Decimal(1)
        )
        assert cart.amount == 20
    assert available(hospital) == 660


def test_a_request_beyond_the_budget_is_blocked_and_holds_nothing(hospital: Hospital) -> None:
    with pytest.raises(Invalid, match="available"):
        submitted(hospital, hospital.catheter_offer.id, 51)
    assert available(hospital) == 1000


def test_nobody_approves_an_own_request(hospital: Hospital) -> None:
    requisition = submitted(hospital, hospital.catheter_offer.id, 1)
    step = approval_queries.steps_of(requisition.id)[0]
    with pytest.raises(NotAllowed):
        approvals.decide(hospital.actor(Role.CLINIC_MANAGER), step.id, {}, seen_version=requisition.version)


def test_a_decision_on_an_older_view_is_refused(hospital: Hospital) -> None:
    requisition = submitted(hospital, hospital.catheter_offer.id, 1)
    step = approval_queries.steps_of(requisition.id)[0]
    with pytest.raises(Conflict):
        approvals.decide(hospital.actor(Role.APPROVER), step.id, {}, seen_version=requisition.version - 1)


def test_a_rejected_line_gives_its_budget_back(hospital: Hospital) -> None:
    requisition = submitted(hospital, hospital.catheter_offer.id, 3)
    step = approval_queries.steps_of(requisition.id)[0]
    with transaction():
        approvals.decide(
            hospital.actor(Role.APPROVER),
            step.id,
            {requisition.lines[0].id: Decision(approved=False, reason="Use the ward's stock first")},
            seen_version=requisition.version,
        )
    assert available(hospital) == 1000


def test_confirmation_shipment_and_receipt_stand_beside_the_order(
    hospital: Hospital, partners: object
) -> None:
    requisition = submitted(hospital, hospital.catheter_offer.id, 4)
    approved(hospital, requisition)
    order = placed(hospital, requisition)
    now = datetime.now(UTC)
    confirmation = Confirmation(
        number="OC-1",
        order_number=order.number,
        type=ConfirmationType.DETAIL,
        noticed_at=now,
        lines=(
            ConfirmationLine(
                line_number=10,
                quantity=Decimal(4),
                uom="BX",
                parts=(
                    ConfirmedPart(status=ConfirmationStatus.ACCEPTED, quantity=Decimal(3), uom="BX"),
                    ConfirmedPart(status=ConfirmationStatus.BACKORDERED, quantity=Decimal(1), uom="BX"),
                ),
            ),
        ),
    )
    for key in ("c-1", "c-2"):  # the same document under two message ids counts once
        with transaction():
            answers.apply_confirmation(inbound(hospital, key), confirmation)
    notice = ShipNotice(
        number="SN-1",
        noticed_at=now,
        lines=(
            ShipNoticeLine(
                order_number=order.number,
                line_number=10,
                quantity=Decimal(30),
                uom="EA",
                lots=(ShippedLot(quantity=Decimal(30), lot="L1"),),
            ),
        ),
    )
    with transaction():
        answers.apply_ship_notice(inbound(hospital, "s-1"), notice)
    shown = order_queries.find(order.id)
    assert shown is not None
    line = shown.lines[0]
    assert [line.quantity, line.confirmed, line.backordered, line.shipped] == [4, 3, 1, 3]
    assert shown.status is OrderStatus.PARTLY_SHIPPED
    receiver = hospital.actor(Role.RECEIVER)
    entry = Entry(line.id, Decimal(3), "L1", clock.today() + timedelta(days=90))
    with transaction():
        receipt = receiving.enter(receiver, order.id, form_key="k1", entries=[entry])
        again = receiving.enter(receiver, order.id, form_key="k1", entries=[entry])
        assert again.id == receipt.id
    with transaction():
        receiving.post(receiver, receipt.id)
    with pytest.raises(Conflict):
        receiving.post(receiver, receipt.id)
    assert on_hand(hospital.clinic.id, [hospital.catheter.id]) == {hospital.catheter.id: 30}
    shown = order_queries.find(order.id)
    assert shown is not None
    assert shown.status is OrderStatus.PARTLY_RECEIVED
