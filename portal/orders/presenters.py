"""Orders as lists and pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from portal.catalog.models import Offer
from portal.foundation.money import extended
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.orders import expecting
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.packs import surplus, whole_packs
from portal.orders.punctuality import History
from portal.orders.rules import OrderStatus, Transmission, cancelled_then

STATUSES: dict[OrderStatus, Status] = {
    OrderStatus.PLACED: Status("Placed", "neutral", "file-text"),
    OrderStatus.SENT: Status("Sent to supplier", "info", "send"),
    OrderStatus.PARTLY_CONFIRMED: Status("Partly confirmed", "warning", "checks"),
    OrderStatus.BACKORDERED: Status("Backordered", "warning", "clock"),
    OrderStatus.REJECTED: Status("Rejected by supplier", "danger", "circle-x"),
    OrderStatus.CONFIRMED: Status("Confirmed", "info", "checks"),
    OrderStatus.PARTLY_SHIPPED: Status("Partly shipped", "info", "truck-delivery"),
    OrderStatus.SHIPPED: Status("Shipped", "info", "truck-delivery"),
    OrderStatus.PARTLY_RECEIVED: Status("Partly received", "info", "package-import"),
    OrderStatus.RECEIVED: Status("Received", "success", "package-import"),
    OrderStatus.INVOICED: Status("Invoiced", "success", "receipt"),
    OrderStatus.CANCELLED: Status("Cancelled", "neutral", "ban"),
}
STOPPED = Status("Stopped", "danger", "alert-triangle")


def status_of(order: PurchaseOrder) -> Status:
    """The status of an order; a stopped transmission comes first, unless nothing is wanted any more."""
    if order.transmission is Transmission.STOPPED and order.status is not OrderStatus.CANCELLED:
        return STOPPED
    return STATUSES[order.status]


@dataclass(frozen=True)
class Totals:
    """Quantities summed over the lines, in order units."""

    ordered: Decimal
    shipped: Decimal
    received: Decimal
    invoiced: Decimal


def totals(lines: Sequence[PurchaseOrderLine]) -> Totals:
    """The four numbers beside each other; what is cancelled is not counted as ordered."""
    return Totals(
        ordered=sum((line.quantities.wanted for line in lines), Decimal()),
        shipped=sum((line.shipped for line in lines), Decimal()),
        received=sum((line.received for line in lines), Decimal()),
        invoiced=sum((line.invoiced for line in lines), Decimal()),
    )


def counters(order: PurchaseOrder) -> list[dict[str, Any]]:
    """The four counters of an order; more than ordered is marked."""
    counted = totals(order.lines)
    return [
        {
            "label": label,
            "value": value,
            "of": counted.ordered,
            "tone": "warning" if value > counted.ordered else "accent",
        }
        for label, value in (
            ("Ordered", counted.ordered),
            ("Shipped", counted.shipped),
            ("Received", counted.received),
            ("Invoiced", counted.invoiced),
        )
    ]


def next_expected(order: PurchaseOrder) -> date | None:
    """The next day on which something of the order should arrive."""
    days = [line.expected_on for line in order.lines if line.quantities.outstanding > 0 and line.expected_on]
    return min(days, default=None)


@dataclass(frozen=True)
class OrderRow:
    """An order in a list."""

    id: int
    number: str
    supplier: str
    location: str
    ordered_at: datetime
    zone: str
    expected_on: date | None
    total: Decimal
    currency: str
    totals: Totals
    status: Status
    erp_number: str
    decisions: int

    @property
    def tone(self) -> str:
        """Orders that wait for a person are marked at their edge."""
        if self.status is STOPPED:
            return "danger"
        return "warning" if self.decisions else ""


def row(order: PurchaseOrder, decisions: int = 0, history: History | None = None) -> OrderRow:
    """The order as a row, with the number of decisions it waits for; the history moves the expected day."""
    return OrderRow(
        id=order.id,
        number=order.number,
        supplier=order.supplier.name,
        location=order.location.name,
        ordered_at=order.ordered_at,
        zone=order.location.facility.time_zone,
        expected_on=expecting.next_expected(history, order) if history else next_expected(order),
        total=order.total,
        currency=order.currency,
        totals=totals(order.lines),
        status=status_of(order),
        erp_number=order.erp_number,
        decisions=decisions,
    )


def rows(orders: Sequence[PurchaseOrder], decisions: Mapping[int, int]) -> list[OrderRow]:
    """The orders as rows, with the number of decisions each waits for."""
    history = expecting.history_of([order.supplier_id for order in orders])
    return [row(order, decisions.get(order.id, 0), history) for order in orders]


# One order


@dataclass(frozen=True)
class Closing:
    """The open rest of a line that somebody wants to cancel."""

    id: int
    item: str
    uom: str
    quantity: Decimal
    cancelled: Decimal
    is_on_its_way: bool

    @property
    def seen(self) -> str:
        """What will be cancelled of the line in all, sent along with the form."""
        return plain(self.cancelled + self.quantity)


def closing_line(order: PurchaseOrder, line_id: int) -> Closing | None:
    """What cancelling a line means now."""
    line = next((one for one in order.lines if one.id == line_id), None)
    if line is None:
        return None
    counted = line.quantities
    on_its_way = counted.cancellable > 0 and counted.unshipped == 0
    return Closing(line.id, line.description, line.uom, counted.cancellable, counted.cancelled, on_its_way)


def open_lines(order: PurchaseOrder) -> list[Closing]:
    """What of each line is not on its way yet."""
    counted = [(line, line.quantities) for line in order.lines]
    return [
        Closing(
            line.id,
            line.description,
            line.uom,
            quantities.unshipped,
            quantities.cancelled,
            is_on_its_way=False,
        )
        for line, quantities in counted
        if quantities.unshipped > 0
    ]


def seen_of(order: PurchaseOrder) -> str:
    """What will be cancelled of the order in all, sent along with the form."""
    return plain(cancelled_then([line.quantities for line in order.lines]))


def to_tell(order: PurchaseOrder) -> str:
    """Who holds the order as it was and learns of a change; empty when nobody does."""
    told = []
    if order.erp_number:
        told.append(f"order {order.erp_number} in the ERP is changed")
    if order.sent_at is not None:
        told.append(f"{order.supplier.name} is told")
    sentence = " and ".join(told)
    return f"{sentence[:1].upper()}{sentence[1:]} within seconds." if told else ""


def told_packs(quantity: Decimal, factor: Decimal, offer: Offer, base_uom: str) -> str:
    """A quantity (in packs of `factor`) as packs of an offer, with what it brings more: 1 CS, 6 EA more"""
    told = f"{plain(whole_packs(quantity, factor, offer.factor))} {offer.uom}"
    more = surplus(quantity, factor, offer.factor)
    return f"{told}, {plain(more)} {base_uom} more" if more else told


def paper_lines(order: PurchaseOrder) -> list[dict[str, Any]]:
    """The lines as they are wanted, for paper; what is cancelled in full is left out."""
    return [
        {
            "number": line.line_number,
            "item": line.description,
            "code": line.item.code,
            "part": line.supplier_part,
            "consignment": line.consignment,
            "needed_on": line.needed_on,
            "quantity": line.quantities.wanted,
            "uom": line.uom,
            "unit_price": line.unit_price,
            "amount": extended(line.quantities.wanted, line.unit_price),
        }
        for line in order.lines
        if line.quantities.wanted > 0
    ]
