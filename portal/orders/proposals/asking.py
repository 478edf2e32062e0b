"""Asks whoever may approve what a proposal costs beyond what was approved; never the person who asks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

from sqlalchemy import ColumnElement

from portal.approvals.rules import Asked
from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.filters import money
from portal.orders import queries as orders
from portal.orders.proposals import approvers, queries, telling
from portal.orders.proposals.models import OrderProposal, ProposalQuestion
from portal.orders.proposals.queries import is_overtaken
from portal.orders.proposals.rules import ProposalKind, ProposalState
from portal.orders.proposals.weighing import Cost
from portal.orders.services import touch


@contextmanager
def tried() -> Iterator[None]:
    """Nothing of what is done inside stays; what stands in its way is raised."""
    attempt = db.session.begin_nested()
    try:
        yield
    finally:
        attempt.rollback()


def ask(actor: Actor, proposal: OrderProposal, beyond: Sequence[Cost]) -> str:
    """Keeps a proposal about what is locked and asks the approvers; returns who, in a sentence.

    Raises Conflict while another one about the same waits, Invalid when nobody's limit covers it.
    """
    _make_way(proposal)
    proposal.reason = proposal.reason.strip()
    proposal.asked_by_id, proposal.questions = found(actor.account_id, "account"), _questions(beyond)
    named = [_named(proposal, question) for question in proposal.questions]
    db.session.add(proposal)
    db.session.flush()  # the mails name the proposal
    asked = " and ".join(dict.fromkeys(" or ".join(one.values()) for one in named))
    record(
        actor, proposal, "ask", asked=asked, changes=proposal.changes, reason=proposal.reason,
        amounts=[str(one.amount) for one in proposal.questions],
    )  # fmt: skip
    telling.tell_deciders(proposal, actor, {account_id for one in named for account_id in one})
    return f"This costs more than was approved. {asked} is asked; nothing changes until then."


def _make_way(proposal: OrderProposal) -> None:
    for waiting in queries.waiting(*_same(proposal)):
        if not is_overtaken(waiting):
            raise Conflict(f"{waiting.heading} waits for an approver already. Withdraw it first.")
        waiting.state = ProposalState.WITHDRAWN
    db.session.flush()


def _same(proposal: OrderProposal) -> tuple[ColumnElement[bool], ...]:
    if proposal.line:
        return (OrderProposal.line_id == proposal.line.id,)
    if proposal.requisition_line:
        return (OrderProposal.requisition_line_id == proposal.requisition_line.id,)
    order = found(proposal.order, "order")
    return OrderProposal.order_id == order.id, OrderProposal.kind == ProposalKind.CHANGE


def _questions(beyond: Sequence[Cost]) -> list[ProposalQuestion]:
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


def _named(proposal: OrderProposal, question: ProposalQuestion) -> dict[int, str]:
    deciders = approvers.deciders(asked_of(proposal, question), proposal.asked_by_id)
    if not deciders:
        currency = question.requisition.currency
        raise Invalid(
            f"{question.requisition.number} would cost {money(question.amount, currency)}, and "
            f"nobody's limit covers {money(question.limit_needed, currency)}. Order less or from somebody "
            "else, or request the rest anew."
        )
    return deciders


def asked_of(proposal: OrderProposal, question: ProposalQuestion) -> Asked:
    """What a question asks: a limit that covers the new amount, where the request was made."""
    return Asked(
        requester_id=question.requisition.requester_id,
        facility_id=proposal.place.facility_id,
        cost_center_id=question.cost_center_id,
        amount=question.limit_needed,
    )


def holders(proposal: OrderProposal) -> list[str]:
    """Who has a proposal that waits."""
    waiting = [one for one in proposal.questions if one.state is ProposalState.OPEN]
    named = [approvers.deciders(asked_of(proposal, one), proposal.asked_by_id) for one in waiting]
    return list(dict.fromkeys(name for names in named for name in names.values()))


def lock(proposal_id: int) -> OrderProposal:
    """The proposal, with what it is about locked and read anew; raises Conflict once it waits no more."""
    proposal = found(db.session.get(OrderProposal, proposal_id), "proposal")
    if proposal.order_id is not None:
        found(orders.find(proposal.order_id, lock=True), "order")
    else:
        orders.lock_lines([found(proposal.requisition_line_id, "line")])
    waiting = queries.open_proposals(OrderProposal.id == proposal_id)
    if not waiting:
        raise Conflict("This was decided or withdrawn already, or what it is about was changed since.")
    return waiting[0]


def withdraw(actor: Actor, proposal_id: int) -> OrderProposal:
    """Takes back what waits; raises Conflict when it waits no more."""
    proposal = lock(proposal_id)
    actor.require(Permission.BUY, facility_id=proposal.place.facility_id)
    proposal.state = ProposalState.WITHDRAWN
    record(actor, proposal, "withdraw", reason=proposal.reason)
    return proposal


def record(actor: Actor, proposal: OrderProposal, what: str, **after: object) -> None:
    """Notes what became of a proposal with what it is about."""
    if proposal.order:
        touch(proposal.order)
        audit.record(actor, f"order.{what}_change", proposal.order, after=after)
    else:
        line = found(proposal.requisition_line, "line")
        after["requisition"] = line.requisition.number
        audit.record(actor, f"requisition_line.{what}_change", line, after=after)
