"""Lists as CSV files, harmless in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

from portal.foundation.quantity import plain
from portal.orders.models import PurchaseOrder
from portal.orders.presenters import STATUSES, next_expected, totals
from portal.orders.searching import count_open_items

# A spreadsheet takes cells that begin so for formulas (OWASP, CSV Injection).
FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
ORDER_HEADER = (
    "order", "ERP number", "supplier", "ship to", "facility", "placed", "status", "expected", "currency",
    "amount", "ordered", "shipped", "received", "invoiced", "open decisions",
)  # fmt: skip


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The file, with the mark by which spreadsheets know UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _cell(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_MARKS) else text


def orders(rows: Iterable[PurchaseOrder]) -> bytes:
    """A list of orders."""
    decisions = count_open_items()
    return as_csv(ORDER_HEADER, (_order_cells(row, decisions.get(row.id, 0)) for row in rows))


def _order_cells(order: PurchaseOrder, open_decisions: int) -> Sequence[object]:
    counted = totals(order.lines)
    location = order.location
    return (
        order.number, order.erp_number, order.supplier.name, location.name, location.facility.name,
        order.ordered_at.isoformat(), STATUSES[order.status].label, next_expected(order), order.currency,
        order.total, counted.ordered, counted.shipped, counted.received, counted.invoiced, open_decisions,
    )  # fmt: skip
