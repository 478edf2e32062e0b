"""Reading proposals, and what the cost of a requested line is weighed against."""

from collections.abc import Collection
from decimal import Decimal

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, true
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from portal.exchange.models import WorkItem
from portal.foundation.access import Actor, Grant, Permission
from portal.foundation.db import db, found
from portal.masterdata.models import Location
from portal.orders.differences.rules import short_by
from portal.orders.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderSource
from portal.orders.proposals.models import OrderProposal, ProposalQuestion
from portal.orders.proposals.rules import ProposalKind, ProposalState
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import LineState
from portal.requisitions.services import open_quantity


def ordered_for(requisition_line_ids: Collection[int], *, but: int = 0) -> dict[int, Decimal]:
    """What other orders than `but` cost for each requisition line; an order's cancelled part counts less."""
    source, line = PurchaseOrderSource, PurchaseOrderLine
    kept = source.amount * (line.quantity - line.cancelled) / line.quantity
    rows = db.session.execute(
        select(source.requisition_line_id, func.sum(kept))
        .join(source.line)
        .join(line.order)
        .where(source.requisition_line_id.in_(requisition_line_ids), PurchaseOrder.id != but)
        .group_by(source.requisition_line_id)
    )
    return {row[0]: row[1] for row in rows}


def approved_since(requisition_line_ids: Collection[int]) -> dict[int, Decimal]:
    """The most that approvers said yes to, by requisition line, after the request itself was approved."""
    approved = db.session.scalars(
        select(ProposalQuestion.lines)
        .join(ProposalQuestion.proposal)
        .join(RequisitionLine, RequisitionLine.requisition_id == ProposalQuestion.requisition_id)
        .where(RequisitionLine.id.in_(requisition_line_ids), OrderProposal.state == ProposalState.APPROVED)
    )
    most: dict[int, Decimal] = {}
    for line_id, amount in (one for lines in approved for one in lines.items()):
        most[int(line_id)] = max(Decimal(amount), most.get(int(line_id), Decimal(amount)))
    return most


def _of_proposal() -> tuple[ORMOption, ...]:
    """All that is shown of a proposal."""
    order, asked = joinedload(OrderProposal.order), joinedload(OrderProposal.requisition_line)
    questions = selectinload(OrderProposal.questions)
    return (
        order.joinedload(PurchaseOrder.supplier),
        order.joinedload(PurchaseOrder.location),
        asked.joinedload(RequisitionLine.item),
        asked.joinedload(RequisitionLine.location),
        asked.joinedload(RequisitionLine.requisition).joinedload(Requisition.location),
        joinedload(OrderProposal.line),
        joinedload(OrderProposal.work_item),
        joinedload(OrderProposal.asked_by),
        questions.joinedload(ProposalQuestion.requisition),
        questions.joinedload(ProposalQuestion.proposal),
    )


def is_overtaken(proposal: OrderProposal) -> bool:
    """Whether what it asks about is another by now, so that nobody needs to decide it."""
    if proposal.kind is ProposalKind.CHANGE:
        return found(proposal.order, "order").version != proposal.seen
    if proposal.kind is ProposalKind.OFFER:
        asked = found(proposal.requisition_line, "line")
        return asked.state is not LineState.APPROVED or open_quantity(asked) <= 0
    line, item, (wish,) = found(proposal.line, "line"), proposal.work_item, proposal.wishes
    if item is not None and item.resolved_at is not None:
        return True
    if proposal.kind is ProposalKind.PRICE:
        return line.confirmed_price != Decimal(wish["unit_price"])
    return short_by(found(item, "work item").kind, line.quantities) != Decimal(wish["quantity"])


def open_proposals(*conditions: ColumnElement[bool]) -> list[OrderProposal]:
    """Proposals that wait, the oldest first, with what they ask; what was overtaken waits no more."""
    return [one for one in waiting(*conditions) if not is_overtaken(one)]


def waiting(*conditions: ColumnElement[bool]) -> list[OrderProposal]:
    """Proposals nobody decided, also of what was overtaken."""
    statement = (
        select(OrderProposal)
        .where(OrderProposal.state == ProposalState.OPEN, *conditions)
        .options(*_of_proposal())
        .order_by(OrderProposal.id)
    )
    return list(db.session.scalars(statement))


def proposals_of(order_id: int) -> list[OrderProposal]:
    """What waits about an order."""
    return open_proposals(OrderProposal.order_id == order_id)


def proposal_about(line_id: int) -> OrderProposal | None:
    """What waits about a line of an order by itself."""
    return next(iter(open_proposals(OrderProposal.line_id == line_id)), None)


def proposals_about(requisition_line_ids: Collection[int]) -> dict[int, OrderProposal]:
    """What waits about approved lines that are not ordered, by the line."""
    waiting = open_proposals(OrderProposal.requisition_line_id.in_(requisition_line_ids))
    return {found(one.requisition_line, "line").id: one for one in waiting}


def waiting_count(actor: Actor) -> Select[int]:
    """Selects how many questions wait for the person's own yes or no."""
    place = func.coalesce(PurchaseOrder.location_id, RequisitionLine.location_id, Requisition.location_id)
    still = or_(
        PurchaseOrder.version == OrderProposal.seen,
        WorkItem.resolved_at.is_(None) & OrderProposal.line_id.is_not(None),
        RequisitionLine.ordered_quantity + RequisitionLine.closed_quantity < RequisitionLine.quantity,
    )
    return (
        select(func.count(ProposalQuestion.id))
        .join(ProposalQuestion.proposal)
        .join(ProposalQuestion.requisition)
        .outerjoin(OrderProposal.order)
        .outerjoin(OrderProposal.requisition_line)
        .outerjoin(OrderProposal.work_item)
        .join(Location, Location.id == place)
        .where(
            OrderProposal.state == ProposalState.OPEN,
            ProposalQuestion.state == ProposalState.OPEN,
            OrderProposal.asked_by_id != actor.account_id,
            Requisition.requester_id != actor.account_id,
            still,
            or_(false(), *(_covered(one) for one in actor.grants if Permission.APPROVE in one.permissions)),
        )
    )


def _covered(grant: Grant) -> ColumnElement[bool]:
    center, limit = grant.cost_center_id, grant.approval_limit
    return and_(
        true() if grant.facility_id is None else Location.facility_id == grant.facility_id,
        true() if center is None else ProposalQuestion.cost_center_id == center,
        true() if limit is None else ProposalQuestion.limit_needed <= limit,
    )


def open_questions(*conditions: ColumnElement[bool]) -> list[ProposalQuestion]:
    """Every question that waits, the oldest first, with its proposal."""
    return [
        question
        for proposal in open_proposals(*conditions)
        for question in proposal.questions
        if question.state is ProposalState.OPEN
    ]
