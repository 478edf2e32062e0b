"""Two people or partners at once, on two connections: nothing is ordered, received or billed twice."""

from concurrent.futures import Future
from decimal import Decimal

import pytest
from flask import Flask

from portal.exchange.models import Message, Partner
from portal.exchange.rules import Direction
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid
from portal.identity.rules import Role
from portal.inventory.queries import on_hand
from portal.invoices import services as invoices
from portal.invoices.models import Invoice
from portal.invoices.services import Charged
from portal.orders import answers
from portal.orders import services as orders
from portal.orders.cancelling import cancel_rest
from portal.orders.models import PurchaseOrder
from portal.orders.proposals import deciding
from portal.orders.proposals.queries import open_questions
from portal.orders.versions import proposing
from portal.orders.versions.rules import Wish
from portal.receiving import reversing, scanning
from portal.receiving import services as receiving
from portal.receiving.models import Receipt
from portal.receiving.rules import Entry
from portal.receiving.scanning import Given
from tests import ordering
from tests.functional.test_requisitions_races import Race
from tests.hospital import Hospital
from tests.ordering import balance, confirmation, fresh, lot, part, ship_notice


@pytest.fixture
def race(app: Flask, hospital: Hospital) -> Race:
    """Two connections inside the hospital, whose partners are set up."""
    ordering.connect(hospital)
    return Race(app, hospital.organization.id)


@pytest.fixture
def order(race: Race, hospital: Hospital) -> PurchaseOrder:
    """Four boxes of gloves that the supplier has."""
    return ordering.sent(hospital, {hospital.gloves_offer: 4})


def one_refused(outcomes: tuple[Future[object], Future[object]], error: type[Exception]) -> str:
    """The sentence the second person was told; the first went through."""
    first, second = outcomes
    first.result()
    refusal = second.exception()
    assert isinstance(refusal, error), refusal
    return str(refusal)


def entered(hospital: Hospital, order: PurchaseOrder, quantity: str, key: str) -> int:
    with transaction():
        entry = Entry(order.lines[0].id, Decimal(quantity))
        receiver = hospital.actor(Role.RECEIVER)
        return receiving.enter(receiver, order.id, form_key=key, entries=[entry]).id


def test_two_buyers_order_the_same_lines_once(race: Race, hospital: Hospital) -> None:
    lines = ordering.approved(hospital, {hospital.gloves_offer: 2, hospital.catheter_offer: 1})
    buyer = hospital.actor(Role.BUYER)
    outcomes = race.run(
        lambda: orders.place(buyer, lines), lambda: orders.place(buyer, list(reversed(lines)))
    )
    assert "was ordered or closed meanwhile" in one_refused(outcomes, Conflict)
    assert db.session.query(PurchaseOrder).count() == 1
    assert balance(hospital).ordered == Decimal("34.50")


def test_one_receipt_posted_twice_at_once_is_counted_once(
    race: Race, hospital: Hospital, order: PurchaseOrder
) -> None:
    receiver = hospital.actor(Role.RECEIVER)
    receipt_id = entered(hospital, order, "4", "form-key-1")
    outcomes = race.run(
        lambda: receiving.post(receiver, receipt_id), lambda: receiving.post(receiver, receipt_id)
    )
    assert "is posted already" in one_refused(outcomes, Conflict)
    assert on_hand(hospital.clinic.id, [hospital.gloves.id]) == {hospital.gloves.id: 40}


def test_two_receipts_at_once_stay_within_the_tolerance(
    race: Race, hospital: Hospital, order: PurchaseOrder
) -> None:
    receiver = hospital.actor(Role.RECEIVER)
    one, two = (entered(hospital, fresh(order), "3", f"form-key-{number}") for number in (1, 2))
    outcomes = race.run(lambda: receiving.post(receiver, one), lambda: receiving.post(receiver, two))
    assert "at most 1.4 BX can be received" in one_refused(outcomes, Invalid)
    assert fresh(order).lines[0].received == 3


def test_a_double_click_on_the_entry_makes_one_receipt(
    race: Race, hospital: Hospital, order: PurchaseOrder
) -> None:
    receiver = hospital.actor(Role.RECEIVER)
    order_id, entry = order.id, Entry(order.lines[0].id, Decimal(2))

    def click() -> object:
        return receiving.enter(receiver, order_id, form_key="form-key-1", entries=[entry]).id

    first, second = race.run(click, click)
    assert first.result() == second.result()
    assert db.session.query(Receipt).count() == 1


