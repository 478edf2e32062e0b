"""Confirmations of suppliers, in any order and any number of times, beside what was ordered."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from integrations.canonical import Money
from portal.exchange import services as exchange
from portal.exchange.models import WorkItem
from portal.exchange.queries import open_items_about
from portal.exchange.rules import WorkItemKind
from portal.foundation import clock
from portal.foundation.audit import history_of
from portal.foundation.db import db, transaction
from portal.foundation.errors import Invalid, NotFound
from portal.identity.rules import Role
from portal.orders.models import OrderConfirmation, PurchaseOrder, PurchaseOrderLine
from portal.orders.rules import OrderStatus
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import confirm, confirmation, fresh, part

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def order(hospital: Hospital) -> PurchaseOrder:
    """Four boxes of catheters on line 10, two of gloves on line 20; the supplier has it."""
    ordering.connect(hospital)
    return ordering.sent(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})


def line_of(order: PurchaseOrder, number: int = 10) -> PurchaseOrderLine:
    return next(line for line in fresh(order).lines if line.line_number == number)


def answered(order: PurchaseOrder, number: int = 10) -> tuple[Decimal, Decimal, Decimal]:
    """Confirmed, backordered and rejected of a line."""
    line = line_of(order, number)
    return line.confirmed, line.backordered, line.rejected


def open_kinds(order: PurchaseOrder) -> list[WorkItemKind]:
    return sorted(item.kind for item in open_items_about("purchase_order", order.id))


def test_an_acceptance_of_the_whole_order_confirms_every_line(order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, type_="accept"))
    assert answered(order, 10) == (4, 0, 0)
    assert answered(order, 20) == (2, 0, 0)
    assert fresh(order).status is OrderStatus.CONFIRMED
    assert open_kinds(order) == []


def test_the_same_answer_again_changes_nothing(order: PurchaseOrder) -> None:
    document = confirmation(order.number, {10: [part(3), part(1, "backordered")]}, at=NOON)
    confirm(document)
    before = fresh(order).changed_at
    confirm(document)
    assert fresh(order).changed_at == before
    assert db.session.query(OrderConfirmation).filter_by(order_id=order.id).count() == 1
    assert open_kinds(order) == [WorkItemKind.BACKORDERED]
    events = [event for event in history_of("purchase_order", order.id) if event.action == "order.confirm"]
    assert len(events) == 1


def test_one_line_split_over_accepted_backordered_and_rejected(order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(1), part(2, "backordered"), part(1, "rejected")]}))
    assert answered(order) == (1, 2, 1)
    assert open_kinds(order) == [WorkItemKind.BACKORDERED, WorkItemKind.REJECTED]
    assert fresh(order).status is OrderStatus.PARTLY_CONFIRMED
    assert line_of(order, 20).status is OrderStatus.SENT


@pytest.mark.parametrize("first_comes_last", [False, True])
def test_the_newest_answer_counts_whatever_came_last(order: PurchaseOrder, first_comes_last: bool) -> None:
    documents = [
        confirmation(order.number, {10: [part(4)]}, number="OC-1", at=NOON),
        confirmation(
            order.number,
            {10: [part(1), part(3, "rejected")]},
            number="OC-1",
            operation="update",
            at=NOON + timedelta(hours=1),
        ),
    ]
    for document in reversed(documents) if first_comes_last else documents:
        confirm(document)
    assert answered(order) == (1, 0, 3)


def test_an_update_that_leaves_a_quantity_open_takes_back_what_it_replaces(order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(4)]}, number="OC-1", at=NOON))
    update = confirmation(
        order.number, {10: [part(1)]}, number="OC-1", operation="update", at=NOON + timedelta(hours=1)
    )
    confirm(update)
    assert answered(order) == (1, 0, 0)


def test_confirmations_with_different_numbers_add_up(order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(1)]}, number="OC-1", at=NOON))
    confirm(confirmation(order.number, {10: [part(3)]}, number="OC-2", at=NOON + timedelta(hours=1)))
    assert answered(order) == (4, 0, 0)


def test_unknown_takes_back_what_was_said_of_its_quantity(order: PurchaseOrder) -> None:
    """Fulfill.dtd 1.2.063: a status "unknown" resets the line to its original state."""
    confirm(confirmation(order.number, {10: [part(4)]}, number="OC-1", at=NOON))
    later = NOON + timedelta(hours=1)
    confirm(confirmation(order.number, {10: [part(3, "unknown")]}, number="OC-2", at=later))
    assert answered(order) == (1, 0, 0)
    assert open_kinds(order) == [WorkItemKind.ON_HOLD]


def test_all_detail_repeats_the_ordered_part_and_offers_no_substitute(order: PurchaseOrder) -> None:
    said = [part(4, "changed", price="20.00", substitute=line_of(order).supplier_part.lower())]
    confirm(confirmation(order.number, {10: said}, type_="allDetail"))
    assert line_of(order).substitute_part == ""
    assert open_kinds(order) == []


def test_a_replacing_confirmation_ends_the_earlier_ones(order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(4)], 20: [part(2)]}, number="OC-1", at=NOON))
    said = {10: [part(1, promised_on=line_of(order).needed_on)]}
    later = NOON + timedelta(hours=1)
    confirm(confirmation(order.number, said, type_="replace", number="OC-2", at=later))
    assert answered(order, 10) == (1, 0, 0)
    assert answered(order, 20) == (0, 0, 0)
    (item,) = open_items_about("purchase_order", order.id)
    assert item.kind is WorkItemKind.NOT_ON_CONFIRMATION
    assert item.at_stake == Decimal("14.50")


def test_what_is_confirmed_first_and_rejected_later_is_called_deleted(order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(4, "rejected")]}, number="OC-2", at=NOON))
    assert open_kinds(order) == [WorkItemKind.REJECTED]
    earlier = NOON - timedelta(hours=1)
    confirm(confirmation(order.number, {10: [part(4)]}, number="OC-1", at=earlier))
    assert answered(order) == (0, 0, 4)
    assert open_kinds(order) == [WorkItemKind.DELETED]


def test_a_price_within_tolerance_asks_nobody(order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(4, "changed", price="20.19")]}))
    assert line_of(order).confirmed_price == Decimal("20.19")
    assert open_kinds(order) == []


def test_a_rejection_of_the_whole_order_is_not_called_confirmed(order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, type_="reject"))
    assert fresh(order).status is OrderStatus.REJECTED
    confirm(
        confirmation(order.number, type_="backordered", number="OC-2", at=clock.now() + timedelta(hours=1))
    )
    assert fresh(order).status is OrderStatus.BACKORDERED
    assert open_kinds(order) == [WorkItemKind.BACKORDERED, WorkItemKind.BACKORDERED]


def test_except_accepts_the_lines_it_does_not_name(order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(4, "rejected")]}, type_="except"))
    assert answered(order, 10) == (0, 0, 4)
    assert answered(order, 20) == (2, 0, 0)


def test_changes_stand_beside_the_order_and_never_overwrite_it(order: PurchaseOrder) -> None:
    before = line_of(order)
    kept = (before.quantity, before.unit_price, before.needed_on, before.supplier_part)
    late = before.needed_on + timedelta(days=9)
    said = [part(4, "changed", price="21.50", promised_on=late, substitute="X-99", comments="New pack")]
    confirm(confirmation(order.number, {10: said}))
    line = line_of(order)
    assert (line.quantity, line.unit_price, line.needed_on, line.supplier_part) == kept
    assert (line.confirmed_price, line.promised_on) == (Decimal("21.50"), late)
    assert (line.substitute_part, line.supplier_comment) == ("X-99", "New pack")
    assert open_kinds(order) == [
        WorkItemKind.DATE_CHANGED,
        WorkItemKind.PRICE,
        WorkItemKind.SUBSTITUTION,
    ]
    (price,) = [one for one in open_items_about("purchase_order", order.id) if one.kind == WorkItemKind.PRICE]
    assert price.sentence == "Urinary catheter, 14 Fr: $21.50 confirmed, $20.00 per BX ordered."


def test_a_newer_answer_that_fits_closes_what_the_older_opened(order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(4, "backordered")]}, number="OC-1", at=NOON))
    confirm(confirmation(order.number, {10: [part(4)]}, number="OC-2", at=NOON + timedelta(days=1)))
    assert open_kinds(order) == []
    closed = db.session.query(WorkItem).filter_by(subject_id=order.id).one()
    assert closed.resolution == "The difference is gone."


def test_what_a_person_decided_stays_decided_when_the_answer_is_repeated(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    said = {10: [part(4, "changed", price="21.50")]}
    confirm(confirmation(order.number, said, number="OC-1", at=NOON))
    with transaction():
        (item,) = open_items_about("purchase_order", order.id)
        exchange.resolve(hospital.actor(Role.BUYER), item, "Price accepted by phone.")
    confirm(confirmation(order.number, said, number="OC-2", at=NOON + timedelta(hours=1)))
    assert open_kinds(order) == []


def test_shipped_goods_end_their_backorder(order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(3), part(1, "backordered")]}))
    ordering.ship(ordering.ship_notice(order.number, {10: [ordering.lot(4, "L1")]}))
    assert open_kinds(order) == []


def test_a_line_that_is_not_on_the_order_becomes_a_work_item_and_the_rest_counts(
    order: PurchaseOrder,
) -> None:
    confirm(confirmation(order.number, {10: [part(4)], 70: [part(1)]}))
    assert answered(order) == (4, 0, 0)
    (item,) = open_items_about("purchase_order", order.id)
    assert item.kind is WorkItemKind.NOT_ON_ORDER
    assert item.sentence == f"Line 70 of confirmation OC-1 is not on {order.number}."


def test_another_suppliers_answer_is_refused_and_changes_nothing(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    confirm(confirmation(order.number, {10: [part(3)]}), sender=hospital.supplier.network_id)
    with pytest.raises(Invalid, match="was ordered from Harborline Medical"):
        confirm(confirmation(order.number, {10: [part(1)]}, number="OC-2"), sender="AN-OTHER")
    assert answered(order) == (3, 0, 0)


def test_an_answer_to_an_unknown_order_says_so(order: PurchaseOrder) -> None:
    with pytest.raises(NotFound, match=r"There is no purchase order PO99-0000001\."):
        confirm(confirmation("PO99-0000001", type_="accept"))


def test_an_answer_may_name_the_message_the_order_was_sent_with(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    document = confirmation("", {10: [part(4)]})
    key = f"{order.number}-v1@{hospital.organization.slug}"
    confirm(document.model_copy(update={"order_message_id": key}))
    assert answered(order) == (4, 0, 0)
    with pytest.raises(NotFound, match="There is no purchase order sent as nobody@nowhere"):
        confirm(document.model_copy(update={"order_message_id": "nobody@nowhere"}))


def test_an_answer_in_another_unit_is_converted_with_its_price(order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(40, uom="EA", price="2.00")]}, uom="EA"))
    assert answered(order) == (4, 0, 0)
    assert line_of(order).confirmed_price == 20
    assert open_kinds(order) == []


def test_parts_in_a_smaller_unit_add_up_to_the_whole(order: PurchaseOrder) -> None:
    """Three thirds of a box of ten are one box, whatever the rounding of each."""
    confirm(confirmation(order.number, {10: [part("3.333", uom="EA")] * 2 + [part("3.334", uom="EA")]}))
    assert answered(order) == (1, 0, 0)


def test_another_currency_is_refused_with_a_sentence(order: PurchaseOrder) -> None:
    said = part(4).model_copy(update={"unit_price": Money(amount=Decimal(20), currency="CAD")})
    with pytest.raises(Invalid, match="CAD"):
        confirm(confirmation(order.number, {10: [said]}))
    assert answered(order) == (0, 0, 0)


def test_more_than_ordered_is_shown_and_asks_for_a_decision(order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(40)]}))
    assert answered(order) == (40, 0, 0)
    assert open_kinds(order) == [WorkItemKind.QUANTITY]
