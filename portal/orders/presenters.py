"""Orders as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from portal.exchange.models import WorkItem
from portal.foundation.audit import AuditEvent
from portal.foundation.filters import day, moment, unit_price
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.orders.models import OrderConfirmation, PurchaseOrder, PurchaseOrderLine, ShipNoticeLine
from portal.orders.rules import OrderStatus, Transmission
from portal.requisitions.models import RequisitionLine
from portal.requisitions.services import open_quantity

STATUSES: dict[OrderStatus, Status] = {
    OrderStatus.PLACED: Status("Placed", "neutral", "file-text"),
    OrderStatus.SENT: Status("Sent to supplier", "info", "send"),
    OrderStatus.PARTLY_CONFIRMED: Status("Partly confirmed", "info", "checks"),
    OrderStatus.BACKORDERED: Status("Backordered", "warning", "clock-pause"),
    OrderStatus.REJECTED: Status("Rejected by supplier", "danger", "ban"),
    OrderStatus.CONFIRMED: Status("Confirmed", "info", "checks"),
    OrderStatus.PARTLY_SHIPPED: Status("Partly shipped", "info", "truck-delivery"),
    OrderStatus.SHIPPED: Status("Shipped", "info", "truck-delivery"),
    OrderStatus.PARTLY_RECEIVED: Status("Partly received", "info", "package-import"),
    OrderStatus.RECEIVED: Status("Received", "success", "package-import"),
    OrderStatus.INVOICED: Status("Invoiced", "success", "receipt"),
    OrderStatus.CANCELLED: Status("Cancelled", "neutral", "ban"),
}
STOPPED = Status("Stopped", "danger", "alert-triangle")
STATUS_CHOICES = {"": "Any status"} | {status.value: shown.label for status, shown in STATUSES.items()}


def status_of(order: PurchaseOrder) -> Status:
    """The status of an order; a stopped transmission comes first."""
    return STOPPED if order.transmission is Transmission.STOPPED else STATUSES[order.status]


@dataclass(frozen=True)
class Totals:
    """Quantities summed over the lines, in order units."""

    ordered: Decimal
    shipped: Decimal
    received: Decimal
    invoiced: Decimal


def totals(lines: Sequence[PurchaseOrderLine]) -> Totals:
    """The four numbers beside each other."""
    return Totals(
        ordered=sum((line.quantity - line.cancelled for line in lines), Decimal()),
        shipped=sum((line.shipped for line in lines), Decimal()),
        received=sum((line.received for line in lines), Decimal()),
        invoiced=sum((line.invoiced for line in lines), Decimal()),
    )


def counters(order: PurchaseOrder) -> list[dict[str, Any]]:
    """The four counters of an order."""
    counted = totals(order.lines)
    return [
        {"label": label, "value": value, "of": counted.ordered}
        for label, value in (
            ("Ordered", counted.ordered),
            ("Shipped", counted.shipped),
            ("Received", counted.received),
            ("Invoiced", counted.invoiced),
        )
    ]


@dataclass(frozen=True)
class OrderRow:
    """An order in a list."""

    id: int
    number: str
    supplier: str
    location: str
    ordered_at: datetime
    total: Decimal
    totals: Totals
    status: Status
    erp_number: str


def row(order: PurchaseOrder) -> OrderRow:
    """The order as a row."""
    return OrderRow(
        id=order.id,
        number=order.number,
        supplier=order.supplier.name,
        location=order.location.name,
        ordered_at=order.ordered_at,
        total=order.total,
        totals=totals(order.lines),
        status=status_of(order),
        erp_number=order.erp_number,
    )


@dataclass(frozen=True)
class Change:
    """A value as ordered and, where it differs, as the supplier answered."""

    original: str
    changed: str | None


@dataclass(frozen=True)
class LineRow:
    """An order line with the supplier's answer beside it."""

    id: int
    number: int
    item: str
    code: str
    supplier_part: str
    uom: str
    quantity: Change
    price: Change
    needed: date
    promised: Change
    expected: date | None
    confirmed: Decimal
    backordered: Decimal
    rejected: Decimal
    shipped: Decimal
    received: Decimal
    invoiced: Decimal
    cancelled: Decimal
    substitute: str
    comment: str
    status: Status
    tone: str
    open: Decimal
    sources: list[dict[str, Any]]


