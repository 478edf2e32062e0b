"""Receipts in two steps: enter, then check and post to stock and ERP."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portal.exchange import services as exchange
from portal.exchange.models import Message
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission, system
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.numbering import next_number
from portal.foundation.quantity import plain
from portal.foundation.trace import follow_trace
from portal.inventory import services as inventory
from portal.inventory.rules import MovementKind
from portal.inventory.services import Move
from portal.orders import queries as orders
from portal.orders import services as order_services
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.receiving import outbound, queries
from portal.receiving.models import Receipt, ReceiptLine
from portal.receiving.rules import TRANSITIONS, ReceiptState, most_receivable
from portal.requisitions.services import today_at


@dataclass(frozen=True)
class Entry:
    """What was counted of an order line, in the order's unit."""

    order_line_id: int
    quantity: Decimal
    lot: str = ""
    expires_on: date | None = None


def enter(actor: Actor, order_id: int, *, form_key: str, entries: Sequence[Entry]) -> Receipt:
    """Keeps what was counted, for checking. The same form sent twice gives the same receipt."""
    order = found(orders.find(order_id, lock=True), "order")
    actor.require(Permission.RECEIVE, facility_id=order.location.facility_id)
    known = queries.find_by_form_key(form_key)
    if known is not None:
        return known
    if not entries:
        raise Invalid("Enter the quantity of at least one line.")
    follow_trace(order.trace_id)
    _check(order, entries)
    receipt = Receipt(
        number=next_number("GR"),
        form_key=form_key,
        order=order,
        receiver_id=actor.account_id,
        trace_id=order.trace_id,
        lines=[
            ReceiptLine(
                order_line_id=one.order_line_id,
                quantity=one.quantity,
                lot=one.lot.strip(),
                expires_on=one.expires_on,
            )
            for one in entries
        ],
    )
    db.session.add(receipt)
    db.session.flush()  # the audit row names it by its id
    audit.record(actor, "receipt.enter", receipt, after={"state": receipt.state, "order": order.number})
    return receipt


def _check(order: PurchaseOrder, entries: Sequence[Entry]) -> None:
    lines = {line.id: line for line in order.lines}
    totals: dict[int, Decimal] = defaultdict(Decimal)
    for entry in entries:
        line = found(lines.get(entry.order_line_id), "line")
        totals[line.id] += entry.quantity
        _check_lot(order, line, entry)
    for line_id, quantity in totals.items():
        line = lines[line_id]
        most = most_receivable(line.quantity - line.cancelled, line.received)
        if quantity > most:
            raise Invalid(
                f"{line.description}: {plain(quantity)} {line.uom} entered, at most {plain(most)} can be "
                "received. Count again, or ask the buyer to raise the order."
            )


def _check_lot(order: PurchaseOrder, line: PurchaseOrderLine, entry: Entry) -> None:
    if entry.quantity <= 0:
        raise Invalid(f"{line.description}: enter a quantity above zero.")
    if line.item.lot_tracked and not entry.lot.strip():
        raise Invalid(f"{line.description} is tracked by lot. Enter the lot on the pack.")
    if line.item.expiry_tracked and entry.expires_on is None:
        raise Invalid(f"{line.description} has an expiry date. Enter the date on the pack.")
    if entry.expires_on is not None and entry.expires_on < today_at(order.location):
        raise Invalid(f"{line.description}, lot {entry.lot}: expired. Set it aside and tell the buyer.")


def post(actor: Actor, receipt_id: int) -> Receipt:
    """Counts a checked receipt: stock, order, and the outbox for the ERP, in one transaction."""
    receipt, order = _locked(actor, receipt_id)
    _move(receipt, "post")
    _check(order, [Entry(one.order_line_id, one.quantity, one.lot, one.expires_on) for one in receipt.lines])
    receipt.posted_at = clock.now()
    lines = {line.id: line for line in order.lines}
    for one in receipt.lines:
        lines[one.order_line_id].received += one.quantity
    inventory.move(actor, [_stock_move(receipt, order, one) for one in receipt.lines])
    order_services.refresh(order)
    audit.record(
        actor, "receipt.post", receipt,
        before={"state": ReceiptState.ENTERED}, after={"state": receipt.state, "order": order.number},
    )  # fmt: skip
    _send(receipt)
    return receipt


def discard(actor: Actor, receipt_id: int) -> Receipt:
    """Throws away what was entered but not posted."""
    receipt, _ = _locked(actor, receipt_id)
    _move(receipt, "discard")
    audit.record(
        actor, "receipt.discard", receipt,
        before={"state": ReceiptState.ENTERED}, after={"state": receipt.state},
    )  # fmt: skip
    return receipt


def _locked(actor: Actor, receipt_id: int) -> tuple[Receipt, PurchaseOrder]:
    receipt = found(queries.find(receipt_id, lock=True), "receipt")
    order = found(orders.find(receipt.order_id, lock=True), "order")
    actor.require(Permission.RECEIVE, facility_id=order.location.facility_id)
    follow_trace(receipt.trace_id)
    return receipt, order


def _move(receipt: Receipt, action: str) -> None:
    state = TRANSITIONS.get((receipt.state, action))
    if state is None:
        raise Conflict(f"Receipt {receipt.number} is {receipt.state} already.")
    receipt.state = state


def _stock_move(receipt: Receipt, order: PurchaseOrder, line: ReceiptLine) -> Move:
    return Move(
        key=f"receipt-line-{line.id}",
        kind=MovementKind.RECEIPT,
        location_id=order.location_id,
        item_id=line.order_line.item_id,
        quantity=line.quantity * line.order_line.factor,
        lot=line.lot,
        expires_on=line.expires_on,
        document=receipt.number,
    )


def _send(receipt: Receipt) -> None:
    """Announces the receipt to the ERP, once the ERP knows the order."""
    if not receipt.order.erp_number:
        return
    for partner_id in exchange.partners_for(outbound.KIND, receipt.order.supplier_id):
        exchange.send(
            outbound.KIND,
            outbound.document(receipt),
            exchange.about(receipt),
            partner_id=partner_id,
            key=receipt.number,
        )


def send_waiting(order: PurchaseOrder) -> None:
    """Receipts posted before the ERP knew their order can go now."""
    for receipt in queries.receipts_of(order.id, state=ReceiptState.POSTED):
        _send(found(queries.find(receipt.id), "receipt"))


def taken_by_erp(message: Message) -> None:
    """The ERP has the receipt."""
    receipt = found(queries.find(message.subject_id or 0, lock=True), "receipt")
    receipt.erp_number = message.reference
    receipt.erp_posted_at = clock.now()
    actor = system(receipt.organization_id, "delivery")
    audit.record(actor, "receipt.posted_to_erp", receipt, after={"erp_number": receipt.erp_number})


def stopped(message: Message) -> None:
    """The ERP did not take the receipt; the work item says why, the receipt stands."""
    receipt = found(queries.find(message.subject_id or 0), "receipt")
    audit.record(
        system(receipt.organization_id, "delivery"), "receipt.stopped", receipt,
        after={"cause": message.cause},
    )  # fmt: skip
