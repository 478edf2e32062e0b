"""The lines of an order, with the supplier's answer beside what was ordered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from portal.exchange.models import WorkItem
from portal.foundation.filters import unit_price
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.orders.expecting import due_on, expected_on
from portal.orders.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderSource
from portal.orders.presenters import STATUSES
from portal.orders.punctuality import History
from portal.requisitions.charging import shares_in_words


@dataclass(frozen=True)
class Change:
    """A value as ordered and, where it differs, as the supplier answered."""

    original: str
    changed: str | None


@dataclass(frozen=True)
class LineRow:
    """An order line with everything known of it."""

    id: int
    number: int
    item: str
    item_id: int
    code: str
    consignment: bool
    part: Change
    uom: str
    quantity: Change
    price: Change
    needed: date
    promised: date | None
    promised_late: int
    expected: date | None
    moved: int
    confirmed: Decimal
    backordered: Decimal
    rejected: Decimal
    shipped: Decimal
    received: Decimal
    invoiced: Decimal
    cancelled: Decimal
    comment: str
    status: Status
    tone: str
    needs_decision: bool
    troubles: list[str]
    cancellable: Decimal
    sources: list[dict[str, Any]]


def line_rows(
    order: PurchaseOrder, items: Sequence[WorkItem], history: History, today: date
) -> list[LineRow]:
    """The lines, those that need a decision first, then those that are late."""
    rows = [_line_row(order, line, items, history, today) for line in order.lines]
    return sorted(rows, key=lambda one: (not one.needs_decision, one.tone == "", one.number))


def _line_row(
    order: PurchaseOrder, line: PurchaseOrderLine, items: Sequence[WorkItem], history: History, today: date
) -> LineRow:
    counted = line.quantities
    # What is not ordered any more needs no confirmation: cancelling the rejected rest settles the line.
    is_other = counted.answered > 0 and line.confirmed not in (line.quantity, counted.wanted)
    price = line.confirmed_price
    troubles = [item.sentence for item in items if item.key.startswith(f"line-{line.id}-")]
    late = _late(line, today)
    due, expected = due_on(line), expected_on(history, order.supplier_id, line)
    return LineRow(
        id=line.id,
        number=line.line_number,
        item=line.description,
        item_id=line.item_id,
        code=line.item.code,
        consignment=line.consignment,
        part=Change(line.supplier_part, line.substitute_part or None),
        uom=line.uom,
        quantity=Change(plain(line.quantity), plain(line.confirmed) if is_other else None),
        price=Change(
            unit_price(line.unit_price, order.currency),
            unit_price(price, order.currency) if price not in (None, line.unit_price) else None,
        ),
        needed=line.needed_on,
        promised=line.promised_on,
        promised_late=(line.promised_on - line.needed_on).days if line.promised_on else 0,
        expected=expected,
        moved=(expected - due).days if expected else 0,
        confirmed=line.confirmed,
        backordered=line.backordered,
        rejected=line.rejected,
        shipped=line.shipped,
        received=line.received,
        invoiced=line.invoiced,
        cancelled=line.cancelled,
        comment=line.supplier_comment,
        status=STATUSES[line.status],
        tone="warning" if troubles or late else "",
        needs_decision=bool(troubles),
        troubles=troubles + late,
        cancellable=counted.cancellable,
        sources=[_source(line, source) for source in line.sources],
    )


def _late(line: PurchaseOrderLine, today: date) -> list[str]:
    due = due_on(line)
    if line.quantities.outstanding <= 0 or due >= today:
        return []
    days = (today - due).days
    return [
        f"{days} {'day' if days == 1 else 'days'} late: {plain(line.quantities.outstanding)} not here yet."
    ]


def _source(line: PurchaseOrderLine, source: PurchaseOrderSource) -> dict[str, Any]:
    requisition = source.requisition_line.requisition
    shares = shares_in_words(source.requisition_line, requisition.currency, source.amount)
    return {
        "requisition_id": requisition.id,
        "number": requisition.number,
        "quantity": f"{plain(source.quantity)} {line.uom}",
        "cost_center": ", ".join(shares) or f"{source.cost_center.code} {source.cost_center.name}",
    }
