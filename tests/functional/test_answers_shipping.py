"""Ship notices of suppliers: late, repeated, replaced, withdrawn, and in every order with confirmations."""

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from integrations import canonical
from portal.exchange.queries import open_items_about
from portal.exchange.rules import WorkItemKind
from portal.foundation.db import db, transaction
from portal.foundation.errors import Invalid, NotFound
from portal.orders import queries
from portal.orders.models import PurchaseOrder, PurchaseOrderLine, ShipPackage
from portal.orders.rules import OrderStatus
from tests import hospital as hospitals
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import confirm, confirmation, fresh, lot, part, ship, ship_notice

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def order(hospital: Hospital) -> PurchaseOrder:
    """Four boxes of catheters on line 10, two of gloves on line 20; the supplier has it."""
    ordering.connect(hospital)
    return ordering.sent(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})


def line_of(order: PurchaseOrder, number: int = 10) -> PurchaseOrderLine:
    return next(line for line in fresh(order).lines if line.line_number == number)


def shipped(order: PurchaseOrder) -> tuple[Decimal, Decimal]:
    return line_of(order, 10).shipped, line_of(order, 20).shipped


def test_lots_in_eaches_count_in_the_order_unit(order: PurchaseOrder) -> None:
    lots = [lot(15, "L1", date(2028, 1, 31)), lot(15, "L2", date(2028, 2, 28))]
    ship(ship_notice(order.number, {10: lots}, uom="EA", sscc="006141411234567890"))
    assert shipped(order) == (3, 0)
    rows = queries.shipped_lines(order.id)
    assert [(one.quantity, one.lot, one.expires_on) for one in rows] == [
        (Decimal("1.5"), "L1", date(2028, 1, 31)),
        (Decimal("1.5"), "L2", date(2028, 2, 28)),
    ]
    assert {one.sscc for one in rows} == {"006141411234567890"}
    assert fresh(order).status is OrderStatus.PARTLY_SHIPPED


def test_what_no_lot_accounts_for_is_shipped_all_the_same(order: PurchaseOrder) -> None:
    notice = ship_notice(order.number, {10: [lot(4)]})
    line = notice.lines[0].model_copy(update={"lots": (lot(1, "L1"), lot(0, "L2"))})
    ship(notice.model_copy(update={"lines": (line,)}))
    assert shipped(order) == (4, 0)


def test_an_update_replaces_and_an_older_one_changes_nothing(order: PurchaseOrder) -> None:
    ship(ship_notice(order.number, {10: [lot(2)]}, at=NOON))
    ship(ship_notice(order.number, {10: [lot(4)]}, at=NOON + 2 * HOUR, operation="update"))
    assert shipped(order) == (4, 0)
    ship(ship_notice(order.number, {10: [lot(3)]}, at=NOON + HOUR, operation="update"))
    assert shipped(order) == (4, 0)


def test_a_delete_withdraws_and_a_repeated_new_does_not_bring_it_back(order: PurchaseOrder) -> None:
    new = ship_notice(order.number, {10: [lot(4)]}, at=NOON)
    ship(new)
    ship(ship_notice(order.number, {10: [lot(4)]}, at=NOON + HOUR, operation="delete"))
    assert shipped(order) == (0, 0)
    assert fresh(order).status is OrderStatus.SENT
    ship(new)
    assert shipped(order) == (0, 0)


def test_a_delete_that_comes_first_keeps_the_notice_away(hospital: Hospital, order: PurchaseOrder) -> None:
    empty = canonical.ShipNotice(number="SN-1", operation="delete", noticed_at=NOON + HOUR)
    ship(empty, sender=hospital.supplier.network_id)
    ship(ship_notice(order.number, {10: [lot(4)]}, at=NOON))
    assert shipped(order) == (0, 0)
    ship(ship_notice(order.number, {10: [lot(3)]}, at=NOON + 2 * HOUR))
    assert shipped(order) == (3, 0)


@pytest.mark.parametrize("sender", ["", "AN-NOBODY"])
def test_a_notice_that_names_nothing_and_nobody_is_refused(order: PurchaseOrder, sender: str) -> None:
    with pytest.raises(NotFound, match="SN-1 names no order"):
        ship(canonical.ShipNotice(number="SN-1", operation="delete", noticed_at=NOON), sender=sender)


def test_a_whole_order_ships_what_no_other_notice_has(order: PurchaseOrder) -> None:
    ship(ship_notice(order.number, {10: [lot(1)]}, number="SN-1", at=NOON))
    whole = ship_notice("", number="SN-2", at=NOON + HOUR)
    whole = whole.model_copy(update={"whole_orders": (order.number,)})
    ship(whole)
    assert shipped(order) == (4, 2)
    ship(whole.model_copy(update={"operation": "update", "noticed_at": NOON + 2 * HOUR}))
    assert shipped(order) == (4, 2)
    assert fresh(order).status is OrderStatus.SHIPPED


def test_one_notice_for_two_orders_moves_both(hospital: Hospital, order: PurchaseOrder) -> None:
    other = ordering.sent(hospital, {hospital.gloves_offer: 3})
    notice = ship_notice(order.number, {10: [lot(4)]}, at=NOON)
    second = ship_notice(other.number, {10: [lot(3)]})
    ship(notice.model_copy(update={"lines": notice.lines + second.lines}))
    assert shipped(order) == (4, 0)
    assert line_of(other).shipped == 3
    ship(ship_notice(order.number, {10: [lot(4)]}, at=NOON + HOUR, operation="update"))
    assert line_of(other).shipped == 0


