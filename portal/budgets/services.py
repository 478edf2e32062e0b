"""The budget ledger: hold, release, move from requested to ordered to invoiced."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on

from portal.budgets.models import Budget, BudgetEntry, CostShare
from portal.budgets.rules import Term
from portal.foundation.db import db
from portal.foundation.money import split
from portal.foundation.together import Write, inserting


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


def hold(budget_id: int, change: Change, *, whole: Decimal | None = None) -> None:
    """Holds money of a budget for a requisition line; `whole` is what all payers of a split line hold."""
    _write(budget_id, change, change.amount, whole)


@dataclass(frozen=True)
class Held:
    """What a budget holds for a requisition line; `whole` is what all payers of a split line hold."""

    budget_id: int
    change: Change
    whole: Decimal | None = None


def holding(held: Iterable[Held]) -> Write:
    """As hold, of several budgets and lines, to be written with other things."""
    return inserting(
        BudgetEntry, [_entry(one.budget_id, one.change, one.change.amount, one.whole) for one in held]
    )


def leave(requisition_line_id: int, document: Document) -> None:
    """Gives back all that budgets hold as requested for a line; `hold` says who pays from now on."""
    key = (requisition_line_id, Term.REQUESTED, document.type, document.id)
    for budget_id, (held, whole) in _held([requisition_line_id]).get(key, {}).items():
        change = Change(requisition_line_id, Term.REQUESTED, -held, document)
        _write(budget_id, change, -held, -whole if whole else None, is_left=True)
    db.session.flush()  # what is held from now on comes after it


def post(changes: Iterable[Change]) -> None:
    """Writes changes to the budgets that their requisition lines hold; lines without budget hold nothing.

    Of a line with several payers each budget always holds its share of the whole, to the cent.
    """
    changes = [change for change in changes if change.amount != 0]
    line_ids = {change.requisition_line_id for change in changes}
    shares = _shares(line_ids)
    budget_of: dict[int, int] = {
        row.requisition_line_id: row.budget_id
        for row in db.session.execute(
            select(BudgetEntry.requisition_line_id, BudgetEntry.budget_id, BudgetEntry.is_left)
            .where(BudgetEntry.requisition_line_id.in_(line_ids - shares.keys()))
            .ext(distinct_on(BudgetEntry.requisition_line_id))
            .order_by(
                BudgetEntry.requisition_line_id, BudgetEntry.id.desc()
            )  # who pays since the last change
        )
        if not row.is_left
    }
    lock([*budget_of.values(), *(one.budget_id for many in shares.values() for one in many if one.budget_id)])
    for change in changes:
        budget_id = budget_of.get(change.requisition_line_id)
        if budget_id is not None:
            _write(budget_id, change, change.amount)
    _post_shared([change for change in changes if change.requisition_line_id in shares], shares)


def give_back(line_ids: Sequence[int], term: Term, amount: Decimal) -> Decimal:
    """Takes an amount off what documents hold of a term for requisition lines, the newest document first.

    Never below zero; returns how much was given back.
    """
    entry = BudgetEntry
    document = (entry.document_id, entry.requisition_line_id, entry.document_type, entry.document)
    rows = db.session.execute(
        select(*document, func.sum(entry.amount), func.sum(entry.whole))
        .where(entry.requisition_line_id.in_(line_ids), entry.term == term)
        .group_by(*document, entry.budget_id)
    )
    held: dict[tuple[int, int, str, str], Decimal] = {}
    for document_id, line_id, kind, number, of_payer, whole in rows:
        held[document_id, line_id, kind, number] = of_payer if whole is None else whole
    changes: list[Change] = []
    left = amount
    for (document_id, line_id, kind, number), holds in sorted(held.items(), reverse=True):
        part = min(left, max(holds, Decimal()))
        left -= part
        changes.append(Change(line_id, term, -part, Document(kind, document_id, number)))
    post(changes)
    return amount - left


def _shares(line_ids: Collection[int]) -> dict[int, list[CostShare]]:
    rows = db.session.scalars(
        select(CostShare)
        .where(CostShare.requisition_line_id.in_(line_ids))
        .order_by(CostShare.requisition_line_id, CostShare.position)
    )
    found: dict[int, list[CostShare]] = defaultdict(list)
    for share in rows:
        found[share.requisition_line_id].append(share)
    return dict(found)


def _post_shared(changes: Sequence[Change], shares: Mapping[int, Sequence[CostShare]]) -> None:
    """Not the change is split but what is held after it, so that no cent is lost over several changes."""
    held = _held({change.requisition_line_id for change in changes}) if changes else {}
    for change in changes:
        parts = shares[change.requisition_line_id]
        key = (change.requisition_line_id, change.term, change.document.type, change.document.id)
        before = held.setdefault(key, {})
        paying = [part.budget_id for part in parts if part.budget_id in before]
        whole = (before[paying[0]][1] if paying else Decimal()) + change.amount
        wanted: dict[int, Decimal] = defaultdict(Decimal)
        for part, amount in zip(parts, split(whole, [part.weight for part in parts]), strict=True):
            if part.budget_id is not None:
                wanted[part.budget_id] += amount
        for budget_id, amount in wanted.items():
            had = before.get(budget_id, (Decimal(), Decimal()))[0]
            _write(budget_id, change, amount - had, change.amount)
            before[budget_id] = (amount, whole)


Holding = tuple[int, Term, str, int]
"""A requisition line, a term, and the type and id of a document."""


def _held(line_ids: Collection[int]) -> dict[Holding, dict[int, tuple[Decimal, Decimal]]]:
    """What budgets hold of split lines, each beside the whole of all payers."""
    holding = (
        BudgetEntry.requisition_line_id, BudgetEntry.term, BudgetEntry.document_type, BudgetEntry.document_id,
    )  # fmt: skip
    rows = db.session.execute(
        select(*holding, BudgetEntry.budget_id, func.sum(BudgetEntry.amount), func.sum(BudgetEntry.whole))
        .where(BudgetEntry.requisition_line_id.in_(line_ids))
        .group_by(*holding, BudgetEntry.budget_id)
    )
    found: dict[Holding, dict[int, tuple[Decimal, Decimal]]] = defaultdict(dict)
    for line_id, term, document_type, document_id, budget_id, amount, whole in rows:
        found[line_id, term, document_type, document_id][budget_id] = (amount, whole or Decimal())
    return found


def _write(
    budget_id: int, change: Change, amount: Decimal, whole: Decimal | None = None, *, is_left: bool = False
) -> None:
    db.session.add(BudgetEntry(**_entry(budget_id, change, amount, whole), is_left=is_left))


def _entry(budget_id: int, change: Change, amount: Decimal, whole: Decimal | None) -> dict[str, Any]:
    return {
        "budget_id": budget_id,
        "term": change.term,
        "amount": amount,
        "whole": whole,
        "requisition_line_id": change.requisition_line_id,
        "document_type": change.document.type,
        "document_id": change.document.id,
        "document": change.document.number,
    }
