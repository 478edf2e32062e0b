"""A change beyond what was approved waits for whoever may approve it; then it becomes the next version."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from portal.approvals.rules import Asked
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.foundation.filters import money
from portal.orders import approvers, queries
from portal.orders.models import PurchaseOrder
from portal.orders.services import touch
from portal.orders.versions import telling
from portal.orders.versions.models import OrderProposal, ProposalQuestion
from portal.orders.versions.queries import open_proposal, open_questions, versions_of
from portal.orders.versions.rules import ProposalState, Wish
from portal.orders.versions.services import Beyond, BeyondApproval, change


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
        order = found(queries.find(order_id, lock=True), "order")
        return ask(actor, order, wishes, refused.beyond, reason=reason, location_id=location_id)
    return ""


class _Tried(Exception):
    """Ends a change that was only tried."""


def ask(
    actor: Actor,
    order: PurchaseOrder,
    wishes: Sequence[Wish],
    beyond: Sequence[Beyond],
    *,
    reason: str,
    location_id: int | None = None,
) -> str:
    """Keeps the change of a locked order as a proposal and asks the approvers; returns who, in a sentence.

    Raises Conflict while another change waits, Invalid beyond a blocking budget or everybody's limit.
    """
    if open_proposal(order) is not None:
        raise Conflict(f"A change of {order.number} waits for an approver already. Withdraw it first.")
    changes = _tried(actor, order, wishes, reason=reason, location_id=location_id)
    order = found(queries.find(order.id, lock=True), "order")
    proposal = OrderProposal(
        order=order, seen=order.version, wishes=[_kept(one) for one in wishes], location_id=location_id,
        changes=changes, reason=reason.strip(), asked_by_id=actor.account_id, questions=_questions(beyond),
    )  # fmt: skip
    named = [_named(order, question, actor) for question in proposal.questions]
    db.session.add(proposal)
    touch(order)
    db.session.flush()  # the mails name the proposal
    asked = " and ".join(" or ".join(one.values()) for one in named)
    audit.record(
        actor, "order.ask_change", order,
        after={"changes": changes, "reason": proposal.reason, "asked": asked},
        evidence={"amounts": [str(one.amount) for one in proposal.questions]},
    )  # fmt: skip
    proposal = found(open_proposal(order), "change")  # with who asks
    telling.tell_deciders(proposal, {account_id for one in named for account_id in one})
    return f"This costs more than was approved. {asked} is asked; {order.number} stays as it is until then."


def _tried(
    actor: Actor, order: PurchaseOrder, wishes: Sequence[Wish], *, reason: str, location_id: int | None
) -> list[Any]:
    """What the change would do, once approved; raises what else stands in its way. Nothing of it stays."""
    changes: list[Any] = []
    try:
        with db.session.begin_nested():
            change(
                actor, order.id, wishes,
                reason=reason, seen=order.version, location_id=location_id, is_approved=True,
            )  # fmt: skip
            changes = versions_of(order.id)[0].changes
            raise _Tried
    except _Tried:
        return changes


def _questions(beyond: Sequence[Beyond]) -> list[ProposalQuestion]:
    """One for each request and cost center; the limit covers what its approver approved, and what is new."""
    asked: dict[tuple[int, int], ProposalQuestion] = {}
    for one in beyond:
        line = one.requested
        step = approvers.step_of(line.id)
        center_id = step.cost_center_id if step else found(line.cost_center_id, "cost center")
        question = asked.get((line.requisition_id, center_id))
        if question is None:
            question = asked[line.requisition_id, center_id] = ProposalQuestion(
                requisition=line.requisition, cost_center_id=center_id, approved=Decimal(), amount=Decimal(),
                lines={}, limit_needed=step.amount if step else Decimal(),
            )  # fmt: skip
        question.approved += one.approved
        question.amount += one.total
        question.lines = {**question.lines, str(line.id): str(one.total)}
        question.limit_needed += one.total - (one.approved if step else Decimal())
    return list(asked.values())


def _named(order: PurchaseOrder, question: ProposalQuestion, actor: Actor) -> dict[int, str]:
    deciders = approvers.deciders(asked_of(order, question), actor.account_id or 0)
    if not deciders:
        raise Invalid(
            f"{question.requisition.number} would cost {money(question.amount, order.currency)}, and "
            f"nobody's limit covers {money(question.limit_needed, order.currency)}. Order less, or request "
            "the rest anew."
        )
    return deciders


def asked_of(order: PurchaseOrder, question: ProposalQuestion) -> Asked:
    """What a question asks: a limit that covers the new amount, where the request was made."""
    return Asked(
        requester_id=question.requisition.requester_id,
        facility_id=order.location.facility_id,
        cost_center_id=question.cost_center_id,
        amount=question.limit_needed,
    )


def waiting_for(actor: Actor) -> list[ProposalQuestion]:
    """The questions a person may decide."""
    return [one for one in open_questions() if _right(actor, one) is not None]


def holders(proposal: OrderProposal, order: PurchaseOrder) -> list[str]:
    """Who has a proposal that waits."""
    waiting = [one for one in proposal.questions if one.state is ProposalState.OPEN]
    named = [approvers.deciders(asked_of(order, one), proposal.asked_by_id) for one in waiting]
    return list(dict.fromkeys(name for names in named for name in names.values()))


def _right(actor: Actor, question: ProposalQuestion) -> Actor | None:
    proposal = question.proposal
    return approvers.right_of(actor, asked_of(proposal.order, question), proposal.asked_by_id)


def decide(actor: Actor, question_id: int, *, approved: bool, comment: str = "") -> str:
    """Says yes or no; with the last yes the version is made, with a no it is dropped and the buyer told.

    Raises NotAllowed, Conflict when it is decided or the order changed meanwhile, Invalid without a reason
    for a no, or when the budget no longer covers a yes.
    """
    question = _locked(question_id)
    proposal, order = question.proposal, question.proposal.order
    right = _right(actor, question)
    if right is None:
        raise NotAllowed("This change is for somebody whose limit covers it to decide.")
    if not approved and not comment.strip():
        raise Invalid("Say why not; the buyer reads it.", field="comment")
    question.state = ProposalState.APPROVED if approved else ProposalState.REFUSED
    question.decided_by_id, question.decided_at = actor.account_id, clock.now()
    question.comment = comment.strip()
    touch(order)
    audit.record(
        actor, "order.decide_change", order,
        after={"state": question.state, "comment": question.comment, "amount": question.amount,
               "with_right_of": right.name},
    )  # fmt: skip
    if not approved:
        proposal.state = ProposalState.REFUSED
        telling.tell_asker(proposal, actor, question.comment)
        return "Refused. The order stays as it is; the buyer is told."
    if any(one.state is ProposalState.OPEN for one in proposal.questions):
        return "Approved. The change waits for another approver."
    proposal.state = ProposalState.APPROVED
    _make(actor, proposal)
    telling.tell_asker(proposal, actor, question.comment)
    return "Approved. The order, the budget and the ERP follow."


def _locked(question_id: int) -> ProposalQuestion:
    question = found(db.session.get(ProposalQuestion, question_id), "question")
    statement = select(OrderProposal.order_id).where(OrderProposal.id == question.proposal_id)
    order = found(queries.find(db.session.scalars(statement).one(), lock=True), "order")
    waiting = {one.id: one for one in open_questions()}
    if question_id not in waiting:
        raise Conflict(f"This change is decided or withdrawn already, or {order.number} was changed since.")
    question = waiting[question_id]
    question.proposal = found(open_proposal(order), "change")
    question.proposal.order = order
    return question


def _make(actor: Actor, proposal: OrderProposal) -> None:
    asker = proposal.asked_by
    behalf = Actor(
        proposal.order.organization_id, f"{asker.name}, approved by {actor.name}",
        account_id=asker.id, system_reason=f"change approved by {actor.name}",
    )  # fmt: skip
    change(
        behalf, proposal.order.id, [_wish(one) for one in proposal.wishes], reason=proposal.reason,
        seen=proposal.seen, location_id=proposal.location_id, is_approved=True,
    )  # fmt: skip


def withdraw(actor: Actor, order_id: int) -> None:
    """Takes the change that waits back; raises Conflict when none does."""
    order = found(queries.find(order_id, lock=True), "order")
    actor.require(Permission.BUY, facility_id=order.location.facility_id)
    proposal = open_proposal(order)
    if proposal is None:
        raise Conflict(f"No change of {order.number} waits any more.")
    proposal.state = ProposalState.WITHDRAWN
    touch(order)
    audit.record(actor, "order.withdraw_change", order, after={"reason": proposal.reason})


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
