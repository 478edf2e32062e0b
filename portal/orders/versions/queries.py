"""Reading versions of orders, and what a change is weighed against."""

from collections.abc import Collection
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from portal.foundation.db import db
from portal.masterdata.models import Location
from portal.orders.differences.models import PriceQuestion
from portal.orders.differences.rules import AskState
from portal.orders.models import OrderVersion, PurchaseOrder, PurchaseOrderLine, PurchaseOrderSource
from portal.orders.versions.models import OrderProposal, ProposalQuestion
from portal.orders.versions.rules import ProposalState
from portal.requisitions.models import Requisition, RequisitionLine


def versions_of(order_id: int) -> list[OrderVersion]:
    """The later versions of an order, newest first."""
    return list(
        db.session.scalars(
            select(OrderVersion).where(OrderVersion.order_id == order_id).order_by(OrderVersion.number.desc())
        )
    )


def places_of(facility_id: int) -> list[Location]:
    """The places of a facility that goods may be shipped to, by name."""
    return list(
        db.session.scalars(
            select(Location)
            .where(Location.facility_id == facility_id, Location.active)
            .options(joinedload(Location.facility))
            .order_by(Location.name)
        )
    )


def ordered_for(requisition_line_ids: Collection[int], *, but: int) -> dict[int, Decimal]:
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
    prices = db.session.execute(
        select(PriceQuestion.requisition_line_id, PriceQuestion.amount).where(
            PriceQuestion.requisition_line_id.in_(requisition_line_ids),
            PriceQuestion.state == AskState.APPROVED,
        )
    )
    changes = db.session.scalars(
        select(ProposalQuestion.lines)
        .join(ProposalQuestion.proposal)
        .join(RequisitionLine, RequisitionLine.requisition_id == ProposalQuestion.requisition_id)
        .where(RequisitionLine.id.in_(requisition_line_ids), OrderProposal.state == ProposalState.APPROVED)
    )
    known = [(line_id, amount) for line_id, amount in prices]
    known += [(int(line_id), Decimal(amount)) for lines in changes for line_id, amount in lines.items()]
    most: dict[int, Decimal] = {}
    for line_id, amount in known:
        most[line_id] = max(amount, most.get(line_id, amount))
    return most


def open_proposal(order: PurchaseOrder) -> OrderProposal | None:
    """The change of an order that waits for approvers, with what it asks; an overtaken one waits no more."""
    return db.session.scalar(
        select(OrderProposal)
        .where(
            OrderProposal.order_id == order.id,
            OrderProposal.seen == order.version,
            OrderProposal.state == ProposalState.OPEN,
        )
        .options(
            joinedload(OrderProposal.asked_by),
            selectinload(OrderProposal.questions).joinedload(ProposalQuestion.requisition),
        )
    )


def open_questions() -> list[ProposalQuestion]:
    """Every question about a change that waits, the oldest first, with all that is shown of it."""
    proposal = joinedload(ProposalQuestion.proposal)
    order = proposal.joinedload(OrderProposal.order)
    return list(
        db.session.scalars(
            select(ProposalQuestion)
            .join(ProposalQuestion.proposal)
            .join(OrderProposal.order)
            .where(
                ProposalQuestion.state == ProposalState.OPEN,
                OrderProposal.state == ProposalState.OPEN,
                OrderProposal.seen == PurchaseOrder.version,
            )
            .options(
                proposal.joinedload(OrderProposal.asked_by),
                order.joinedload(PurchaseOrder.supplier),
                order.joinedload(PurchaseOrder.location),
                joinedload(ProposalQuestion.requisition).joinedload(Requisition.location),
            )
            .order_by(ProposalQuestion.id)
        )
    )
