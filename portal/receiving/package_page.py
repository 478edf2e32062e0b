"""A package that arrived, with what it holds of each order."""

from typing import Any

from portal.foundation.access import Actor
from portal.foundation.db import found
from portal.foundation.paging import paginate
from portal.orders import queries as orders
from portal.orders.models import PurchaseOrder
from portal.receiving import packages, queries, scanning
from portal.receiving.rules import as_sscc
from portal.receiving.scanning import Given, Told

MOST_ORDERS = 20


def _orders(actor: Actor, sscc: str) -> list[PurchaseOrder]:
    named = paginate(queries.expected(actor, sscc), 1, per_page=MOST_ORDERS).rows
    return [found(orders.find(order.id), "order") for order in named]


def contents(actor: Actor, text: str) -> list[dict[str, Any]]:
    """What the package holds of each order that can be received, and what is counted of it."""
    sscc = as_sscc(text)
    return [_content(actor, order, sscc) for order in _orders(actor, sscc)]


def _content(actor: Actor, order: PurchaseOrder, sscc: str) -> dict[str, Any]:
    package = packages.opened(order.id, sscc)
    lines = {line.id: line for line in order.lines}
    draft = queries.draft_of(order.id, actor.account_id)
    return {
        "order": order,
        "is_counted": sscc in queries.scanned(order.id),
        "receipt_id": draft.id if draft and draft.lines else None,
        "rows": [
            {
                "item": lines[one.order_line_id].description,
                "code": lines[one.order_line_id].item.code,
                "quantity": one.quantity,
                "uom": lines[one.order_line_id].uom,
                "lot": one.lot,
                "serial": one.serial,
                "expires_on": one.expires_on,
            }
            for one in (package.entries if package else [])
        ],
    }


def count(actor: Actor, text: str, given: Given) -> list[tuple[PurchaseOrder, Told]]:
    """Counts the package into each of its orders; the same form again changes nothing."""
    sscc = as_sscc(text)
    return [
        (order, scanning.count(actor, order.id, Given(f"{given.key}-{order.id}", sscc, "", given.owner)))
        for order in _orders(actor, sscc)
    ]
