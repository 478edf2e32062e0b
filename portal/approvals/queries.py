"""Reading approval steps: the inbox of a person, the steps of a requisition, what was asked and decided."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Select, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import contains_eager, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from portal.approvals.business_hours import Hours, Patience
from portal.approvals.models import (
    ApprovalDecision,
    ApprovalPolicy,
    ApprovalQuestion,
    ApprovalStep,
    ApprovalWatcher,
    FacilityHours,
)
from portal.approvals.people import asked, deciders, may_decide_sql, persons
from portal.approvals.rules import LIVE, AnswerState, Policy, StepState
from portal.budgets.queries import balances, holding_each
from portal.budgets.rules import Balance
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.paging import ordered
from portal.foundation.together import Columns, Read
from portal.identity.models import Account
from portal.inventory.models import Stock
from portal.inventory.queries import AVAILABLE
from portal.masterdata.models import Facility, Location
from portal.masterdata.receiving_days import facility_closings
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import ApprovalPart, Question


def inbox(actor: Actor, words: str = "", sort: str = "") -> Select[Any]:
    """Open steps the person may decide, also for somebody absent; never the own request.

    The oldest first; `sort` is amount, opened or number, or one of them after a minus.
    """
    found = _steps(words).where(
        ApprovalStep.state == StepState.OPEN,
        Requisition.requester_id != actor.account_id,
        or_(*map(may_decide_sql, persons(actor))),
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
            selectinload(ApprovalStep.answers),
        )
    )
    words = words.replace("\0", "").strip()
    if words:
        texts = (Requisition.number, Account.name, Location.name)
        statement = statement.where(or_(*(text.icontains(words, autoescape=True) for text in texts)))
    return statement


def balances_of(steps: Sequence[ApprovalStep]) -> dict[int, Balance]:
    """What the budgets that pay have left, by the id of each step of a list; of several the lowest."""
    paying = holding_each({one.line_id for step in steps for one in step.answers})
    held = balances({budget.id: budget for _, budget in paying}.values())
    found: dict[int, Balance] = {}
    for step in steps:
        lines = {one.line_id for one in step.answers}
        for line_id, budget in paying:
            if line_id in lines and budget.cost_center_id == step.cost_center_id:
                found[step.id] = min(found.get(step.id, held[budget.id]), held[budget.id], key=_available)
    return found


def _available(balance: Balance) -> Decimal:
    return balance.available


def facility_of(step: ApprovalStep) -> int:
    """Where whoever decides a step works: where its cost center belongs, else where it was asked for."""
    return step.cost_center.facility_id or step.requisition.location.facility_id


def stocked(steps: Sequence[ApprovalStep]) -> set[tuple[int, int]]:
    """Where (location, item) something is on hand of what the steps of a list ask for."""
    wanted = [
        (line.location_id or step.requisition.location_id, line.item_id)
        for step in steps
        for line in step.requisition.lines
    ]
    places = tuple_(Stock.location_id, Stock.item_id)
    there = (
        select(Stock.location_id, Stock.item_id)
        .where(Stock.on_hand > 0, AVAILABLE, places.in_(set(wanted)))
        .distinct()
    )
    return {(location_id, item_id) for location_id, item_id in db.session.execute(there)}


def waiting_count(actor: Actor) -> Select[int]:
    """Selects how many steps wait for the person."""
    return inbox(actor).with_only_columns(func.count(ApprovalStep.id)).order_by(None)


def next_in_inbox(actor: Actor) -> int | None:
    """The id of the oldest step that waits for the person."""
    oldest: int | None = db.session.scalar(inbox(actor).with_only_columns(ApprovalStep.id).limit(1))
    return oldest


def _of_step() -> tuple[ORMOption, ...]:
    return (
        joinedload(ApprovalStep.cost_center),
        joinedload(ApprovalStep.decided_by),
        joinedload(ApprovalStep.on_behalf_of),
        joinedload(ApprovalStep.assigned_to),
        selectinload(ApprovalStep.answers),
    )


def find(step_id: int, *, lock: bool = False) -> ApprovalStep | None:
    """The step with its answers and who decided it; `lock` waits for others and reads it anew."""
    statement = select(ApprovalStep).where(ApprovalStep.id == step_id).options(*_of_step())
    if lock:
        statement = statement.with_for_update(of=ApprovalStep).execution_options(populate_existing=True)
    return db.session.scalar(statement)


def steps_of(requisition_id: int) -> list[ApprovalStep]:
    """The steps of a requisition in their order, with answers and who decided."""
    return list(
        db.session.scalars(
            select(ApprovalStep)
            .where(ApprovalStep.requisition_id == requisition_id)
            .options(*_of_step(), joinedload(ApprovalStep.requisition).joinedload(Requisition.location))
            .order_by(ApprovalStep.cost_center_id, ApprovalStep.position, ApprovalStep.id)
        )
    )


def parts_of(requisition_id: int) -> Sequence[ApprovalPart]:
    """What a requisition's page shows of its approvals."""
    questions = questions_of(requisition_id)
    return [
        _part(step, [one for one in questions if one.step_id == step.id])
        for step in steps_of(requisition_id)
        if step.state is not StepState.SKIPPED
    ]


