"""Reading approval steps: the inbox of a person, the steps of a requisition."""

from typing import Any

from sqlalchemy import Select, false, or_, select
from sqlalchemy.orm import joinedload

from portal.approvals.models import ApprovalStep
from portal.approvals.rules import StepState
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.masterdata.models import Location
from portal.requisitions.models import Requisition


def inbox(actor: Actor) -> Select[Any]:
    """Open steps the person may decide, oldest first: cost center and limit fit, not the own request."""
    grants = [grant for grant in actor.grants if Permission.APPROVE in grant.permissions]
    allowed = [
        (ApprovalStep.cost_center_id == grant.cost_center_id if grant.cost_center_id else ApprovalStep.id > 0)
        & (ApprovalStep.amount <= grant.approval_limit if grant.approval_limit is not None else True)
        for grant in grants
    ]
    return (
        select(ApprovalStep)
        .join(ApprovalStep.requisition)
        .where(
            ApprovalStep.state == StepState.OPEN,
            Requisition.requester_id != actor.account_id,
            or_(false(), *allowed),
        )
        .options(
            joinedload(ApprovalStep.requisition).joinedload(Requisition.requester),
            joinedload(ApprovalStep.requisition)
            .joinedload(Requisition.location)
            .joinedload(Location.facility),
            joinedload(ApprovalStep.cost_center),
        )
        .order_by(ApprovalStep.opened_at, ApprovalStep.id)
    )


def find(step_id: int, *, lock: bool = False) -> ApprovalStep | None:
    """The step with its cost center."""
    statement = (
        select(ApprovalStep).where(ApprovalStep.id == step_id).options(joinedload(ApprovalStep.cost_center))
    )
    return db.session.scalar(statement.with_for_update(of=ApprovalStep) if lock else statement)


def steps_of(requisition_id: int) -> list[ApprovalStep]:
    """The steps of a requisition with who decided."""
    return list(
        db.session.scalars(
            select(ApprovalStep)
            .where(ApprovalStep.requisition_id == requisition_id)
            .options(joinedload(ApprovalStep.cost_center), joinedload(ApprovalStep.decided_by))
            .order_by(ApprovalStep.id)
        )
    )
