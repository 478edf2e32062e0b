"""Decides what waits beyond approval; with the last yes it is done at once."""

from collections.abc import Callable

from sqlalchemy import select

from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import Invalid, NotAllowed
from portal.orders.differences import services as differences
from portal.orders.differences.models import LineDecision
from portal.orders.differences.rules import Act
from portal.orders.proposals import approvers
from portal.orders.proposals.asking import asked_of, lock, record
from portal.orders.proposals.models import OrderProposal, ProposalQuestion
from portal.orders.proposals.queries import open_questions
from portal.orders.proposals.rules import ProposalKind, ProposalState
from portal.orders.proposals.telling import tell_asker
from portal.orders.versions import proposing
from portal.orders.workbench import services as workbench

# Each does what was proposed, as the person who asked; its sentence tells what follows.
CARRY_OUT: dict[ProposalKind, Callable[[Actor, OrderProposal], str]] = {
    ProposalKind.CHANGE: proposing.carry_out,
    ProposalKind.PRICE: differences.take_price,
    ProposalKind.OFFER: workbench.take_offer,
    ProposalKind.ELSEWHERE: differences.take_elsewhere,
}


def waiting_for(actor: Actor) -> list[ProposalQuestion]:
    """The questions a person may decide."""
    return [one for one in open_questions() if _right(actor, one) is not None]


def _right(actor: Actor, question: ProposalQuestion) -> Actor | None:
    proposal = question.proposal
    return approvers.right_of(actor, asked_of(proposal, question), proposal.asked_by_id)


def decide(actor: Actor, question_id: int, *, approved: bool, comment: str = "") -> str:
    """Says yes or no; with the last yes it is done, with a no it is dropped and the buyer told.

    Raises NotAllowed, Conflict when it is decided or overtaken, Invalid without a reason for a no, or when
    the budget no longer covers a yes.
    """
    proposal, question = _locked(question_id)
    right = _right(actor, question)
    if right is None:
        raise NotAllowed("This is for somebody whose limit covers it to decide.")
    if not approved and not comment.strip():
        raise Invalid("Say why not; the buyer reads it.", field="comment")
    question.state = ProposalState.APPROVED if approved else ProposalState.REFUSED
    question.decided_by_id, question.decided_at = actor.account_id, clock.now()
    question.comment = comment.strip()
    record(
        actor, proposal, "decide", state=question.state, comment=question.comment, amount=question.amount,
        with_right_of=right.name,
    )  # fmt: skip
    if not approved:
        return _refused(actor, proposal, question.comment)
    if any(one.state is ProposalState.OPEN for one in proposal.questions):
        return "Approved. It waits for another approver."
    proposal.state = ProposalState.APPROVED
    told = CARRY_OUT[proposal.kind](_behalf(actor, proposal), proposal)
    tell_asker(proposal, actor, question.comment)
    return f"Approved. {told}"


def _locked(question_id: int) -> tuple[OrderProposal, ProposalQuestion]:
    known = select(ProposalQuestion.proposal_id).where(ProposalQuestion.id == question_id)
    proposal = lock(found(db.session.scalar(known), "question"))
    return proposal, next(one for one in proposal.questions if one.id == question_id)


def _refused(actor: Actor, proposal: OrderProposal, comment: str) -> str:
    proposal.state = ProposalState.REFUSED
    if proposal.work_item and proposal.line:
        is_price = proposal.kind is ProposalKind.PRICE
        db.session.add(
            LineDecision(
                order_id=proposal.line.order_id, line_id=proposal.line.id, kind=proposal.work_item.kind,
                act=Act.ACCEPT if is_price else Act.REORDER, person=actor.name,
                words=f"{actor.name} refused {proposal.changes[0]['after']}. {comment}",
            )
        )  # fmt: skip
    tell_asker(proposal, actor, comment)
    return "Refused. Nothing changes; the buyer is told."


def _behalf(actor: Actor, proposal: OrderProposal) -> Actor:
    asker = proposal.asked_by
    return Actor(
        proposal.organization_id, f"{asker.name}, approved by {actor.name}",
        account_id=asker.id, system_reason=f"approved by {actor.name}",
    )  # fmt: skip
