"""Invoices as pages show them."""

from typing import Any

from portal.foundation.filters import unit_price
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.invoices.models import Invoice
from portal.orders.models import PurchaseOrder

MATCHED = Status("Matches", "success", "check")
DIFFERS = Status("Differs", "warning", "alert-triangle")


def status_of(invoice: Invoice) -> Status:
    """Whether the three ways agree."""
    return MATCHED if invoice.matched else DIFFERS


def row(invoice: Invoice) -> dict[str, Any]:
    """The invoice as a row."""
    return {
        "id": invoice.id,
        "number": invoice.number,
        "supplier": invoice.supplier.name,
        "order_id": invoice.order_id,
        "order": invoice.order.number,
        "invoiced_on": invoice.invoiced_on,
        "total": invoice.total,
        "status": status_of(invoice),
    }


def match_rows(invoice: Invoice) -> list[dict[str, Any]]:
    """Ordered, received and invoiced side by side; only real differences are marked."""
    rows: list[dict[str, Any]] = []
    for line in invoice.lines:
        ordered = line.order_line
        over = ordered.invoiced > ordered.received
        dear = line.unit_price != ordered.unit_price
        rows.append(
            {
                "item": ordered.description,
                "uom": ordered.uom,
                "ordered": plain(ordered.quantity - ordered.cancelled),
                "received": plain(ordered.received),
                "invoiced": plain(ordered.invoiced) if over else None,
                "quantity": line.quantity,
                "ordered_price": unit_price(ordered.unit_price),
                "price": unit_price(line.unit_price) if dear else None,
                "amount": line.amount,
                "tone": "warning" if over or dear else "",
            }
        )
    return rows


def lines_by_id(order: PurchaseOrder) -> dict[int, dict[str, Any]]:
    """What the entry page says of each order line."""
    return {
        line.id: {
            "item": line.description,
            "uom": line.uom,
            "ordered": line.quantity - line.cancelled,
            "received": line.received,
            "invoiced": line.invoiced,
        }
        for line in order.lines
    }
