"""The list of orders as a CSV file."""

from collections.abc import Iterable, Sequence

from portal.foundation.spreadsheets import as_csv
from portal.orders.models import PurchaseOrder
from portal.orders.presenters import STATUSES, next_expected, totals
from portal.orders.searching import count_open_items

ORDER_HEADER = (
    "order", "ERP number", "supplier", "ship to", "facility", "placed", "status", "expected", "currency",
    "amount", "ordered", "shipped", "received", "invoiced", "open decisions",
)  # fmt: skip


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
