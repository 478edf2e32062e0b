"""Invoices as pages show them."""

from collections.abc import Iterable, Sequence
from typing import Any

from portal.foundation.filters import unit_price
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.invoices.models import Invoice
from portal.invoices.rules import MatchLine
from portal.orders.models import PurchaseOrder

MATCHED = Status("Matches", "success", "check")
DIFFERS = Status("Differs", "warning", "alert-triangle")
HEADER = ("invoice", "supplier", "order", "date", "currency", "amount", "match")


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
        "currency": invoice.order.currency,
        "status": status_of(invoice),
        "tone": "" if invoice.matched else "warning",
    }


def cells(invoice: Invoice) -> Sequence[object]:
    """The invoice as a row of a file, in the order of HEADER."""
    return (
        invoice.number, invoice.supplier.name, invoice.order.number, invoice.invoiced_on,
        invoice.order.currency, invoice.total, status_of(invoice).label,
    )  # fmt: skip


def match_rows(invoice: Invoice, matched: Sequence[MatchLine]) -> list[dict[str, Any]]:
    """Ordered, received and invoiced side by side; only real differences are marked."""
    currency = invoice.order.currency
    rows: list[dict[str, Any]] = []
    for line, match in zip(invoice.lines, matched, strict=True):
        ordered = line.order_line
        is_other = match.is_other_price
        rows.append(
            {
                "item": ordered.description,
                "number": ordered.line_number,
                "uom": ordered.uom,
                "ordered": ordered.quantities.wanted,
                "received": plain(match.received),
                "invoiced": plain(match.invoiced) if match.is_too_much else None,
                "before": match.invoiced_before,
                "quantity": line.quantity,
                "ordered_price": unit_price(ordered.unit_price, currency),
                "price": unit_price(line.unit_price, currency) if is_other else None,
                "amount": line.amount,
                "tone": "warning" if match.is_too_much or is_other else "",
            }
        )
    return rows


def entry_rows(order: PurchaseOrder, line_ids: Sequence[int], parts: Iterable[Any]) -> list[dict[str, Any]]:
    """The rows of the entry form beside what was ordered, received and invoiced before."""
    lines = {line.id: line for line in order.lines}
    return [
        {
            "number": lines[line_id].line_number,
            "item": lines[line_id].description,
            "code": lines[line_id].item.code,
            "uom": lines[line_id].uom,
            "ordered": lines[line_id].quantities.wanted,
            "received": lines[line_id].received,
            "invoiced": lines[line_id].invoiced,
            "part": part,
        }
        for line_id, part in zip(line_ids, parts, strict=True)
        if line_id in lines
    ]
