"""A supplier answers in another unit than ordered: known packs are converted, others a buyer decides."""

from decimal import Decimal

import pytest

from portal.exchange.models import WorkItem
from portal.exchange.queries import open_items_about
from portal.exchange.rules import WorkItemKind
from portal.foundation.db import db, transaction
from portal.foundation.errors import Invalid
from portal.identity.rules import Role
from portal.masterdata.models import ItemPackaging
from portal.orders import queries
from portal.orders.differences import presenters, services
from portal.orders.differences.rules import Pack
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import confirm, confirmation, fresh, lot, part, ship, ship_notice, words
from tests.visitor import Visitor


@pytest.fixture
def order(hospital: Hospital) -> PurchaseOrder:
    """Four boxes of catheters at 20.00; the supplier has them."""
    ordering.connect(hospital)
    return ordering.sent(hospital, {hospital.catheter_offer: 4})


def line_of(order: PurchaseOrder) -> PurchaseOrderLine:
    return fresh(order).lines[0]


def item_of(order: PurchaseOrder) -> WorkItem:
    (item,) = open_items_about("purchase_order", order.id)
    return item


def accept(hospital: Hospital, order: PurchaseOrder, pack: Pack | None = None) -> str:
    with transaction():
        return services.accept(hospital.actor(Role.BUYER), item_of(order).id, pack=pack)


def test_an_unknown_unit_is_decided_with_what_it_holds(
    hospital: Hospital, order: PurchaseOrder, client: Visitor
) -> None:
    confirm(confirmation(order.number, {10: [part(1, "changed", uom="PK", price="84")]}, uom="PK"))
    item = item_of(order)
    assert item.kind is WorkItemKind.UNIT
    assert item.sentence.startswith("Urinary catheter, 14 Fr: 1 PK confirmed, 4 BX ordered")
    assert item.at_stake == 80
    assert line_of(order).confirmed == 0
    ship(ship_notice(order.number, {10: [lot("0.5", "L1")]}, uom="PK"))
    assert line_of(order).shipped == 0
    assert "0.5 PK shipped" in item_of(order).sentence
    with pytest.raises(Invalid, match="how many BX are in one PK"):
        accept(hospital, order)
    buyer = ordering.visitor(client, hospital, Role.BUYER)
    path = f"/orders/differences/{item.id}"
    shown = buyer.get(path)
    assert "Number of PK" in words(shown)
    typed = {"act": "accept", "units": "1", "order_units": "4"}
    assert buyer.send(shown, typed, action=path).status_code == 303
    line = line_of(order)
    assert (line.confirmed, line.shipped, line.confirmed_price) == (4, 2, 21)
    assert [one.kind for one in open_items_about("purchase_order", order.id)] == [WorkItemKind.PRICE]
    assert "4 BX (said as 1 PK) accepted with changes" in words(buyer.get(f"/orders/{order.id}"))
    ship(ship_notice(order.number, {10: [lot("0.25")]}, number="SN-2", uom="PK"))
    assert line_of(order).shipped == 3  # the next document in this unit is understood


def test_a_known_pack_is_converted_and_noted(hospital: Hospital, order: PurchaseOrder) -> None:
    line = line_of(order)
    with transaction() as session:
        session.add(ItemPackaging(item_id=line.item_id, uom="CS", factor=line.factor * 4))
    confirm(confirmation(order.number, {10: [part(1, uom="CS")]}, uom="CS"))
    assert line_of(order).confirmed == 4
    assert open_items_about("purchase_order", order.id) == []
    (said,) = queries.confirmations_of(order.id)[0].parts
    assert said.said == "1 CS"


def test_packaging_that_is_completed_answers_too(hospital: Hospital, order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(2, uom="CT")]}, uom="CT"))
    line = line_of(order)
    with transaction() as session:
        session.add(ItemPackaging(item_id=line.item_id, uom="CT", factor=line.factor * 2))
    assert accept(hospital, order) == "Accepted: one CT is 2 BX."
    assert line_of(order).confirmed == 4


def test_packs_that_make_no_exact_number_are_for_a_buyer_to_decide(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    """Boxes of three: 5 pieces are 1.667 boxes, which nobody ordered; 2 and 4 pieces are two."""
    with transaction() as session:
        line = line_of(order)
        line.factor = Decimal(3)
        session.add(ItemPackaging(item_id=line.item_id, uom="PC", factor=1))
    said = {10: [part(2, uom="PC"), part(4, uom="PC"), part(2)]}
    confirm(confirmation(order.number, said, uom="PC"))
    assert line_of(order).confirmed == 4
    assert open_items_about("purchase_order", order.id) == []
    ship(ship_notice(order.number, {10: [lot(4, "L1"), lot(1, "L2")]}, uom="PC"))
    item = item_of(order)
    assert item.kind is WorkItemKind.UNIT
    assert "4 PC shipped and 1 PC shipped, 4 BX ordered; by its packaging that is no exact" in item.sentence
    assert line_of(order).shipped == 0, "what is not exact counts once somebody says so"
    buyer = hospital.actor(Role.BUYER)
    panel = presenters.panel(buyer, item)
    assert panel is not None
    assert panel.acts["accept"].startswith("Accept it as 1.667 BX")
    assert accept(hospital, order) == "Accepted: one PC is 0.333 BX."
    assert line_of(order).shipped == Decimal("1.667")
    ship(ship_notice(order.number, {10: [lot(7)]}, number="SN-2", uom="PC"))
    assert line_of(order).shipped == 4, "the two roundings add up"
    assert open_items_about("purchase_order", order.id) == []


def test_a_disputed_unit_is_gone_once_the_supplier_corrects_it(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    confirm(confirmation(order.number, {10: [part(2, uom="CT")]}, uom="CT"))
    with transaction():
        services.dispute(hospital.actor(Role.BUYER), item_of(order).id, "Please confirm boxes.")
    confirm(confirmation(order.number, {10: [part(4)]}, number="OC-2"))
    assert open_items_about("purchase_order", order.id) == []
    assert db.session.query(WorkItem).filter_by(kind=WorkItemKind.UNIT).one().resolution
    assert line_of(order).confirmed == Decimal(4)