def test_a_line_not_on_the_order_becomes_a_work_item(order: PurchaseOrder) -> None:
    ship(ship_notice(order.number, {10: [lot(4)], 90: [lot(1)]}))
    assert shipped(order) == (4, 0)
    (item,) = open_items_about("purchase_order", order.id)
    assert (item.kind, item.sentence) == (
        WorkItemKind.NOT_ON_ORDER,
        f"Line 90 of ship notice SN-1 is not on {order.number}.",
    )


def test_another_suppliers_notice_is_refused(order: PurchaseOrder) -> None:
    with pytest.raises(Invalid, match="but AN-OTHER answers"):
        ship(ship_notice(order.number, {10: [lot(4)]}), sender="AN-OTHER")
    assert shipped(order) == (0, 0)


def test_another_organizations_order_is_unknown(hospital: Hospital, order: PurchaseOrder) -> None:
    number = order.number
    with transaction():
        other = hospitals.build()
    ordering.connect(other)
    with pytest.raises(NotFound, match="There is no purchase order"):
        ship(ship_notice(number, {10: [lot(4)]}))


def test_the_day_of_arrival_is_the_facilitys(order: PurchaseOrder) -> None:
    """Three in the morning in UTC is the evening before in Chicago."""
    arrives = datetime(2030, 5, 5, 3, tzinfo=UTC)
    ship(ship_notice(order.number, {10: [lot(4)]}, arrives=arrives))
    assert line_of(order).expected_on == date(2030, 5, 4)


def test_what_is_not_shipped_is_expected_when_promised(order: PurchaseOrder) -> None:
    promised = date(2030, 6, 1)
    confirm(confirmation(order.number, {10: [part(4, promised_on=promised)]}))
    ship(ship_notice(order.number, {10: [lot(1)]}, arrives=datetime(2030, 5, 5, 12, tzinfo=UTC)))
    assert line_of(order).expected_on == promised


def documents(order: PurchaseOrder) -> list[Callable[[], None]]:
    """What a supplier says one after the other; the last of each kind is what counts."""
    late = date(2030, 1, 1)
    said = {10: [part(3, "changed", price="21.50", promised_on=late), part(1, "backordered")]}
    first = confirmation(order.number, {10: [part(4)], 20: [part(2)]}, number="OC-1", at=NOON)
    second = confirmation(order.number, said, number="OC-2", at=NOON + HOUR)
    number = f"SN-{order.id}"
    sent = ship_notice(order.number, {10: [lot(2, "L1")]}, number=number, at=NOON + 2 * HOUR)
    more = ship_notice(
        order.number, {10: [lot(3, "L1")]}, number=number, at=NOON + 3 * HOUR, operation="update"
    )
    return [
        lambda: confirm(first),
        lambda: confirm(second),
        lambda: ship(sent),
        lambda: ship(more),
    ]


def test_every_order_of_arrival_and_every_repetition_ends_the_same(hospital: Hospital) -> None:
    ordering.connect(hospital)
    with transaction():
        hospital.budget.amount = Decimal(10_000)
    ends = set()
    for arrangement in itertools.permutations(range(4)):
        order = ordering.sent(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})
        said = documents(order)
        for index in (*arrangement, arrangement[0]):
            said[index]()
        shown = fresh(order)
        items = sorted(item.kind for item in open_items_about("purchase_order", order.id))
        lines = tuple(
            (
                line.confirmed,
                line.backordered,
                line.shipped,
                line.confirmed_price,
                line.promised_on,
                line.expected_on,
                line.status,
            )
            for line in shown.lines
        )
        ends.add((shown.status, lines, tuple(items)))
    assert len(ends) == 1, ends
    (end,) = ends
    assert end[0] is OrderStatus.PARTLY_SHIPPED
    assert end[2] == (WorkItemKind.BACKORDERED, WorkItemKind.DATE_CHANGED, WorkItemKind.PRICE)


def test_packages_and_serials_are_kept_and_a_correction_replaces_them(order: PurchaseOrder) -> None:
    pallet, carton = "006141411234567890", "106141411234567897"
    notice = ship_notice(order.number, {10: [lot(4, "L1")]}, at=NOON)
    packed = notice.lines[0].model_copy(
        update={
            "packages": (
                canonical.ShippedPackage(
                    sscc=carton, parent_sscc=pallet, kind="carton", quantity=Decimal(40), uom="EA"
                ),
                canonical.ShippedPackage(sscc=pallet, kind="pallet"),
            ),
            "lots": (lot(4, "L1").model_copy(update={"serials": ("SN-7", "SN-8")}),),
        }
    )
    ship(notice.model_copy(update={"lines": (packed,)}))
    packages = db.session.query(ShipPackage).order_by(ShipPackage.id).all()
    assert [(one.sscc, one.parent_sscc, one.quantity) for one in packages] == [
        (carton, pallet, Decimal(4)),
        (pallet, "", None),
    ]
    assert queries.shipped_lines(order.id)[0].serials == ["SN-7", "SN-8"]
    ship(ship_notice(order.number, {10: [lot(3, "L2")]}, operation="update", at=NOON + HOUR))
    assert db.session.query(ShipPackage).count() == 0
    assert shipped(order) == (3, 0)


def test_one_notice_may_name_two_orders_by_their_messages_alone(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    other = ordering.taken(ordering.placed(hospital, {hospital.gloves_offer: 3}), erp_number="4500000002")
    notice = ship_notice("", {10: [lot(3)]}, at=NOON)
    lines = [
        notice.lines[0].model_copy(
            update={"order_message_id": f"{one.number}-v1@{hospital.organization.slug}"}
        )
        for one in (order, other)
    ]
    ship(notice.model_copy(update={"lines": tuple(lines)}))
    assert shipped(order) == (3, 0)
    assert line_of(other).shipped == 3
