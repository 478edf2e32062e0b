"""Reading budgets: which applies, what is held, by which documents."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Date,
    Select,
    Subquery,
    Text,
    and_,
    any_,
    bindparam,
    false,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import contains_eager, joinedload

from portal.budgets.models import Budget, BudgetEntry
from portal.budgets.rules import Balance, Outlook, Term
from portal.foundation.access import Actor, Grant, Permission
from portal.foundation.db import db, found
from portal.foundation.hooks import Collector
from portal.foundation.paging import ordered
from portal.foundation.together import Columns, Read, Rows
from portal.masterdata.models import CostCenter

SEES_BUDGETS = frozenset(
    {Permission.APPROVE, Permission.REQUEST, Permission.OVERRIDE_BUDGET, Permission.MANAGE_BUDGETS}
)
"""Who holds one of these sees the budgets of the same places."""

outlooks: Collector[[str, Collection[int]], Outlook] = Collector()
"""Higher features say what becomes of what their documents hold (type of document, ids)."""


@dataclass(frozen=True)
class Held:
    """What one document holds in one term of a budget."""

    term: Term
    document_type: str
    document_id: int
    document: str
    amount: Decimal
    since: datetime


Payer = tuple[int, str]
"""A cost center and the category of what it pays for."""


def budgets_on(day: date, cost_center_ids: Iterable[int]) -> dict[int, Budget]:
    """The budget of each cost center whose period holds the day; cost centers without one are absent."""
    found = _effective(day, set(cost_center_ids))
    return {budget.cost_center_id: budget for budget in found if not budget.category}


def drawn_on(day: date, payers: Iterable[Payer], *, lock: bool = False) -> dict[Payer, Budget]:
    """The budget each pays from: the one of its category where there is one, else the cost center's.

    `lock` waits for others who draw on these and reads them anew, in id order, so that two submitters wait
    for each other and never deadlock.
    """
    wanted = set(payers)
    values = {
        "drawn_on": day,
        "centers": sorted({center_id for center_id, _ in wanted}),
        "categories": sorted({"", *(category for _, category in wanted)}),
    }
    effective = db.session.scalars(_DRAWN_LOCKED if lock else _DRAWN, values).all()
    known = {(budget.cost_center_id, budget.category): budget for budget in sorted(effective, key=_begun)}
    found = {payer: known.get(payer) or known.get((payer[0], "")) for payer in wanted}
    return {payer: budget for payer, budget in found.items() if budget is not None}


_DRAWN = (
    select(Budget)
    .where(
        Budget.cost_center_id == any_(bindparam("centers", type_=ARRAY(BigInteger))),
        Budget.category == any_(bindparam("categories", type_=ARRAY(Text))),
        bindparam("drawn_on", type_=Date).between(Budget.period_start, Budget.period_end),
    )
    .order_by(Budget.id)
)
_DRAWN_LOCKED = _DRAWN.with_for_update().execution_options(populate_existing=True)


def _begun(budget: Budget) -> tuple[date, int]:
    """Where periods overlap, the budget that began last counts."""
    return budget.period_start, budget.id


def _effective(day: date, cost_center_ids: set[int]) -> Iterable[Budget]:
    return db.session.scalars(
        select(Budget)
        .where(
            Budget.cost_center_id.in_(cost_center_ids), Budget.period_start <= day, Budget.period_end >= day
        )
        .options(joinedload(Budget.cost_center))
        .order_by(Budget.period_start, Budget.id)  # where periods overlap, the one that began last counts
    )


def balances(budgets: Iterable[Budget]) -> dict[int, Balance]:
    """The balance of each budget by its id, in one query."""
    return balancing(budgets).now()


def balancing(budgets: Iterable[Budget]) -> Read[dict[int, Balance]]:
    """As balances, to be read with other things."""
    amounts = {budget.id: budget.amount for budget in budgets}
    return Read(_held(), {"balanced": sorted(amounts)}, lambda rows: _balances(amounts, rows))


@cache
def _held() -> Columns:
    return (
        select(BudgetEntry.budget_id, BudgetEntry.term, func.sum(BudgetEntry.amount))
        .where(BudgetEntry.budget_id == any_(bindparam("balanced", type_=ARRAY(BigInteger))))
        .group_by(BudgetEntry.budget_id, BudgetEntry.term)
    )


def _balances(amounts: Mapping[int, Decimal], rows: Rows) -> dict[int, Balance]:
    sums: dict[int, dict[str, Decimal]] = defaultdict(dict)
    for budget_id, term, held in rows:
        sums[budget_id][term.value] = held
    return {budget_id: Balance(amount, **sums[budget_id]) for budget_id, amount in amounts.items()}


def held_documents(budget_id: int, term: Term | None = None) -> Select[Any]:
    """The documents that hold money of a budget, in Held's order of columns, the newest first."""
    amount = func.sum(BudgetEntry.amount)
    since = func.min(BudgetEntry.at)
    document = (
        BudgetEntry.term,
        BudgetEntry.document_type,
        BudgetEntry.document_id,
        BudgetEntry.document,
    )
    statement: Any = (
        select(*document, amount, since)
        .where(BudgetEntry.budget_id == budget_id)
        .group_by(*document)
        .having(amount != 0)
        .order_by(since.desc(), BudgetEntry.document_id.desc())
    )
    documents: Select[Any] = statement.where(BudgetEntry.term == term) if term else statement
    return documents


