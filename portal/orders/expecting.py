"""When things really come: the day announced, or the promised one moved by the supplier's history."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal

from portal.foundation.hooks import Collector
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.punctuality import Delivery, History

# Recent deliveries of suppliers (by id): receiving knows them.
deliveries: Collector[[Collection[int]], Delivery] = Collector()


def history_of(supplier_ids: Collection[int]) -> History:
    """The recent deliveries of suppliers, read at once."""
    return History(deliveries(set(supplier_ids)) if supplier_ids else [])


def due_on(line: PurchaseOrderLine) -> date:
    """The day of a line as the documents say it: announced, promised, or else asked for."""
    return line.expected_on or line.promised_on or line.needed_on


def expected_on(history: History, supplier_id: int, line: PurchaseOrderLine) -> date | None:
    """The day the rest of a line should be here; None when nothing is outstanding or it is rejected."""
    counted = line.quantities
    if counted.outstanding <= max(counted.rejected - counted.cancelled, Decimal()):
        return None
    due = due_on(line)
    if line.shipped >= counted.wanted:
        return due  # on its way: the ship notice knows better than the past
    return history.expected(supplier_id, line.item_id, due)


def next_expected(history: History, order: PurchaseOrder) -> date | None:
    """The next day on which something of the order should be here."""
    days = [expected_on(history, order.supplier_id, line) for line in order.lines]
    return min((day for day in days if day), default=None)
