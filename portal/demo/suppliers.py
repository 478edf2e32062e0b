"""The suppliers of the demo: their confirmations and ship notices as cXML, received as any other."""

import secrets
from datetime import timedelta
from decimal import Decimal
from typing import Any

from lxml.etree import _Element
from sqlalchemy import select

from integrations.canonical import Confirmation, ShipNotice
from integrations.formats.cxml.confirmations import write_confirmation
from integrations.formats.cxml.envelope import Header, write_request
from integrations.formats.cxml.ship_notices import write_ship_notice
from portal.demo.names import NETWORK_IDENTITY
from portal.demo.stories import Twist
from portal.exchange import services as exchange
from portal.exchange.models import Partner
from portal.foundation import clock
from portal.foundation.db import db
from portal.orders.models import PurchaseOrder, PurchaseOrderLine

PROMISE_DAYS, LATER_DAYS = 3, 12
SHELF_LIFE = timedelta(days=540)
HALF = Decimal("0.5")


def confirm(order: PurchaseOrder, twist: Twist) -> None:
    """The supplier answers the order; the twist concerns the first line."""
    lines = [
        {
            "line_number": line.line_number,
            "quantity": line.quantity,
            "uom": line.uom,
            "parts": _parts(line, twist if line is order.lines[0] else Twist.NONE),
        }
        for line in order.lines
    ]
    document = Confirmation.model_validate(
        {
            "number": f"OC-{order.number}",
            "order_number": order.number,
            "type": "detail",
            "noticed_at": clock.now(),
            "lines": lines,
        }
    )
    _arrive(order, write_confirmation(document))


def _parts(line: PurchaseOrderLine, twist: Twist) -> list[dict[str, Any]]:
    whole = {"quantity": line.quantity, "uom": line.uom}
    today = clock.today()
    promised = {"promised_on": today + timedelta(days=PROMISE_DAYS)}
    later = {"promised_on": today + timedelta(days=LATER_DAYS)}
    accepted = {"status": "accepted", **whole, **promised}
    match twist:
        case Twist.LATER:
            return [{"status": "changed", **whole, **later, "comments": "Our carrier is delayed."}]
        case Twist.BACKORDERED:
            waits = half_of(line.quantity)
            backordered = {"status": "backordered", **whole, **later, "quantity": waits}
            rest = [{**accepted, "quantity": line.quantity - waits}] if waits < line.quantity else []
            return [*rest, backordered]
        case Twist.DEARER:
            price = {"amount": round(line.unit_price * Decimal("1.08"), 2), "currency": "USD"}
            return [{"status": "changed", **whole, **promised, "unit_price": price}]
        case Twist.SUBSTITUTE:
            other = {
                "substitute_part": f"{line.supplier_part}-N",
                "unit_price": {"amount": line.unit_price, "currency": "USD"},
                "comments": "New packaging, same product.",
            }
            return [{"status": "changed", **whole, **promised, **other}]
        case Twist.NOT_SUPPLIED:
            return [{"status": "rejected", **whole, "comments": "No longer supplied."}]
        case _:
            return [accepted]


def ship(order: PurchaseOrder, twist: Twist) -> None:
    """The supplier sends what was ordered, or half of it, in one lot per line."""
    lines = [
        {
            "order_number": order.number,
            "line_number": line.line_number,
            "quantity": shipped,
            "uom": line.uom,
            "supplier_part": line.supplier_part,
            "lots": [{"quantity": shipped, "lot": lot_of(line), "expires_on": clock.today() + SHELF_LIFE}],
        }
        for line in order.lines
        for shipped in [half_of(line.quantity) if twist is Twist.HALF_SHIPPED else line.quantity]
    ]
    document = ShipNotice.model_validate(
        {
            "number": f"SN-{order.number}",
            "noticed_at": clock.now(),
            "shipped_at": clock.now(),
            "delivery_expected_at": clock.now() + timedelta(days=2),
            "carrier": "Northline Freight",
            "tracking": f"NL{order.id:09d}",
            "lines": lines,
        }
    )
    _arrive(order, write_ship_notice(document))


def half_of(quantity: Decimal) -> Decimal:
    """About half, in whole packs and at least one."""
    return max((quantity * HALF).to_integral_value(), Decimal(1))


def lot_of(line: PurchaseOrderLine) -> str:
    """The lot a supplier sends for a line."""
    return f"L{line.id:06d}"


def _arrive(order: PurchaseOrder, request: _Element) -> None:
    network = db.session.scalars(select(Partner).where(Partner.kind == "network")).one()
    supplier = order.supplier.network_id
    header = Header(
        message_id=f"{secrets.token_hex(8)}@{supplier}",
        sent_at=clock.now(),
        from_=("NetworkID", supplier),
        to=("NetworkID", network.inbound_to),
        sender=("NetworkID", NETWORK_IDENTITY),
        secret="",
    )
    raw = write_request(header, request, dtd="Fulfill.dtd")
    exchange.receive(network, kind="cxml", key=header.message_id, raw=raw, sender=supplier)
