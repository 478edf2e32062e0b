"""Takes back what was cancelled of an order: the lines wait for it again, the budget holds it again."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from portal.budgets import services as budgets
from portal.budgets.rules import Term
from portal.budgets.services import Change
from portal.foundation import audit
from portal.foundation.access import Actor
from portal.foundation.quantity import plain
from portal.orders.blanket.services import keep_within
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.proposals.weighing import refuse_beyond_budget
from portal.orders.review import recompute
from portal.orders.services import document_of
from portal.orders.versions.announcing import next_version
from portal.orders.versions.services import held


def restore_rests(
    actor: Actor, order: PurchaseOrder, rests: Mapping[int, Decimal], reason: str
) -> dict[int, Decimal]:
    """Of each line (by id) so much is expected again, at most what is still cancelled; returns what is.

    The order is locked by the caller, who has seen to the permission. Raises Invalid where a blocking budget
    or the blanket order does not cover it any more, Conflict while a partner is taking the order.
    """
    before = held(order)
    backs = {line.id: min(rests.get(line.id, Decimal()), _cancelled(line)) for line in order.lines}
    restored = [line for line in order.lines if backs[line.id] > 0]
    told = [_restore(actor, order, line, backs[line.id], reason) for line in restored]
    if not told:
        return {}
    after = held(order)
    changes = [
        Change(line_id, Term.ORDERED, after[line_id] - before[line_id], document_of(order))
        for line_id in sorted({*before, *after})
    ]
    budgets.post(changes)
    refuse_beyond_budget({one.requisition_line_id for one in changes if one.amount > 0}, order.currency)
    keep_within(order)
    recompute(order)
    next_version(actor, order, reason, told)
    return {line.id: backs[line.id] for line in restored}


def _cancelled(line: PurchaseOrderLine) -> Decimal:
    """What went to another line does not come back."""
    return line.cancelled - sum((one.moved for one in line.sources), Decimal())


def _restore(
    actor: Actor, order: PurchaseOrder, line: PurchaseOrderLine, back: Decimal, reason: str
) -> dict[str, Any]:
    cancelled, wanted = line.cancelled, line.quantities.wanted
    line.cancelled -= back
    audit.record(
        actor, "order_line.restore", line, before={"cancelled": cancelled},
        after={"cancelled": line.cancelled, "reason": reason.strip(), "order": order.number},
    )  # fmt: skip
    return {
        "line": line.line_number, "item": line.description, "what": "quantity",
        "before": f"{plain(wanted)} {line.uom}", "after": f"{plain(wanted + back)} {line.uom}",
    }  # fmt: skip