def outlooks_of(held: Iterable[Held]) -> dict[tuple[str, int], Outlook]:
    """What becomes of what the documents hold, by type and id; a question for each type."""
    ids: dict[str, set[int]] = defaultdict(set)
    for one in held:
        ids[one.document_type].add(one.document_id)
    return {
        (one.document_type, one.document_id): one
        for document_type, found in ids.items()
        for one in outlooks(document_type, found)
    }


def find(actor: Actor, budget_id: int) -> Budget:
    """The budget with its cost center; raises NotFound when it is not the person's to see."""
    statement = _visible(actor).where(Budget.id == budget_id)
    budget: Budget | None = db.session.scalar(statement)
    return found(budget, "budget")


def listing(actor: Actor, *, words: str = "", on: date | None = None, sort: str = "") -> Select[Any]:
    """Budgets the person requests or approves from, by cost center; `on` keeps those of a day.

    `sort` is code, name or amount, or one of them after a minus.
    """
    sorts = {"code": CostCenter.code, "name": CostCenter.name, "amount": Budget.amount}
    usual = [CostCenter.code.asc(), Budget.period_start.desc(), Budget.id.asc()]
    statement = ordered(_visible(actor), sort, sorts, usual)
    if on is not None:
        statement = statement.where(Budget.period_start <= on, Budget.period_end >= on)
    words = words.replace("\0", "").strip()
    if words:
        matches = CostCenter.name.icontains(words, autoescape=True)
        statement = statement.where(or_(matches, CostCenter.code.startswith(words, autoescape=True)))
    return statement


def centers_to_set(actor: Actor) -> list[CostCenter]:
    """The cost centers whose budgets the person sets, by code."""
    grants = [grant for grant in actor.grants if Permission.MANAGE_BUDGETS in grant.permissions]
    statement = select(CostCenter).where(CostCenter.active, or_(false(), *map(_within, grants)))
    return list(db.session.scalars(statement.order_by(CostCenter.code)))


def may_set(actor: Actor, budget: Budget) -> bool:
    """Whether the person sets this budget."""
    center = budget.cost_center
    return actor.can(Permission.MANAGE_BUDGETS, facility_id=center.facility_id, cost_center_id=center.id)


def _visible(actor: Actor) -> Select[Any]:
    """As Actor.can, for each cost center; one without a facility belongs to all."""
    grants = [grant for grant in actor.grants if grant.permissions & SEES_BUDGETS]
    return (
        select(Budget)
        .join(Budget.cost_center)
        .options(contains_eager(Budget.cost_center))
        .where(or_(Budget.id.is_(None), *map(_within, grants)))
    )


def _within(grant: Grant) -> ColumnElement[bool]:
    facility = or_(CostCenter.facility_id.is_(None), CostCenter.facility_id == grant.facility_id)
    return and_(
        true() if grant.facility_id is None else facility,
        true() if grant.cost_center_id is None else CostCenter.id == grant.cost_center_id,
    )


def holding(requisition_line_ids: Iterable[int]) -> list[Budget]:
    """The budgets that pay for requisition lines, whatever they hold now, with their cost centers."""
    last = _last_held(requisition_line_ids)
    return list(
        db.session.scalars(
            select(Budget)
            .where(Budget.id.in_(select(last.c.budget_id).where(~last.c.is_left)))
            .options(joinedload(Budget.cost_center))
            .order_by(Budget.id)
        )
    )


def holding_each(requisition_line_ids: Iterable[int]) -> list[tuple[int, Budget]]:
    """The budgets that pay for each requisition line, with the line's id."""
    last = _last_held(requisition_line_ids)
    rows = db.session.execute(
        select(last.c.requisition_line_id, Budget)
        .join(Budget, Budget.id == last.c.budget_id)
        .where(~last.c.is_left)
        .order_by(Budget.id)
    )
    return [(line_id, budget) for line_id, budget in rows]


def _last_held(requisition_line_ids: Iterable[int]) -> Subquery:
    line = BudgetEntry.requisition_line_id
    return (
        select(line, BudgetEntry.budget_id, BudgetEntry.is_left)
        .where(line.in_(set(requisition_line_ids)))
        .ext(distinct_on(line, BudgetEntry.budget_id))
        .order_by(line, BudgetEntry.budget_id, BudgetEntry.id.desc())
        .subquery()
    )
