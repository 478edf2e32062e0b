"""Every kind of difference comes from a real document, with what is at stake and what to do about it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from integrations.canonical import Confirmation, ConfirmedPart
from integrations.formats.cxml.confirmations import write_confirmation
from integrations.formats.cxml.envelope import Header, write_request
from integrations.registry import INBOUND
from portal.exchange.queries import open_items_about
from portal.exchange.rules import WorkItemKind as Kind
from portal.foundation.db import transaction
from portal.identity.rules import Role
from portal.inventory import services as inventory
from portal.inventory.rules import MovementKind
from portal.inventory.services import Move
from portal.orders.models import PurchaseOrder
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import confirm, confirmation, part

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATE = date(2199, 1, 1)
PARTY = ("NetworkID", "AN-1")
SAID: list[tuple[Kind, list[ConfirmedPart]]] = [
    (Kind.REJECTED, [part(4, "rejected")]),
    (Kind.BACKORDERED, [part(4, "backordered")]),
    (Kind.ON_HOLD, [part(4, "unknown")]),
    (Kind.DATE_PENDING, [part(4, "changed")]),
    (Kind.DATE_CHANGED, [part(4, "changed", promised_on=LATE)]),
    (Kind.PRICE, [part(4, "changed", price="30")]),
    (Kind.CONTRACT_PRICE, [part(4, "changed", price="21")]),
    (Kind.SUBSTITUTION, [part(4, "changed", price="20", substitute="X-99")]),
    (Kind.PART_NUMBER, [part(4, "changed", price="20", substitute="MF-14")]),
    (Kind.QUANTITY, [part(6)]),
    (Kind.UNIT, [part(1, uom="PK")]),
    (Kind.DELETED, [part(4, "rejected")]),
]


def read(document: Confirmation) -> Confirmation:
    """As it comes over the wire."""
    header = Header("m-1@supplier", NOON, from_=PARTY, to=PARTY, sender=PARTY, secret="s")
    raw = write_request(header, write_confirmation(document), dtd="Fulfill.dtd")
    found = INBOUND["cxml"].translate(raw).document
    assert isinstance(found, Confirmation)
    return found


@pytest.fixture
def order(hospital: Hospital) -> PurchaseOrder:
    """Four boxes of catheters, of which the shelf lasts some days, and two of gloves."""
    ordering.connect(hospital)
    order = ordering.sent(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})
    with transaction() as session:
        session.merge(hospital.catheter).manufacturer_part = "MF-14"
        receiver, place, item = hospital.actor(Role.RECEIVER), hospital.clinic.id, hospital.catheter.id
        inventory.move(receiver, [Move("in", MovementKind.RECEIPT, place, item, Decimal(40), lot="L1")])
        inventory.move(receiver, [Move("out", MovementKind.USAGE, place, item, Decimal(-14), lot="L1")])
    ordering.priced(hospital, hospital.catheter_offer, "21")
    return order


def test_each_kind_comes_from_a_document(order: PurchaseOrder) -> None:
    for hours, (kind, parts) in enumerate(SAID):
        say(order, hours, parts, number="OC-1", operation="update")
        (item,) = (one for one in open_items_about("purchase_order", order.id))
        assert item.kind is kind, item.sentence
        at_stake = {Kind.PRICE: 40, Kind.CONTRACT_PRICE: 4}.get(kind, 80)
        assert (item.at_stake, bool(item.suggestion), item.cover_days is None) == (at_stake, True, False)
    confirm(read(confirmation(order.number, {90: [part(2, price="5")]}, number="OC-3", at=NOON)))
    (item,) = (one for one in open_items_about("purchase_order", order.id) if one.kind is Kind.NOT_ON_ORDER)
    assert (item.at_stake, bool(item.suggestion)) == (10, True)
    replaced = confirmation(
        order.number, {20: [part(2)]}, number="OC-4", type_="replace", at=NOON + timedelta(days=9)
    )
    confirm(read(replaced))
    assert Kind.NOT_ON_CONFIRMATION in {one.kind for one in open_items_about("purchase_order", order.id)}


def say(
    order: PurchaseOrder, hours: int, parts: Sequence[ConfirmedPart], *, number: str, operation: str
) -> None:
    confirm(
        read(
            confirmation(
                order.number, {10: [*parts]}, number=number, operation=operation,
                at=NOON + timedelta(hours=hours), uom=parts[0].uom,
            )
        )
    )  # fmt: skip
