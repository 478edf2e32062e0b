"""Receipts as pages show them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from portal.foundation import clock
from portal.foundation.filters import day
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.inventory.rules import Owner
from portal.masterdata.scanning import read
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.presenters import Totals, next_expected, status_of, totals
from portal.orders.rules import OrderStatus
from portal.receiving.models import Receipt, ReceiptLine
from portal.receiving.rules import ReceiptState, Verdict
from portal.receiving.scanning import unreadable
from portal.receiving.services import good_lines

STATUSES = {
    ReceiptState.ENTERED: Status("To be checked", "warning", "clipboard-check"),
    ReceiptState.POSTED: Status("Posted", "success", "check"),
    ReceiptState.DISCARDED: Status("Discarded", "neutral", "ban"),
    ReceiptState.REVERSED: Status("Rolled back", "neutral", "arrow-back-up"),
}
TROUBLES = {
    Verdict.DAMAGED: "Damaged",
    Verdict.WRONG_ITEM: "Another item than ordered",
    Verdict.SHORT: "Missing",
}
NOT_RECEIVABLE = {
    OrderStatus.PLACED: "{} has not been sent to the supplier yet. Ask the buyer before you receive it.",
    OrderStatus.REJECTED: "{} was rejected by the supplier. Ask the buyer before you receive it.",
    OrderStatus.RECEIVED: "{} is received in full. Nothing of it is open.",
    OrderStatus.INVOICED: "{} is received and invoiced in full. Nothing of it is open.",
    OrderStatus.CANCELLED: "{} is cancelled. Set the goods aside and ask the buyer.",
}


def why_not(order: PurchaseOrder | None, words: str) -> str:
    """Why a scanned number leads to nothing that can be received."""
    scan, reason = read(words)
    if order is None and scan is not None and scan.di:
        return (
            "No order that can be received waits for the item of this barcode. Set it aside, ask the buyer."
        )
    if order is None:
        return unreadable(words, reason) or (
            f"No order, ship notice or parcel has the number {words}. Check the number on the delivery note."
        )
    return NOT_RECEIVABLE.get(order.status, "{} cannot be received here.").format(order.number)


def closed(order: PurchaseOrder) -> dict[str, str]:
    """Title and text where nothing of an order can be received."""
    if order.status is OrderStatus.CANCELLED:
        return {"title": "The order is cancelled", "text": "Set the goods aside and ask the buyer."}
    return {"title": "Everything is received", "text": "Nothing of this order is open any more."}


@dataclass(frozen=True)
class ExpectedRow:
    """An order with something still to receive."""

    id: int
    number: str
    erp_number: str
    supplier: str
    location: str
    expected_on: date | None
    is_late: bool
    is_on_its_way: bool
    totals: Totals
    status: Status


def expected(order: PurchaseOrder, arrives: datetime | None) -> ExpectedRow:
    """The order as a row of what is expected; `arrives` is when its parcels on their way should be here."""
    zone = order.location.facility.time_zone
    announced = arrives.astimezone(ZoneInfo(zone)).date() if arrives else None
    promised = next_expected(order)
    expected_on = min((one for one in (announced, promised) if one), default=None)
    return ExpectedRow(
        id=order.id,
        number=order.number,
        erp_number=order.erp_number,
        supplier=order.supplier.name,
        location=order.location.name,
        expected_on=expected_on,
        is_late=expected_on is not None and expected_on < clock.today(zone),
        is_on_its_way=arrives is not None,
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
    zone: str
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
        zone=receipt.order.location.facility.time_zone,
        erp_number=receipt.erp_number,
        status=STATUSES[receipt.state],
    )


RECEIPT_HEADER = ("receipt", "order", "supplier", "location", "received by", "at", "status", "ERP document")


def cells(receipt: Receipt) -> Sequence[object]:
    """The receipt as a row of a file, in the order of RECEIPT_HEADER."""
    shown = row(receipt)
    return (
        shown.number, shown.order, shown.supplier, receipt.order.location.name, shown.receiver,
        shown.at.isoformat(), shown.status.label, shown.erp_number,
    )  # fmt: skip


def rolled_back(receipt: Receipt) -> tuple[str, str]:
    """What is said after a roll back, and in which tone."""
    if receipt.cancelled:
        said = "Stock is as before. What was cancelled with it stays cancelled; the reason below says why."
        return f"{receipt.number} is rolled back. {said}", "warning"
    return f"{receipt.number} is rolled back. Stock and order are as before, and the ERP is told.", "info"


def groups(order: PurchaseOrder, line_ids: Sequence[int], entries: Iterable[Any]) -> list[dict[str, Any]]:
    """The rows of the entry form under their order line, in the order of the lines."""
    rows = list(zip(line_ids, entries, strict=True))
    drawn = []
    for line in order.lines:
        mine = [entry for line_id, entry in rows if line_id == line.id]
        if mine:
            drawn.append({"line": _line(line), "entries": mine})
    return drawn


def _line(line: PurchaseOrderLine) -> dict[str, Any]:
    counted = line.quantities
    came = [f"{plain(counted.outstanding)} {line.uom} to come of {plain(counted.wanted)} ordered"]
    came += [f"{plain(line.shipped)} shipped"] if line.shipped else []
    came += [f"{plain(line.received)} received before"] if line.received else []
    each = f" 1 {line.uom} is {plain(line.factor)} {line.item.base_uom}."
    return {
        "id": line.id,
        "item": line.description,
        "numbers": f"{line.item.code} · supplier's {line.supplier_part}",
        "text": f"{', '.join(came)}.{each if line.uom != line.item.base_uom else ''}",
        "uom": line.uom,
        "lot_tracked": line.item.lot_tracked,
        "expiry_tracked": line.item.expiry_tracked,
        "serial_tracked": line.item.serial_tracked,
    }


def staying_open(order: PurchaseOrder, receipt: Receipt) -> list[tuple[int, str]]:
    """Order lines of which something is still expected once the receipt is posted, in words."""
    entered: dict[int, Decimal] = {}
    for line in receipt.lines:
        if line.verdict is Verdict.GOOD:
            entered[line.order_line_id] = entered.get(line.order_line_id, Decimal()) + line.quantity
    rests = [(line, line.quantities.outstanding - entered.get(line.id, Decimal())) for line in order.lines]
    return [(line.id, f"{line.description}: {plain(rest)} {line.uom}") for line, rest in rests if rest > 0]


def returnable(receipt: Receipt, returned: dict[int, Decimal]) -> list[dict[str, Any]]:
    """What of a receipt can still go back."""
    shown = []
    for line in receipt.lines:
        left = line.quantity - returned.get(line.id, Decimal())
        if line.verdict is Verdict.GOOD and left > 0:
            shown.append({
                "id": line.id, "item": line.order_line.description, "code": line.order_line.item.code,
                "lot": line.lot, "serial": line.serial, "left": left, "uom": line.order_line.uom,
            })  # fmt: skip
    return shown


def checked_lines(receipt: Receipt, stocked: dict[tuple[int, str], date | None]) -> list[dict[str, Any]]:
    """What was entered, what stays open once it is posted, and what to look at twice.

    `stocked` are the expiry dates of lots on hand, by item and lot.
    """
    entered = {line.order_line_id: Decimal() for line in receipt.lines}
    for line in good_lines(receipt):
        entered[line.order_line_id] += line.quantity
    if receipt.state is not ReceiptState.ENTERED:
        entered = dict.fromkeys(entered, Decimal())
    return [_checked(line, entered[line.order_line_id], stocked) for line in receipt.lines]


def _checked(
    line: ReceiptLine, entered: Decimal, stocked: dict[tuple[int, str], date | None]
) -> dict[str, Any]:
    ordered = line.order_line
    over = entered - ordered.quantities.outstanding
    doubts = []
    if entered and over > 0:
        doubts.append(f"{plain(over)} {ordered.uom} more than ordered")
    known = stocked.get((ordered.item_id, line.lot)) if entered else None
    if known is not None and line.expires_on is not None and known != line.expires_on:
        doubts.append(f"lot {line.lot} on hand expires {day(known)}; posting changes it")
    return {
        "item": ordered.description,
        "code": ordered.item.code,
        "uom": ordered.uom,
        "quantity": line.quantity,
        "each": line.quantity * ordered.factor,
        "base_uom": ordered.item.base_uom,
        "lot": line.lot,
        "serial": line.serial,
        "owner": "consignment" if line.owner is Owner.CONSIGNMENT else "",
        "trouble": TROUBLES.get(line.verdict, ""),
        "expires_on": line.expires_on,
        "remaining": max(-over, Decimal()) if entered else ordered.quantities.outstanding,
        "doubts": doubts,
        "tone": "warning" if doubts or line.verdict is not Verdict.GOOD else "",
    }