def test_one_scan_sent_twice_at_once_is_counted_once_and_rolled_back_once(
    race: Race, hospital: Hospital, order: PurchaseOrder
) -> None:
    receiver, order_id = hospital.actor(Role.RECEIVER), order.id
    given = Given("scan-key-1", hospital.gloves.code)
    first, second = race.run(
        lambda: scanning.count(receiver, order_id, given), lambda: scanning.count(receiver, order_id, given)
    )
    assert first.result() == second.result()
    with transaction():
        (receipt,) = db.session.query(Receipt)
        receiving.post(receiver, receipt.id)
    assert on_hand(hospital.clinic.id, [hospital.gloves.id]) == {hospital.gloves.id: 10}  # a box
    receipt_id = receipt.id
    outcomes = race.run(
        lambda: reversing.roll_back(receiver, receipt_id, "Mistake").id,
        lambda: reversing.roll_back(receiver, receipt_id, "Mistake").id,
    )
    assert [one.result() for one in outcomes] == [receipt_id, receipt_id]
    assert on_hand(hospital.clinic.id, [hospital.gloves.id]) == {hospital.gloves.id: 0}
    assert fresh(order).lines[0].received == 0


def test_one_invoice_number_for_two_orders_at_once_is_recorded_once(
    race: Race, hospital: Hospital, order: PurchaseOrder
) -> None:
    other = ordering.sent(hospital, {hospital.gloves_offer: 4})
    analyst = hospital.actor(Role.AP_ANALYST)
    lines = {one.id: fresh(one).lines[0].id for one in (order, other)}

    def bill(order_id: int) -> object:
        charged = [Charged(lines[order_id], Decimal(1), Decimal("7.25"))]
        day = clock.today()
        return invoices.record(analyst, order_id, number="INV-1", invoiced_on=day, charged=charged)

    outcomes = race.run(lambda: bill(order.id), lambda: bill(other.id))
    assert "was recorded already" in one_refused(outcomes, Conflict)
    assert db.session.query(Invoice).count() == 1


def test_an_answer_and_a_shipment_at_once_both_count(
    race: Race, hospital: Hospital, order: PurchaseOrder
) -> None:
    number = order.number
    answer = confirmation(number, {10: [part(4)]})
    notice = ship_notice(number, {10: [lot(2)]})
    first, second = race.run(
        lambda: answers.apply_confirmation(_message("a"), answer),
        lambda: answers.apply_ship_notice(_message("b"), notice),
    )
    first.result()
    second.result()
    line = fresh(order).lines[0]
    assert (line.confirmed, line.shipped) == (4, 2)


def _message(key: str) -> Message:
    partner = db.session.query(Partner).filter_by(kind="network").one()
    message = Message(partner_id=partner.id, direction=Direction.INBOUND, kind="cxml", key=key)
    db.session.add(message)
    db.session.flush()
    return message


def test_goods_that_come_while_the_rest_is_cancelled_are_kept(
    race: Race, hospital: Hospital, order: PurchaseOrder
) -> None:
    receiver, buyer = hospital.actor(Role.RECEIVER), hospital.actor(Role.BUYER)
    line_id = order.lines[0].id
    receipt_id = entered(hospital, order, "3", "form-key-1")
    outcomes = race.run(
        lambda: receiving.post(receiver, receipt_id),
        lambda: cancel_rest(buyer, order.id, line_id, "Late", seen=Decimal(4)),
    )
    assert "1 BX of Exam glove, nitrile, medium are open now" in one_refused(outcomes, Conflict)
    line = fresh(order).lines[0]
    assert (line.received, line.cancelled) == (3, 0)


def proposed(hospital: Hospital, order: PurchaseOrder) -> int:
    """The question whether twice as many may be ordered."""
    line = fresh(order).lines[0]
    wish = Wish(line.id, line.quantity * 2, line.needed_on, line.unit_price)
    with transaction():
        buyer = hospital.actor(Role.BUYER)
        assert proposing.change_or_ask(buyer, order.id, [wish], reason="More cases", seen=order.version)
    return open_questions()[-1].id


def test_two_approvers_never_spend_the_same_money(
    race: Race, hospital: Hospital, order: PurchaseOrder
) -> None:
    first = proposed(hospital, order)
    second = proposed(hospital, ordering.sent(hospital, {hospital.gloves_offer: 4}))
    with transaction() as session:
        session.merge(hospital.budget).amount = balance(hospital).ordered + 30  # one change costs 29.00
    approver = hospital.actor(Role.APPROVER)
    outcomes = race.run(
        lambda: deciding.decide(approver, first, approved=True),
        lambda: deciding.decide(approver, second, approved=True),
    )
    assert "short of this change" in one_refused(outcomes, Invalid)
    assert (balance(hospital).ordered, len(open_questions())) == (87, 1)


def test_a_change_is_decided_once(race: Race, hospital: Hospital, order: PurchaseOrder) -> None:
    question = proposed(hospital, order)
    approver = hospital.actor(Role.APPROVER)
    outcomes = race.run(
        lambda: deciding.decide(approver, question, approved=True),
        lambda: deciding.decide(approver, question, approved=False, comment="Too many"),
    )
    assert "decided or withdrawn already" in one_refused(outcomes, Conflict)
    assert (fresh(order).version, balance(hospital).ordered) == (2, 58)