def _part(step: ApprovalStep, questions: Sequence[ApprovalQuestion]) -> ApprovalPart:
    by = step.decided_by.name if step.decided_by else ""
    for_whom = f" for {step.on_behalf_of.name}" if step.on_behalf_of else ""
    is_open = step.state is StepState.OPEN
    return ApprovalPart(
        step_id=step.id,
        cost_center=f"{step.cost_center.code} {step.cost_center.name}",
        amount=step.amount,
        is_open=step.state in LIVE,
        waits_for=tuple(deciders(asked(step, step.requisition)).values()) if step.state in LIVE else (),
        opened_at=step.opened_at if is_open else None,
        decided_by=f"{by}{for_whom}",
        decided_at=step.decided_at,
        comment=step.comment,
        why=step.why,
        held=tuple(one.reason for one in step.answers if one.state is AnswerState.HELD),
        questions=tuple(Question(one.id, one.asked_by.name, one.text, one.answer) for one in questions),
    )


# What was asked and decided


def questions_of(requisition_id: int) -> list[ApprovalQuestion]:
    """The questions about a requisition, the oldest first."""
    return list(
        db.session.scalars(
            select(ApprovalQuestion)
            .join(ApprovalQuestion.step)
            .where(ApprovalStep.requisition_id == requisition_id)
            .options(joinedload(ApprovalQuestion.asked_by))
            .order_by(ApprovalQuestion.id)
        )
    )


def question(question_id: int) -> ApprovalQuestion | None:
    """A question with its step."""
    statement = (
        select(ApprovalQuestion)
        .where(ApprovalQuestion.id == question_id)
        .options(joinedload(ApprovalQuestion.asked_by), joinedload(ApprovalQuestion.step))
        .with_for_update(of=ApprovalQuestion)
    )
    return db.session.scalar(statement)


def _told() -> Select[Any]:
    return select(ApprovalDecision).options(
        joinedload(ApprovalDecision.account), joinedload(ApprovalDecision.on_behalf_of)
    )


def decisions_of(requisition_id: int) -> list[ApprovalDecision]:
    """Everything that was decided about a requisition, the oldest first."""
    statement = _told().where(ApprovalDecision.requisition_id == requisition_id)
    return list(db.session.scalars(statement.order_by(ApprovalDecision.id)))


def decisions(actor: Actor, *, everything: bool, since: datetime, most: int) -> list[ApprovalDecision]:
    """The newest decisions since an instant: all of the organization, or those of the person."""
    own = or_(
        ApprovalDecision.account_id == actor.account_id, ApprovalDecision.on_behalf_of_id == actor.account_id
    )
    statement = (
        _told()
        .where(ApprovalDecision.at >= since)
        .options(
            joinedload(ApprovalDecision.requisition),
            joinedload(ApprovalDecision.step).joinedload(ApprovalStep.cost_center),
        )
        .order_by(ApprovalDecision.id.desc())
        .limit(most)
    )
    return list(db.session.scalars(statement if everything else statement.where(own)))


def watchers_of(requisition_id: int) -> list[Account]:
    """Who watches a requisition, by name."""
    return list(
        db.session.scalars(
            select(Account)
            .join(ApprovalWatcher, ApprovalWatcher.account_id == Account.id)
            .where(ApprovalWatcher.requisition_id == requisition_id)
            .order_by(Account.name, Account.id)
        )
    )


def policy_row() -> ApprovalPolicy | None:
    """What counts now."""
    return db.session.scalar(select(ApprovalPolicy).order_by(ApprovalPolicy.id.desc()).limit(1))


def patience() -> Patience:
    """How long people may wait, and when the facilities work."""
    row, closed, own = policy_row(), facility_closings(), facility_hours()
    zones = {one.id: one.time_zone for one in db.session.scalars(select(Facility))}
    if row is None:
        return Patience(closed=closed, own=own, zones=zones)
    hours = Hours(row.opens, row.closes, frozenset(row.weekdays))
    return Patience(row.remind_after, row.escalate_after, hours, closed, own, zones)


def facility_hours() -> dict[int, Hours]:
    """The hours of the facilities that have hours of their own, by facility."""
    row = FacilityHours
    newest = select(row).ext(distinct_on(row.facility_id)).order_by(row.facility_id, row.id.desc())
    return {
        one.facility_id: Hours(one.opens, one.closes, frozenset(one.weekdays))
        for one in db.session.scalars(newest)
        if one.opens is not None and one.closes is not None
    }


def policy() -> Read[Policy]:
    """What counts now, as the rules want it."""
    return Read(
        _policy(),
        {},
        lambda rows: Policy(rows[0][0], frozenset(rows[0][1])) if rows else Policy(),
    )


@cache
def _policy() -> Columns:
    newest = select(ApprovalPolicy.off_contract_above, ApprovalPolicy.categories)
    return newest.order_by(ApprovalPolicy.id.desc()).limit(1)