def line_rows(order: PurchaseOrder, items: Sequence[WorkItem]) -> list[LineRow]:
    """The lines, those that need a decision first."""
    flagged = {item.key.split("-")[1] for item in items if item.key.startswith("line-")}
    rows = [_line_row(order, line, flagged=str(line.id) in flagged) for line in order.lines]
    return sorted(rows, key=lambda one: (one.tone == "", one.number))


def _line_row(order: PurchaseOrder, line: PurchaseOrderLine, *, flagged: bool) -> LineRow:
    answered = line.confirmed + line.backordered + line.rejected
    changed = plain(line.confirmed) if answered and line.confirmed != line.quantity - line.cancelled else None
    price = line.confirmed_price
    late = line.promised_on is not None and line.promised_on != line.needed_on
    return LineRow(
        id=line.id,
        number=line.line_number,
        item=line.description,
        code=line.item.code,
        supplier_part=line.supplier_part,
        uom=line.uom,
        quantity=Change(plain(line.quantity), changed),
        price=Change(
            unit_price(line.unit_price, order.currency),
            unit_price(price, order.currency) if price not in (None, line.unit_price) else None,
        ),
        needed=line.needed_on,
        promised=Change(day(line.needed_on), day(line.promised_on) if late else None),
        expected=line.expected_on,
        confirmed=line.confirmed,
        backordered=line.backordered,
        rejected=line.rejected,
        shipped=line.shipped,
        received=line.received,
        invoiced=line.invoiced,
        cancelled=line.cancelled,
        substitute=line.substitute_part,
        comment=line.supplier_comment,
        status=STATUSES[line.status],
        tone="warning" if flagged else "",
        open=line.quantity - line.cancelled - max(line.shipped, line.received, line.invoiced),
        sources=[
            {
                "requisition_id": source.requisition_line.requisition_id,
                "number": source.requisition_line.requisition.number,
                "quantity": source.quantity,
                "cost_center": f"{source.cost_center.code} {source.cost_center.name}",
            }
            for source in line.sources
        ],
    )


def steps(order: PurchaseOrder, stopped_because: str = "") -> list[dict[str, Any]]:
    """The way of an order; a step says who has it, since when, and what happens next."""
    counted = totals(order.lines)
    zone = order.location.facility.time_zone
    answered = any(line.confirmed + line.backordered + line.rejected for line in order.lines)
    fully = all(
        line.confirmed + line.backordered + line.rejected >= line.quantity - line.cancelled
        for line in order.lines
    )
    reached = [
        ("Placed", True, True, f"By the buyer, {moment(order.ordered_at, zone)}."),
        _sent_step("Posted in the ERP", order.posted_at, f"ERP number {order.erp_number}.", zone),
        _sent_step("Sent to the supplier", order.sent_at, f"Handed to {order.supplier.name}.", zone),
        ("Confirmed", fully, answered, f"{order.supplier.name} says what it will deliver, and when."),
        _counted_step("Shipped", counted.shipped, counted.ordered, "On its way to the dock."),
        _counted_step("Received", counted.received, counted.ordered, f"By {order.location.name}."),
        _counted_step("Invoiced", counted.invoiced, counted.ordered, "Matched with order and receipt."),
    ]
    shown: list[dict[str, Any]] = []
    found_current = False
    for label, done, begun, text in reached:
        state = "done" if done else "pending"
        if not done and not found_current:
            found_current = True
            state = "problem" if stopped_because and not begun else "current"
        shown.append(
            {"label": label, "state": state, "text": stopped_because if state == "problem" else text}
        )
    return shown


