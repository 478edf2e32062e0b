"""The budget ledger: hold, release, move from requested to ordered to invoiced."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select

from portal.budgets.models import Budget, BudgetEntry
from portal.budgets.rules import Term
from portal.foundation.db import db


@dataclass(frozen=True)
class Document:
    """The document that holds the money, as people call it."""

    type: str
    id: int
    number: str


@dataclass(frozen=True)
class Change:
    """An amount (positive holds, negative gives back) of one term for one requisition line."""

    requisition_line_id: int
    term: Term
    amount: Decimal
    document: Document


def lock(budget_ids: Iterable[int]) -> None:
    """Locks budgets in id order, so that two submitters wait for each other and never deadlock."""
    statement = select(Budget).where(Budget.id.in_(set(budget_ids))).order_by(Budget.id)
    # Read anew: what was known of them may be from before the wait.
    db.session.scalars(statement.with_for_update().execution_options(populate_existing=True)).all()


def hold(budget_id: int, change: Change) -> None:
    """Holds money of a budget for a requisition line."""
    _write(budget_id, change)


def post(changes: Iterable[Change]) -> None:
    """Writes changes to the budgets that their requisition lines hold; lines without budget hold nothing."""
    changes = [change for change in changes if change.amount != 0]
    budget_of: dict[int, int] = {
        row.requisition_line_id: row.budget_id
        for row in db.session.execute(
            select(BudgetEntry.requisition_line_id, BudgetEntry.budget_id)
            .where(BudgetEntry.requisition_line_id.in_({change.requisition_line_id for change in changes}))
            .distinct()
        )
    }
    lock(budget_of.values())
    for change in changes:
        budget_id = budget_of.get(change.requisition_line_id)
        if budget_id is not None:
            _write(budget_id, change)


def _write(budget_id: int, change: Change) -> None:
    db.session.add(
        BudgetEntry(
            budget_id=budget_id,
            term=change.term,
            amount=change.amount,
            requisition_line_id=change.requisition_line_id,
            document_type=change.document.type,
            document_id=change.document.id,
            document=change.document.number,
        )
    )
