"""Receipts: entered once, corrected, posted once to stock, order and ERP; never past the tolerance."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from portal.exchange.models import Message
from portal.exchange.queries import open_items_about
from portal.exchange.rules import WorkItemKind
from portal.foundation import clock
from portal.foundation.audit import history_of
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.identity.rules import Role
from portal.inventory.models import Stock
from portal.inventory.queries import on_hand
from portal.orders import services as orders
from portal.orders.models import PurchaseOrder
from portal.orders.rules import OrderStatus
from portal.receiving import queries, returns
from portal.receiving import services as receiving
from portal.receiving.models import Receipt
from portal.receiving.rules import Entry, ReceiptState
from portal.receiving.services import EntriesRefused
from portal.requisitions.rulebook import services as rulebook
from portal.requisitions.rulebook.rules import Severity
from portal.requisitions.rulebook.services import Wanted
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import confirm, confirmation, fresh, part
from tests.visitor import Visitor

LATER = date(2031, 12, 31)


@pytest.fixture
def order(hospital: Hospital) -> PurchaseOrder:
    """Four boxes of catheters (by lot and expiry) on line 10, two of gloves on line 20."""
    ordering.connect(hospital)
    return ordering.sent(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})


def entry(order: PurchaseOrder, number: int, quantity: object, lot: str = "") -> Entry:
    line = next(one for one in fresh(order).lines if one.line_number == number)
    return Entry(line.id, Decimal(str(quantity)), lot, LATER if lot else None)


def enter(hospital: Hospital, order: PurchaseOrder, *entries: Entry, key: str = "form-1") -> Receipt:
    with transaction():
        return receiving.enter(hospital.actor(Role.RECEIVER), order.id, form_key=key, entries=entries)


def post(hospital: Hospital, receipt: Receipt) -> Receipt:
    with transaction():
        return receiving.post(hospital.actor(Role.RECEIVER), receipt.id)


def stock(hospital: Hospital) -> dict[int, Decimal]:
    return on_hand(hospital.clinic.id, [hospital.catheter.id, hospital.gloves.id])


def receipt_messages(receipt: Receipt) -> list[Message]:
    return db.session.query(Message).filter_by(subject_type="receipt", subject_id=receipt.id).all()


def test_entering_counts_nothing_and_posting_counts_once(hospital: Hospital, order: PurchaseOrder) -> None:
    receipt = enter(
        hospital, order, entry(order, 10, 1, "L1"), entry(order, 10, 2, "L2"), entry(order, 20, 2)
    )
    assert stock(hospital) == {}
    assert fresh(order).status is OrderStatus.SENT
    post(hospital, receipt)
    assert stock(hospital) == {hospital.catheter.id: 30, hospital.gloves.id: 20}
    lots = db.session.query(Stock).filter_by(item_id=hospital.catheter.id).order_by(Stock.lot)
    assert [(one.lot, one.on_hand, one.expires_on) for one in lots] == [("L1", 10, LATER), ("L2", 20, LATER)]
    assert [line.received for line in fresh(order).lines] == [3, 2]
    assert fresh(order).status is OrderStatus.PARTLY_RECEIVED
    (message,) = receipt_messages(receipt)
    assert message.canonical is not None
    assert [line["lot"] for line in message.canonical["lines"]] == ["L1", "L2", ""]
    with pytest.raises(Conflict, match="is posted already"):
        post(hospital, receipt)
    assert stock(hospital) == {hospital.catheter.id: 30, hospital.gloves.id: 20}
    actions = [event.action for event in history_of("receipt", receipt.id)]
    assert actions == ["receipt.post", "receipt.enter"]


def test_the_same_form_twice_is_one_receipt(hospital: Hospital, order: PurchaseOrder) -> None:
    first = enter(hospital, order, entry(order, 20, 1))
    assert enter(hospital, order, entry(order, 20, 1)).id == first.id
    assert [event.action for event in history_of("receipt", first.id)] == ["receipt.enter"]


def test_the_form_sent_again_with_other_numbers_corrects_the_receipt(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    first = enter(hospital, order, entry(order, 20, 1))
    again = enter(hospital, order, entry(order, 20, 2), entry(order, 10, 1, "L1"))
    assert again.id == first.id
    shown = queries.find(first.id)
    assert shown is not None
    assert [line.quantity for line in shown.lines] == [2, 1]
    post(hospital, first)
    with pytest.raises(Conflict, match="was not counted"):
        enter(hospital, order, entry(order, 20, 1))
    assert stock(hospital) == {hospital.catheter.id: 10, hospital.gloves.id: 20}


def test_a_discarded_form_may_be_sent_again(hospital: Hospital, order: PurchaseOrder) -> None:
    first = enter(hospital, order, entry(order, 20, 1))
    with transaction():
        receiving.discard(hospital.actor(Role.RECEIVER), first.id)
    second = enter(hospital, order, entry(order, 20, 1))
    assert second.id != first.id
    with pytest.raises(Conflict, match="is discarded already"):
        post(hospital, first)


def test_every_problem_is_told_at_once(hospital: Hospital, order: PurchaseOrder) -> None:
    with pytest.raises(EntriesRefused) as refused:
        enter(hospital, order, entry(order, 10, 9), entry(order, 20, 9))
    told = [(one.index, one.field) for one in refused.value.problems]
    assert told == [(0, "lot"), (0, "expires_on"), (0, "quantity"), (1, "quantity")]
    assert db.session.query(Receipt).count() == 0


def test_nothing_entered_is_refused(hospital: Hospital, order: PurchaseOrder) -> None:
    with pytest.raises(Invalid, match="Enter the quantity of at least one line"):
        enter(hospital, order)


def test_two_people_at_the_dock_never_receive_more_than_the_tolerance(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    first = enter(hospital, order, entry(order, 20, 2), key="form-a")
    second = enter(hospital, order, entry(order, 20, 2), key="form-b")
    post(hospital, first)
    with pytest.raises(Invalid, match=r"at most 0\.2 BX can be received \(2 ordered, 2 received before\)"):
        post(hospital, second)
    assert stock(hospital) == {hospital.gloves.id: 20}
    shown = queries.find(second.id)
    assert shown is not None
    assert shown.state is ReceiptState.ENTERED


def test_the_last_receipt_is_the_one_posted_last(hospital: Hospital, order: PurchaseOrder) -> None:
    first, second = (enter(hospital, order, entry(order, 20, 1), key=f"form-{key}") for key in "ab")
    post(hospital, second)
    last = post(hospital, first)
    assert [queries.is_last(one) for one in (last, second)] == [True, False]


def test_a_little_more_than_ordered_is_taken_and_asked_about(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    post(hospital, enter(hospital, order, entry(order, 20, "2.2")))
    (item,) = open_items_about("purchase_order", order.id)
    assert (item.kind, item.sentence) == (
        WorkItemKind.OVER_RECEIPT,
        "Exam glove, nitrile, medium: 2.2 BX received, 2 wanted.",
    )


def test_how_much_more_is_taken_is_a_rule(hospital: Hospital, order: PurchaseOrder, client: Visitor) -> None:
    director = hospital.actor(Role.FINANCE_DIRECTOR)
    with transaction():
        hospital.organization.time_zone = hospital.facility.time_zone
    today = clock.today(hospital.facility.time_zone)

    def set_to(severity: Severity, percent: int, category: str = "") -> None:
        wanted = Wanted("over_receipt", severity, Decimal(percent), None, category, today, "Count")
        with transaction():
            rulebook.set_rule(director, wanted, today)

    set_to(Severity.BLOCK, 0)
    with pytest.raises(Invalid, match=r"at most 2 BX can be received"):
        enter(hospital, order, entry(order, 20, "2.2"))
    set_to(Severity.WARN, 0, hospital.gloves.category)
    post(hospital, enter(hospital, order, entry(order, 20, 3)))
    assert stock(hospital) == {hospital.gloves.id: 30}
    client.sign_in(hospital.email(Role.FINANCE_DIRECTOR))
    page = "/rules/setting?rule=over_receipt"
    asked = {"severity": "block", "threshold": "20", "category": hospital.gloves.category, "reason": "Try"}
    asked |= {"facility": "", "starts_on": today.isoformat(), "csrf_token": client.csrf_token(page)}
    told = client.post("/rules/trial?rule=over_receipt", data=asked).get_data(as_text=True)
    assert re.findall(r"<dd>(\d+)", told)[:5] == ["1", "0", "0", "1", "1"]
    assert order.number in told


def test_goods_that_come_close_their_backorder(hospital: Hospital, order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {20: [part(1), part(1, "backordered")]}))
    assert len(open_items_about("purchase_order", order.id)) == 1
    post(hospital, enter(hospital, order, entry(order, 20, 2)))
    assert open_items_about("purchase_order", order.id) == []


def test_a_receipt_waits_for_the_erp_to_know_its_order(hospital: Hospital) -> None:
    ordering.connect(hospital)
    order = ordering.placed(hospital, {hospital.gloves_offer: 2})
    receipt = post(hospital, enter(hospital, order, entry(order, 20 // 2, 2)))
    assert receipt_messages(receipt) == []
    with transaction():
        back = returns.Asked("return-1", "RMA-7", "Torn", {receipt.lines[0].id: Decimal(1)})
        returns.send_back(hospital.actor(Role.RECEIVER), receipt.id, back)
    with transaction():
        message = db.session.query(Message).filter_by(subject_id=order.id).one()
        message.reference = "4500000007"
        orders.taken_by_erp(message)
    (waiting,) = receipt_messages(receipt)
    assert db.session.query(Message).filter_by(kind="supplier_return").one().id > waiting.id
    assert waiting.canonical is not None
    assert waiting.canonical["erp_order_number"] == "4500000007"
    with transaction():
        waiting.reference = "5000000001/2026"
        receiving.taken_by_erp(waiting)
    shown = queries.find(receipt.id)
    assert shown is not None
    assert shown.erp_number == "5000000001/2026"


def test_the_day_of_receipt_is_the_facilitys(hospital: Hospital, order: PurchaseOrder) -> None:
    """Three in the morning in UTC is the evening before in Chicago."""
    receipt = enter(hospital, order, entry(order, 20, 2))
    tomorrow = clock.now() + timedelta(days=1)
    night = datetime(tomorrow.year, tomorrow.month, tomorrow.day, 3, tzinfo=UTC)
    with time_machine.travel(night, tick=False):
        post(hospital, receipt)
    (message,) = receipt_messages(receipt)
    assert message.canonical is not None
    assert message.canonical["received_on"] == (night - timedelta(days=1)).date().isoformat()


def test_only_a_receiver_receives_and_only_lines_of_the_order(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    one = entry(order, 20, 1)
    with pytest.raises(NotAllowed), transaction():
        receiving.enter(hospital.actor(Role.APPROVER), order.id, form_key="k", entries=[one])
    with pytest.raises(NotFound):
        enter(hospital, order, Entry(2**40, Decimal(1)))
    receipt = enter(hospital, order, one)
    for act in (receiving.post, receiving.discard):
        with pytest.raises(NotAllowed), transaction():
            act(hospital.actor(Role.APPROVER), receipt.id)
