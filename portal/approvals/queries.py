"""Reading approval steps: the inbox of a person, the steps of a requisition, who may decide."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import contains_eager, joinedload

from portal.approvals.models import ApprovalStep
from portal.approvals.rules import Asked, StepState
from portal.budgets.queries import balances, budgets_on
from portal.budgets.rules import Balance
from portal.foundation import clock
from portal.foundation.access import Actor, Grant, Permission
from portal.foundation.db import db
from portal.foundation.paging import ordered
from portal.identity.models import Account
from portal.identity.queries import assignments_with
from portal.masterdata.models import Location
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import ApprovalPart


def inbox(actor: Actor, words: str = "", sort: str = "") -> Select[Any]:
    """Open steps the person may decide: place, cost center and limit fit, not the own request.

    The oldest first; `sort` is amount, opened or number, or one of them after a minus.
    """
    allowed = [_within(grant) for grant in actor.grants if Permission.APPROVE in grant.permissions]
    found = _steps(words).where(
        ApprovalStep.state == StepState.OPEN,
        Requisition.requester_id != actor.account_id,
        or_(ApprovalStep.id.is_(None), *allowed),
    )
    return ordered(found, sort, _SORTS, [ApprovalStep.opened_at.asc(), ApprovalStep.id.asc()])


_SORTS = {
    "amount": ApprovalStep.amount,
    "opened": ApprovalStep.opened_at,
    "number": Requisition.number,
}


def decided(actor: Actor, words: str = "", sort: str = "") -> Select[Any]:
    """Steps the person decided, the last one first."""
    found = _steps(words).where(ApprovalStep.decided_by_id == actor.account_id)
    return ordered(found, sort, _SORTS, [ApprovalStep.decided_at.desc(), ApprovalStep.id.desc()])


def _steps(words: str) -> Select[Any]:
    requisition = contains_eager(ApprovalStep.requisition)
    statement = (
        select(ApprovalStep)
        .join(ApprovalStep.requisition)
        .join(Requisition.location)
        .join(Requisition.requester)
        .options(
            requisition.contains_eager(Requisition.requester),
            requisition.contains_eager(Requisition.location).joinedload(Location.facility),
            requisition.selectinload(Requisition.lines).joinedload(RequisitionLine.item),
            joinedload(ApprovalStep.cost_center),
        )
    )
    words = words.replace("\0", "").strip()
    if words:
        texts = (Requisition.number, Account.name, Location.name)
        statement = statement.where(or_(*(text.icontains(words, autoescape=True) for text in texts)))
    return statement


def balances_of(steps: Sequence[ApprovalStep]) -> dict[int, Balance]:
    """What the budgets of today have left, by cost center, for the steps of a list."""
    budgets = budgets_on(clock.today(), {step.cost_center_id for step in steps})
    held = balances(budgets.values())
    return {center_id: held[budget.id] for center_id, budget in budgets.items()}


def _within(grant: Grant) -> ColumnElement[bool]:
    """As rules.may_decide, for each step."""
    limit = grant.approval_limit
    return and_(
        true() if grant.facility_id is None else Location.facility_id == grant.facility_id,
        true() if grant.cost_center_id is None else ApprovalStep.cost_center_id == grant.cost_center_id,
        true() if limit is None else ApprovalStep.amount <= limit,
    )


def waiting_count(actor: Actor) -> int:
    """How many steps wait for the person."""
    statement = inbox(actor).with_only_columns(func.count(ApprovalStep.id)).order_by(None)
    return db.session.scalar(statement) or 0


def next_in_inbox(actor: Actor) -> int | None:
    """The id of the oldest step that waits for the person."""
    oldest: int | None = db.session.scalar(inbox(actor).with_only_columns(ApprovalStep.id).limit(1))
    return oldest


def find(step_id: int, *, lock: bool = False) -> ApprovalStep | None:
    """The step with its cost center and who decided it; `lock` waits for others and reads it anew."""
    statement = (
        select(ApprovalStep)
        .where(ApprovalStep.id == step_id)
        .options(joinedload(ApprovalStep.cost_center), joinedload(ApprovalStep.decided_by))
    )
    if lock:
        statement = statement.with_for_update(of=ApprovalStep).execution_options(populate_existing=True)
    return db.session.scalar(statement)


def asked(step: ApprovalStep, requisition: Requisition) -> Asked:
    """What the step asks, as the rules want it."""
    return Asked(
        requester_id=requisition.requester_id,
        facility_id=requisition.location.facility_id,
        cost_center_id=step.cost_center_id,
        amount=step.amount,
    )


def steps_of(requisition_id: int) -> list[ApprovalStep]:
    """The steps of a requisition with who decided."""
    return list(
        db.session.scalars(
            select(ApprovalStep)
            .where(ApprovalStep.requisition_id == requisition_id)
            .options(
                joinedload(ApprovalStep.cost_center),
                joinedload(ApprovalStep.decided_by),
                joinedload(ApprovalStep.requisition).joinedload(Requisition.location),
            )
            .order_by(ApprovalStep.id)
        )
    )


def who_may_decide(what: Asked) -> list[str]:
    """Names of the active people whose role, place, cost center and limit cover the request."""
    held = assignments_with(
        Permission.APPROVE, facility_id=what.facility_id, cost_center_id=what.cost_center_id
    )
    names = (
        one.account.name
        for one in held
        if one.account_id != what.requester_id and _is_enough(one.approval_limit, what.amount)
    )
    return list(dict.fromkeys(names))


def _is_enough(limit: Decimal | None, amount: Decimal) -> bool:
    return limit is None or limit >= amount


def parts_of(requisition_id: int) -> Sequence[ApprovalPart]:
    """What a requisition's page shows of its approvals."""
    return [
        ApprovalPart(
            step_id=step.id,
            cost_center=f"{step.cost_center.code} {step.cost_center.name}",
            amount=step.amount,
            is_open=step.state is StepState.OPEN,
            waits_for=tuple(who_may_decide(asked(step, step.requisition)))
            if step.state is StepState.OPEN
            else (),
            opened_at=step.opened_at,
            decided_by=step.decided_by.name if step.decided_by else "",
            decided_at=step.decided_at,
            comment=step.comment,
        )
        for step in steps_of(requisition_id)
    ]
