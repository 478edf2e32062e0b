"""Takes back the last receipt of an order as long as nothing of it is consumed or invoiced."""

from decimal import Decimal

from portal.exchange import services as exchange
from portal.exchange.models import Message
from portal.exchange.rules import UNFINISHED_STATES, MessageState
from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.quantity import plain
from portal.inventory import services as inventory
from portal.orders import services as order_services
from portal.orders.models import PurchaseOrder
from portal.orders.restoring import restore_rests
from portal.orders.review import settle_received
from portal.receiving import outbound, queries, troubles
from portal.receiving.models import Receipt
from portal.receiving.rules import ReceiptState
from portal.receiving.services import delivery, good_lines, locked, movement_key, received, transition


def roll_back(actor: Actor, receipt_id: int, reason: str) -> Receipt:
    """Stock, order and ERP are as if the receipt had never been; the same request again changes nothing.

    What was cancelled with the receipt is expected again, unless the budget does not cover it any more: the
    reason then says so, and it stays cancelled.

    Raises Conflict for any but the last receipt, once something of it is invoiced, or while the ERP is taking
    it; Invalid without a reason, or when something of it is not on the shelf any more.
    """
    receipt, order = locked(actor, receipt_id)
    if receipt.state is ReceiptState.REVERSED:
        return receipt
    if not reason.strip():
        raise Invalid("Say why the receipt is rolled back.", field="reason")
    _refuse_not_last(receipt, order)
    _refuse_returned(receipt)
    sentence = _expect_again(actor, receipt, order)
    if sentence:  # what was begun is undone; both are read anew
        receipt, order = locked(actor, receipt_id)
    transition(receipt, "roll back")
    receipt.reversed_at = clock.now()
    receipt.reversal_reason = " ".join(filter(None, (reason.strip(), sentence)))
    _uncount(receipt, order)
    inventory.reverse(actor, [movement_key(line) for line in good_lines(receipt)], reason)
    settle_received(order)
    received(order)
    troubles.take_back(actor, receipt)
    audit.record(
        actor, "receipt.roll_back", receipt,
        before={"state": ReceiptState.POSTED},
        after={"state": receipt.state, "reason": receipt.reversal_reason},
    )  # fmt: skip
    audit.record(actor, "order.roll_back", order, after={"receipt": receipt.number})
    _tell_erp(actor, receipt)
    return receipt


def _expect_again(actor: Actor, receipt: Receipt, order: PurchaseOrder) -> str:
    """Takes back what was cancelled with the receipt; why not, where it cannot be."""
    rests = {int(line_id): Decimal(text) for line_id, text in (receipt.cancelled or {}).items()}
    if not rests:
        return ""
    try:
        with db.session.begin_nested():
            restore_rests(actor, order, rests, f"{receipt.number} was rolled back")
            receipt.cancelled = None
    except Invalid as short:
        return f"What was cancelled with it stays cancelled. {short}"
    return ""


def _refuse_not_last(receipt: Receipt, order: PurchaseOrder) -> None:
    last = queries.last_posted(order.id)
    if last is not None and last.id != receipt.id:
        raise Conflict(
            f"Only the last receipt can be rolled back. {last.number} was posted after "
            f"{receipt.number}: roll that back first, or send the goods back to the supplier."
        )


def _refuse_returned(receipt: Receipt) -> None:
    if queries.returned([line.id for line in receipt.lines]):
        raise Conflict(
            f"Goods of {receipt.number} went back to the supplier already. Send back the rest too."
        )


def _uncount(receipt: Receipt, order: PurchaseOrder) -> None:
    lines = {line.id: line for line in order.lines}
    for one in good_lines(receipt):
        lines[one.order_line_id].received -= one.quantity
    for line_id in {one.order_line_id for one in good_lines(receipt)}:
        line = lines[line_id]
        if line.invoiced > line.received:
            raise Conflict(
                f"{plain(line.invoiced)} {line.uom} of {line.description} are invoiced already. "
                "Send the goods back to the supplier and expect a credit."
            )


def _tell_erp(actor: Actor, receipt: Receipt) -> None:
    """What the ERP has is reversed there; what has not left stays here."""
    free, count = queries.lock_messages(receipt)
    if len(free) < count or any(message.state is MessageState.WORKING for message in free):
        raise Conflict(f"{receipt.number} is being posted to the ERP at this moment. Try again in a minute.")
    for message in free:
        if message.state is MessageState.DONE:
            exchange.send(
                outbound.REVERSAL_KIND,
                outbound.reversal(receipt),
                exchange.about(receipt),
                partner_id=message.partner_id,
                key=f"{receipt.number}-reversal",
            )
        elif message.state in UNFINISHED_STATES:
            exchange.withdraw(actor, message, f"{receipt.number} was rolled back")


def taken_by_erp(message: Message) -> None:
    """The ERP has reversed the receipt."""
    actor = delivery(message)
    receipt, order = locked(actor, message.subject_id or 0)
    receipt.erp_reversal = message.reference
    order_services.touch(order)
    audit.record(actor, "receipt.reversed_in_erp", receipt, after={"erp_number": receipt.erp_reversal})


def stopped(message: Message) -> None:
    """The ERP did not reverse the receipt; the work item says why, here it stays rolled back."""
    actor = delivery(message)
    receipt, order = locked(actor, message.subject_id or 0)
    order_services.touch(order)
    audit.record(actor, "receipt.reversal_stopped", receipt, after={"cause": message.cause})
