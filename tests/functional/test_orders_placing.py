"""Placing and cancelling: what the budget holds, what partners are told, what two people do at once."""

from datetime import timedelta
from decimal import Decimal

import pytest

from portal.exchange.models import Message, Partner
from portal.exchange.queries import open_items_about
from portal.exchange.rules import MessageState
from portal.foundation import clock
from portal.foundation.audit import history_of
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.identity.rules import Role
from portal.orders import services as orders
from portal.orders.cancelling import cancel_rest
from portal.orders.models import PurchaseOrder
from portal.orders.rules import OrderStatus
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import balance, confirm, confirmation, fresh, lot, part, ship, ship_notice


@pytest.fixture
def connected(hospital: Hospital) -> Hospital:
    """The hospital with its partners."""
    ordering.connect(hospital)
    return hospital


def place(hospital: Hospital, *requisitions: list[int]) -> list[PurchaseOrder]:
    with transaction():
        return orders.place(hospital.actor(Role.BUYER), [line_id for one in requisitions for line_id in one])


def cancel(
    hospital: Hospital, order: PurchaseOrder, *, number: int = 10, seen: int | None = None
) -> PurchaseOrder:
    line = next(one for one in fresh(order).lines if one.line_number == number)
    with transaction():
        cancel_rest(
            hospital.actor(Role.BUYER),
            order.id,
            line.id,
            "Ordered elsewhere",
            seen=None if seen is None else Decimal(seen),
        )
    return fresh(order)


def messages(order: PurchaseOrder) -> list[Message]:
    statement = db.session.query(Message).filter_by(subject_type="purchase_order", subject_id=order.id)
    return statement.order_by(Message.id).populate_existing().all()


