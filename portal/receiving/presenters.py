"""Receipts as pages show them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from portal.foundation.status import Status
from portal.orders.models import PurchaseOrder
from portal.orders.presenters import Totals, status_of, totals
from portal.receiving.models import Receipt
from portal.receiving.rules import ReceiptState

STATUSES = {
    ReceiptState.ENTERED: Status("To be checked", "warning", "clipboard-check"),
    ReceiptState.POSTED: Status("Posted", "success", "check"),
    ReceiptState.DISCARDED: Status("Discarded", "neutral", "ban"),
}


@dataclass(frozen=True)
class ExpectedRow:
    """An order with something still to receive."""

    id: int
    number: str
    erp_number: str
    supplier: str
    location: str
    totals: Totals
    status: Status


def expected(order: PurchaseOrder) -> ExpectedRow:
    """The order as a row of what is expected."""
    return ExpectedRow(
        id=order.id,
        number=order.number,
        erp_number=order.erp_number,
        supplier=order.supplier.name,
        location=order.location.name,
        totals=totals(order.lines),
        status=status_of(order),
    )


@dataclass(frozen=True)
class ReceiptRow:
    """A receipt in a list."""

    id: int
    number: str
    order_id: int
    order: str
    supplier: str
    receiver: str
    at: datetime
    erp_number: str
    status: Status


def row(receipt: Receipt) -> ReceiptRow:
    """The receipt as a row."""
    return ReceiptRow(
        id=receipt.id,
        number=receipt.number,
        order_id=receipt.order_id,
        order=receipt.order.number,
        supplier=receipt.order.supplier.name,
        receiver=receipt.receiver.name,
        at=receipt.posted_at or receipt.entered_at,
        erp_number=receipt.erp_number,
        status=STATUSES[receipt.state],
    )


def lines_by_id(order: PurchaseOrder) -> dict[int, dict[str, Any]]:
    """What the entry page says of each order line."""
    return {
        line.id: {
            "item": line.description,
            "code": line.item.code,
            "supplier_part": line.supplier_part,
            "uom": line.uom,
            "factor": line.factor,
            "base_uom": line.item.base_uom,
            "ordered": line.quantity - line.cancelled,
            "shipped": line.shipped,
            "received": line.received,
            "remaining": line.quantities.outstanding,
            "lot_tracked": line.item.lot_tracked,
            "expiry_tracked": line.item.expiry_tracked,
        }
        for line in order.lines
    }


def checked_lines(receipt: Receipt) -> list[dict[str, Any]]:
    """What was entered beside what stays open once it is posted."""
    entered: dict[int, Decimal] = {}
    for line in receipt.lines:
        entered[line.order_line_id] = entered.get(line.order_line_id, Decimal()) + line.quantity
    posted = receipt.state is ReceiptState.POSTED
    return [
        {
            "item": line.order_line.description,
            "code": line.order_line.item.code,
            "uom": line.order_line.uom,
            "quantity": line.quantity,
            "each": line.quantity * line.order_line.factor,
            "base_uom": line.order_line.item.base_uom,
            "lot": line.lot,
            "expires_on": line.expires_on,
            "remaining": max(
                line.order_line.quantities.outstanding
                - (Decimal() if posted else entered[line.order_line_id]),
                Decimal(),
            ),
        }
        for line in receipt.lines
    ]