def _sent_step(label: str, at: datetime | None, text: str, zone: str) -> tuple[str, bool, bool, str]:
    waiting = "The portal is handing it over; this takes a few seconds."
    return label, at is not None, at is not None, f"{text} {moment(at, zone)}." if at else waiting


def _counted_step(label: str, value: Decimal, whole: Decimal, text: str) -> tuple[str, bool, bool, str]:
    return label, 0 < whole <= value, value > 0, f"{plain(value)} of {plain(whole)}. {text}"


def confirmations(rows: Sequence[OrderConfirmation]) -> list[dict[str, Any]]:
    """Confirmations as a timeline."""
    return [
        {
            "title": f"Confirmation {one.number}",
            "at": one.noticed_at,
            "text": one.comments or f"{len(one.parts)} answers",
            "tone": "info",
            "icon": "checks",
        }
        for one in rows
    ]


def shipments(rows: Sequence[ShipNoticeLine], order: PurchaseOrder) -> list[dict[str, Any]]:
    """What is on its way, a row a lot."""
    names = {line.id: line for line in order.lines}
    return [
        {
            "notice": one.notice.number,
            "item": names[one.line_id].description,
            "quantity": one.quantity,
            "uom": names[one.line_id].uom,
            "lot": one.lot,
            "expires_on": one.expires_on,
            "sscc": one.sscc,
            "carrier": one.notice.carrier,
            "tracking": one.notice.tracking,
            "arrives": one.notice.delivery_expected_at,
        }
        for one in rows
    ]


@dataclass(frozen=True)
class BenchGroup:
    """Approved lines of one supplier and ship-to, ready to become one order."""

    key: str
    supplier: str
    location: str
    facility: str
    lines: list[dict[str, Any]]
    total: Decimal
    minimum: Decimal

    @property
    def below_minimum(self) -> bool:
        """The supplier asks for more."""
        return self.total < self.minimum


def bench(lines: Sequence[RequisitionLine]) -> list[BenchGroup]:
    """Groups in the order of their earliest need."""
    groups: dict[tuple[int, int], list[RequisitionLine]] = {}
    for line in lines:
        groups.setdefault((line.offer.supplier_id, line.requisition.location_id), []).append(line)
    return [_group(f"{key[0]}-{key[1]}", members) for key, members in groups.items()]


def _group(key: str, members: list[RequisitionLine]) -> BenchGroup:
    first = members[0]
    rows = [
        {
            "id": line.id,
            "item": line.item.name,
            "code": line.item.code,
            "number": line.requisition.number,
            "requisition_id": line.requisition_id,
            "requester": line.requisition.requester.name,
            "need_by": line.requisition.need_by,
            "quantity": open_quantity(line),
            "uom": line.uom,
            "unit_price": line.unit_price,
            "amount": open_quantity(line) * line.unit_price,
            "on_contract": line.contract_line_id is not None,
        }
        for line in members
    ]
    return BenchGroup(
        key=key,
        supplier=first.offer.supplier.name,
        location=first.requisition.location.name,
        facility=first.requisition.location.facility.name,
        lines=rows,
        total=sum((open_quantity(line) * line.unit_price for line in members), Decimal()),
        minimum=first.offer.supplier.minimum_order,
    )


TITLES = {
    "order.place": "Order placed",
    "order.posted": "Posted in the ERP",
    "order.sent": "Sent to the supplier",
    "order.stopped": "Stopped: a partner did not take it",
    "order.confirm": "The supplier answered",
    "order.ship": "The supplier shipped",
    "order.status": "Status changed",
}


def history(events: Sequence[AuditEvent]) -> list[dict[str, Any]]:
    """The audit events of an order as a timeline."""
    return [
        {
            "title": TITLES.get(event.action, event.action),
            "at": event.at,
            "actor": event.actor,
            "text": ", ".join(f"{key} {value}" for key, value in (event.after or {}).items()),
        }
        for event in events
    ]
