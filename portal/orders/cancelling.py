"""Cancels what is open of an order, gives its budget back and tells the partners."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from portal.budgets import services as budgets
from portal.budgets.rules import Term
from portal.budgets.services import Change
from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.quantity import plain
from portal.orders import queries
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.review import recompute
from portal.orders.rules import cancelled_then, overlaps, part_of
from portal.orders.services import document_of
from portal.orders.versions.announcing import next_version


def cancel_rest(
    actor: Actor, order_id: int, line_id: int, reason: str, *, seen: Decimal | None = None
) -> PurchaseOrder:
    """Cancels what is not on its way of a line, or, once all of it is, what did not arrive.

    `seen` is what the person was told would be cancelled of the line in all, so that a second click cancels
    nothing more. Raises Conflict when nothing is open, when that changed, or while a partner is taking the
    order; Invalid without a reason.
    """
    order = _locked(actor, order_id, reason)
    line = found(next((one for one in order.lines if one.id == line_id), None), "line")
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
    told = cancel_part(actor, order, line, rest, reason)
    recompute(order)
    next_version(actor, order, reason, [told])
    return order


def cancel_lines(
    actor: Actor, order: PurchaseOrder, line_ids: Collection[int], reason: str, permission: Permission
) -> dict[int, Decimal]:
    """Cancels what `cancel_rest` would of each of the lines; returns how much of each.

    The order is locked by the caller. Raises as `cancel_rest`, but nothing where nothing is open.
    """
    actor.require(permission, facility_id=order.location.facility_id)
    open_lines = [line for line in order.lines if line.id in line_ids and line.quantities.cancellable > 0]
    rests = {line.id: line.quantities.cancellable for line in open_lines}
    told = [cancel_part(actor, order, line, rests[line.id], reason) for line in open_lines]
    if told:
        recompute(order)
        next_version(actor, order, reason, told)
    return rests


def cancel_order(actor: Actor, order_id: int, reason: str, *, seen: Decimal | None = None) -> PurchaseOrder:
    """Cancels what is not on its way of every line; `seen` as for one line, the sum of all.

    Raises as `cancel_rest`.
    """
    order = _locked(actor, order_id, reason)
    open_lines = [line for line in order.lines if line.quantities.unshipped > 0]
    if not open_lines:
        raise Conflict(f"Nothing of {order.number} can be cancelled any more: it is on its way, or done.")
    if seen is not None and seen != cancelled_then([line.quantities for line in order.lines]):
        raise Conflict(f"{order.number} changed meanwhile. Look at it again, then decide.")
    told = [cancel_part(actor, order, line, line.quantities.unshipped, reason) for line in open_lines]
    recompute(order)
    next_version(actor, order, reason, told)
    return order


def _locked(actor: Actor, order_id: int, reason: str) -> PurchaseOrder:
    order = found(queries.find(order_id, lock=True), "order")
    actor.require(Permission.BUY, facility_id=order.location.facility_id)
    if not reason.strip():
        raise Invalid("Say why the rest is cancelled.", field="reason")
    return order


def cancel_part(
    actor: Actor, order: PurchaseOrder, line: PurchaseOrderLine, rest: Decimal, reason: str
) -> dict[str, Any]:
    """Cancels a quantity of a line of a locked order and gives its budget back; returns what was changed.

    The caller tells the partners (versions.announcing.next_version).
    """
    before = {"cancelled": line.cancelled}
    wanted = line.quantities.wanted
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
    return {
        "line": line.line_number, "item": line.description, "what": "quantity",
        "before": f"{plain(wanted)} {line.uom}", "after": f"{plain(wanted - rest)} {line.uom}",
    }  # fmt: skip


def _given_back(order: PurchaseOrder, line: PurchaseOrderLine, rest: Decimal) -> list[Change]:
    """The last sources give back first, so that the first requester is served first."""
    keep = line.quantity - line.cancelled - rest
    changes: list[Change] = []
    for index, begin, end in overlaps([one.quantity for one in line.sources], keep, keep + rest):
        source = line.sources[index]
        amount = part_of(source.amount, source.quantity, begin, end)
        changes.append(Change(source.requisition_line_id, Term.ORDERED, -amount, document_of(order)))
    return changes