def test_two_requests_for_the_same_offer_share_a_line_to_the_cent(connected: Hospital) -> None:
    """Three boxes at 0.3333 cost 1.00 together; each alone held 0.33."""
    ordering.priced(connected, connected.gloves_offer, "0.3333")
    first = ordering.approved(connected, {connected.gloves_offer: 1})
    second = ordering.approved(connected, {connected.gloves_offer: 1})
    third = ordering.approved(connected, {connected.gloves_offer: 1})
    assert balance(connected).requested == Decimal("0.99")
    (order,) = place(connected, first, second, third)
    shown = fresh(order)
    (line,) = shown.lines
    assert line.quantity == 3
    assert [source.amount for source in line.sources] == [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")]
    assert shown.total == 1
    held = balance(connected)
    assert (held.requested, held.ordered) == (0, 1)
    cancel(connected, order)
    assert (balance(connected).ordered, balance(connected).available) == (0, 1000)


def test_lines_ordered_twice_are_ordered_once(connected: Hospital) -> None:
    requisition = ordering.approved(connected, {connected.gloves_offer: 3})
    place(connected, requisition)
    with pytest.raises(Conflict, match="Exam glove, nitrile, medium was ordered or closed meanwhile"):
        place(connected, requisition)
    assert balance(connected).ordered == Decimal("21.75")


def test_nothing_chosen_and_lines_of_nowhere_are_refused(connected: Hospital) -> None:
    with pytest.raises(Invalid, match="Choose at least one line"):
        place(connected)
    with transaction(), pytest.raises(Conflict, match="Some of these lines do not exist any more"):
        orders.place(connected.actor(Role.BUYER), [2**40])


def test_a_blocked_supplier_gets_no_order(connected: Hospital) -> None:
    requisition = ordering.approved(connected, {connected.gloves_offer: 3})
    with transaction():
        connected.supplier.blocked = True
    with pytest.raises(Invalid, match="Harborline Medical is blocked for new orders"):
        place(connected, requisition)
    assert balance(connected).ordered == 0


def test_only_a_buyer_places_and_cancels(connected: Hospital) -> None:
    requisition = ordering.approved(connected, {connected.gloves_offer: 3})
    manager = connected.actor(Role.CLINIC_MANAGER)
    with pytest.raises(NotAllowed), transaction():
        orders.place(manager, requisition)
    (order,) = place(connected, requisition)
    with pytest.raises(NotAllowed), transaction():
        cancel_rest(manager, order.id, order.lines[0].id, "Not mine")


def test_without_a_day_the_usual_delivery_counts(connected: Hospital) -> None:
    order = ordering.placed(connected, {connected.gloves_offer: 1})
    day = clock.today("America/Chicago") + timedelta(days=3)
    assert (order.lines[0].needed_on, order.lines[0].expected_on) == (day, day)


def test_cancelling_gives_back_what_the_last_requester_held(connected: Hospital) -> None:
    first = ordering.approved(connected, {connected.catheter_offer: 2})
    second = ordering.approved(connected, {connected.catheter_offer: 2})
    (order,) = place(connected, first, second)
    ordering.taken(order)
    ship(ship_notice(order.number, {10: [lot(3, "L1")]}))
    shown = cancel(connected, order, seen=1)
    assert (shown.lines[0].quantity, shown.lines[0].cancelled) == (4, 1)
    assert shown.status is OrderStatus.SHIPPED
    assert balance(connected).ordered == 60
    events = history_of("purchase_order", order.id)
    (event,) = [event for event in events if event.action == "order.cancel"]
    assert event.after == {"line": 10, "quantity": "1", "uom": "BX", "reason": "Ordered elsewhere"}


def test_what_is_shipped_and_never_came_can_be_given_up_after_the_rest(connected: Hospital) -> None:
    order = ordering.sent(connected, {connected.catheter_offer: 4})
    ship(ship_notice(order.number, {10: [lot(3, "L1")]}))
    cancel(connected, order, seen=1)
    with pytest.raises(Conflict, match="The line changed meanwhile"):
        cancel(connected, order, seen=1)
    cancel(connected, order, seen=4)
    assert fresh(order).status is OrderStatus.CANCELLED
    assert balance(connected).available == 1000
    with pytest.raises(Conflict, match="Nothing of Urinary catheter, 14 Fr is open any more"):
        cancel(connected, order)


def test_a_stale_page_cancels_nothing(connected: Hospital) -> None:
    order = ordering.sent(connected, {connected.catheter_offer: 4})
    ship(ship_notice(order.number, {10: [lot(3, "L1")]}))
    with pytest.raises(Conflict, match="1 BX of Urinary catheter, 14 Fr are open now"):
        cancel(connected, order, seen=4)
    assert fresh(order).lines[0].cancelled == 0


def test_cancelling_the_backordered_rest_closes_its_work_item(connected: Hospital) -> None:
    order = ordering.sent(connected, {connected.catheter_offer: 4})
    confirm(confirmation(order.number, {10: [part(3), part(1, "backordered")]}))
    ship(ship_notice(order.number, {10: [lot(3, "L1")]}))
    assert len(open_items_about("purchase_order", order.id)) == 1
    cancel(connected, order)
    assert open_items_about("purchase_order", order.id) == []


def test_an_order_cancelled_before_it_left_does_not_leave(connected: Hospital) -> None:
    order = ordering.placed(connected, {connected.catheter_offer: 4})
    cancel(connected, order)
    (message,) = messages(order)
    assert message.state is MessageState.WITHDRAWN
    assert balance(connected).available == 1000


def test_an_order_that_still_waits_leaves_with_what_is_wanted(connected: Hospital) -> None:
    order = ordering.placed(connected, {connected.catheter_offer: 4, connected.gloves_offer: 2})
    cancel(connected, order, number=20)
    (message,) = messages(order)
    assert message.state is MessageState.WAITING
    assert message.canonical is not None
    assert [line["line_number"] for line in message.canonical["lines"]] == [10]


def test_an_order_being_handed_over_waits_for_its_cancellation(connected: Hospital) -> None:
    order = ordering.placed(connected, {connected.catheter_offer: 4})
    with transaction():
        messages(order)[0].state = MessageState.WORKING
    with pytest.raises(Conflict, match="is being handed to a partner at this moment"):
        cancel(connected, order)
    assert fresh(order).lines[0].cancelled == 0
    assert balance(connected).ordered == 80


@pytest.mark.parametrize("reason", ["", "   "])
def test_cancelling_needs_a_reason(connected: Hospital, reason: str) -> None:
    order = ordering.sent(connected, {connected.catheter_offer: 4})
    with pytest.raises(Invalid, match="Say why"), transaction():
        cancel_rest(connected.actor(Role.BUYER), order.id, order.lines[0].id, reason)


def test_a_line_of_another_order_is_not_found(connected: Hospital) -> None:
    order = ordering.sent(connected, {connected.catheter_offer: 1})
    other = ordering.sent(connected, {connected.gloves_offer: 1})
    with pytest.raises(NotFound), transaction():
        cancel_rest(connected.actor(Role.BUYER), order.id, other.lines[0].id, "Wrong")


def test_an_order_needs_a_route(hospital: Hospital) -> None:
    requisition = ordering.approved(hospital, {hospital.gloves_offer: 1})
    with pytest.raises(Conflict, match="Ask an administrator to set up a route"):
        place(hospital, requisition)
    assert db.session.query(Partner).count() == 0
