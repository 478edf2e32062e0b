"""Cancels what is open of an order line, gives its budget back and corrects documents that still wait."""

from decimal import Decimal

from portal.budgets import services as budgets
from portal.budgets.rules import Term
from portal.budgets.services import Change
from portal.exchange import services as exchange
from portal.exchange.rules import MessageState
from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.quantity import plain
from portal.identity.queries import organization
from portal.orders import outbound, queries
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.review import recompute
from portal.orders.rules import OrderStatus, overlaps, part_of
from portal.orders.services import document_of


def cancel_rest(
    actor: Actor, order_id: int, line_id: int, reason: str, *, seen: Decimal | None = None
) -> PurchaseOrder:
    """Cancels what is not on its way of a line, or, once all of it is, what did not arrive.

    `seen` is what the person was told would be cancelled of the line in all, so that a second click cancels
    nothing more. Raises Conflict when nothing is open, when that changed, or while a partner is taking the
    order; Invalid without a reason.
    """
    order = found(queries.find(order_id, lock=True), "order")
    actor.require(Permission.BUY, facility_id=order.location.facility_id)
    line = found(next((one for one in order.lines if one.id == line_id), None), "line")
    if not reason.strip():
        raise Invalid("Say why the rest is cancelled.", field="reason")
    rest = line.quantities.cancellable
    if rest == 0:
        raise Conflict(
            f"Nothing of {line.description} is open any more: it is received, invoiced or cancelled."
        )
    if seen is not None and seen != line.cancelled + rest:
        raise Conflict(
            f"The line changed meanwhile: {plain(rest)} {line.uom} of {line.description} are open now. "
            "Look at it again, then decide."
        )
    before = {"cancelled": line.cancelled}
    budgets.post(_given_back(order, line, rest))
    line.cancelled += rest
    audit.record(
        actor, "order_line.cancel", line, before=before,
        after={"cancelled": line.cancelled, "reason": reason.strip(), "order": order.number},
    )  # fmt: skip
    audit.record(
        actor, "order.cancel", order,
        after={"line": line.line_number, "quantity": plain(rest), "uom": line.uom, "reason": reason.strip()},
    )  # fmt: skip
    recompute(order)
    _correct_waiting(actor, order, reason)
    return order


def _given_back(order: PurchaseOrder, line: PurchaseOrderLine, rest: Decimal) -> list[Change]:
    """The last sources give back first, so that the first requester is served first."""
    keep = line.quantity - line.cancelled - rest
    changes: list[Change] = []
    for index, begin, end in overlaps([one.quantity for one in line.sources], keep, keep + rest):
        source = line.sources[index]
        amount = part_of(source.amount, source.quantity, begin, end)
        changes.append(Change(source.requisition_line_id, Term.ORDERED, -amount, document_of(order)))
    return changes


def _correct_waiting(actor: Actor, order: PurchaseOrder, reason: str) -> None:
    """Documents that have not left yet say what is wanted now; an order cancelled in full does not leave."""
    waiting = queries.unfinished_messages(order.id)
    locked = queries.lock_messages([message.id for message in waiting])
    # A worker that takes the order at this moment holds its message; waiting for it could deadlock.
    if len(locked) < len(waiting) or any(message.state is MessageState.WORKING for message in locked):
        raise Conflict(f"{order.number} is being handed to a partner at this moment. Try again in a minute.")
    for message in locked:
        if order.status is OrderStatus.CANCELLED:
            exchange.withdraw(actor, message, f"{order.number} is cancelled: {reason.strip()}")
        else:
            document = outbound.document(order, bill_to=organization().name)
            message.canonical = document.model_dump(mode="json")
