"""Setting budgets: what a cost center may spend from which day to which, and how strictly."""

from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import select

from portal.budgets.models import Budget
from portal.budgets.queries import find
from portal.budgets.rules import Control
from portal.budgets.services import lock
from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import Json, db, found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.filters import day
from portal.masterdata.listings import categories
from portal.masterdata.models import CostCenter


@dataclass(frozen=True)
class Chosen:
    """Whose budget it is, for which category (empty: all), and its first day."""

    cost_center_id: int
    category: str
    period_start: date


@dataclass(frozen=True)
class Wanted:
    """What a budget shall be; `reason` stands in its history."""

    period_end: date
    amount: Decimal
    control: Control
    reason: str


def add(actor: Actor, chosen: Chosen, wanted: Wanted) -> Budget:
    """A budget of a cost center, or of one category in it; raises Invalid, NotFound, NotAllowed."""
    center = found(db.session.get(CostCenter, chosen.cost_center_id, with_for_update=True), "cost center")
    _require(actor, center)
    if chosen.category and chosen.category not in categories():
        raise Invalid("No item is in this category. Choose one of the list.", field="category")
    budget = Budget(
        cost_center=center,
        category=chosen.category,
        period_start=chosen.period_start,
        period_end=wanted.period_end,
        amount=wanted.amount,
        control=wanted.control,
    )
    _check_period(budget, wanted)
    db.session.add(budget)
    db.session.flush()
    audit.record(actor, "budget.set", budget, after=_said(budget, wanted))
    return budget


def change(actor: Actor, budget_id: int, wanted: Wanted, *, seen: str) -> Budget:
    """Another amount, end or control; what is held stays held.

    Raises Conflict when the amount is no longer the one the person has `seen`, Invalid, NotFound, NotAllowed.
    """
    lock([budget_id])
    budget = find(actor, budget_id)
    _require(actor, budget.cost_center)
    if str(budget.amount) != seen:
        raise Conflict(
            "Somebody changed this budget meanwhile. Look at the new amount, then change it again."
        )
    before = _said(budget, Wanted(budget.period_end, budget.amount, budget.control, ""))
    _check_period(budget, wanted)
    budget.period_end, budget.amount, budget.control = wanted.period_end, wanted.amount, wanted.control
    audit.record(actor, "budget.change", budget, before=before, after=_said(budget, wanted))
    return budget


def _require(actor: Actor, center: CostCenter) -> None:
    actor.require(Permission.MANAGE_BUDGETS, facility_id=center.facility_id, cost_center_id=center.id)


def _check_period(budget: Budget, wanted: Wanted) -> None:
    if wanted.period_end < budget.period_start:
        raise Invalid("The last day is before the first. Choose a later one.", field="period_end")
    other = db.session.scalar(
        select(Budget)
        .where(
            Budget.cost_center_id == budget.cost_center.id,
            Budget.category == budget.category,
            Budget.id.is_distinct_from(budget.id),
            Budget.period_start <= wanted.period_end,
            Budget.period_end >= budget.period_start,
        )
        .order_by(Budget.period_start)
        .limit(1)
    )
    if other is not None:
        raise Invalid(
            f"There is a budget from {day(other.period_start)} to {day(other.period_end)} already. "
            "Change that one, or choose other days.",
            field="period_end",
        )


def _said(budget: Budget, wanted: Wanted) -> Json:
    return {
        "cost_center": budget.cost_center.code,
        "category": budget.category,
        "period_start": budget.period_start,
        **asdict(wanted),
    }
