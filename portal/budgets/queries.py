"""Reading budgets: which applies, what is held, by which documents."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from portal.budgets.models import Budget, BudgetEntry
from portal.budgets.rules import Balance, Term
from portal.foundation.db import db


@dataclass(frozen=True)
class Held:
    """What one document holds in one term of a budget."""

    term: Term
    document_type: str
    document_id: int
    document: str
    amount: Decimal
    since: datetime


def budgets_on(day: date, cost_center_ids: Iterable[int]) -> dict[int, Budget]:
    """The budget of each cost center whose period holds the day; cost centers without one are absent."""
    rows = db.session.scalars(
        select(Budget)
        .where(
            Budget.cost_center_id.in_(set(cost_center_ids)),
            Budget.period_start <= day,
            Budget.period_end >= day,
        )
        .options(joinedload(Budget.cost_center))
    )
    return {budget.cost_center_id: budget for budget in rows}


def balances(budgets: Iterable[Budget]) -> dict[int, Balance]:
    """The balance of each budget by its id, in one query."""
    amounts = {budget.id: budget.amount for budget in budgets}
    sums: dict[int, dict[str, Decimal]] = {}
    for budget_id, term, held in db.session.execute(
        select(BudgetEntry.budget_id, BudgetEntry.term, func.sum(BudgetEntry.amount))
        .where(BudgetEntry.budget_id.in_(amounts))
        .group_by(BudgetEntry.budget_id, BudgetEntry.term)
    ):
        sums.setdefault(budget_id, {})[term.value] = held
    return {budget_id: Balance(amount, **sums.get(budget_id, {})) for budget_id, amount in amounts.items()}


def held_documents(budget_id: int) -> list[Held]:
    """The documents that make up "not available", those that hold nothing any more left out."""
    amount = func.sum(BudgetEntry.amount)
    rows = db.session.execute(
        select(
            BudgetEntry.term,
            BudgetEntry.document_type,
            BudgetEntry.document_id,
            BudgetEntry.document,
            amount,
            func.min(BudgetEntry.at),
        )
        .where(BudgetEntry.budget_id == budget_id)
        .group_by(BudgetEntry.term, BudgetEntry.document_type, BudgetEntry.document_id, BudgetEntry.document)
        .having(amount != 0)
        .order_by(BudgetEntry.term, func.min(BudgetEntry.at))
    )
    return [Held(*row) for row in rows]


def find(budget_id: int) -> Budget | None:
    """The budget with its cost center."""
    return db.session.scalar(
        select(Budget).where(Budget.id == budget_id).options(joinedload(Budget.cost_center))
    )


def listing(cost_center_ids: frozenset[int] | None) -> list[Budget]:
    """Budgets of the given cost centers (None means all), by cost center and period."""
    statement = select(Budget).options(joinedload(Budget.cost_center)).order_by(Budget.cost_center_id)
    if cost_center_ids is not None:
        statement = statement.where(Budget.cost_center_id.in_(cost_center_ids))
    return list(db.session.scalars(statement.order_by(Budget.period_start)))
