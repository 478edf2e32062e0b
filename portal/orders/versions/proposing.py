"""A change of an order; beyond what was approved it waits for the approvers first."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.orders import queries
from portal.orders.models import PurchaseOrder
from portal.orders.proposals.asking import ask, tried
from portal.orders.proposals.models import OrderProposal
from portal.orders.proposals.rules import ProposalKind
from portal.orders.proposals.weighing import BeyondApproval, Cost
from portal.orders.versions.queries import versions_of
from portal.orders.versions.rules import Wish
from portal.orders.versions.services import change


def change_or_ask(
    actor: Actor,
    order_id: int,
    wishes: Sequence[Wish],
    *,
    reason: str,
    seen: int,
    location_id: int | None = None,
) -> str:
    """Changes the order, or asks whoever may approve what it costs beyond what was approved.

    Returns who is asked, in a sentence; nothing when the version is made. Raises as `change` does, Conflict
    while another change of the order waits, Invalid when nobody's limit covers it.
    """
    try:
        with db.session.begin_nested():
            change(actor, order_id, wishes, reason=reason, seen=seen, location_id=location_id)
    except BeyondApproval as refused:
        return propose(actor, order_id, wishes, refused.beyond, reason=reason, location_id=location_id)
    return ""


def propose(
    actor: Actor,
    order_id: int,
    wishes: Sequence[Wish],
    beyond: Sequence[Cost],
    *,
    reason: str,
    location_id: int | None = None,
) -> str:
    """Asks the approvers about a change; returns who, in a sentence.

    Raises Conflict while another change waits, Invalid beyond a blocking budget or everybody's limit.
    """
    changes = would_change(actor, order_id, wishes, reason=reason, location_id=location_id)
    order = _locked(order_id)
    proposal = OrderProposal(
        kind=ProposalKind.CHANGE, order=order, seen=order.version, wishes=[_kept(one) for one in wishes],
        location_id=location_id, changes=changes, reason=reason,
    )  # fmt: skip
    return ask(actor, proposal, beyond)


def would_change(
    actor: Actor, order_id: int, wishes: Sequence[Wish], *, reason: str, location_id: int | None = None
) -> list[Any]:
    """What a change would do, once approved; raises what else stands in its way. Nothing of it stays."""
    order = _locked(order_id)
    with tried():
        change(
            actor, order_id, wishes,
            reason=reason, seen=order.version, location_id=location_id, is_approved=True,
        )  # fmt: skip
        return versions_of(order_id)[0].changes


def carry_out(actor: Actor, proposal: OrderProposal) -> str:
    """Makes the version; returns what follows. Raises as `change` does."""
    order = found(proposal.order, "order")
    change(
        actor, order.id, [_wish(one) for one in proposal.wishes], reason=proposal.reason,
        seen=order.version, location_id=proposal.location_id, is_approved=True,
    )  # fmt: skip
    return "The order, the budget and the ERP follow."


def _locked(order_id: int) -> PurchaseOrder:
    return found(queries.find(order_id, lock=True), "order")


def _kept(wish: Wish) -> dict[str, Any]:
    return {
        "line_id": wish.line_id, "quantity": str(wish.quantity),
        "needed_on": wish.needed_on.isoformat(), "unit_price": str(wish.unit_price),
    }  # fmt: skip


def _wish(kept: dict[str, Any]) -> Wish:
    return Wish(
        kept["line_id"],
        Decimal(kept["quantity"]),
        date.fromisoformat(kept["needed_on"]),
        Decimal(kept["unit_price"]),
    )
