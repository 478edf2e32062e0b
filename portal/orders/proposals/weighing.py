"""Weighs what a requested line would cost against what was approved for it, and against its budget."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from portal.budgets import queries as budgets
from portal.budgets.rules import Control
from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.foundation.filters import money
from portal.masterdata.models import Item, Location
from portal.orders.proposals.queries import approved_since
from portal.orders.proposals.tolerances import book_at, tolerance
from portal.requisitions.models import RequisitionLine


@dataclass(frozen=True)
class Cost:
    """What a requested line would cost in all its orders, and what was approved for it."""

    requested: RequisitionLine
    item: Item
    approved: Decimal
    total: Decimal


class BeyondApproval(Invalid):
    """Requested lines would cost more than was approved for them, beyond tolerance."""

    def __init__(self, sentence: str, beyond: Sequence[Cost]) -> None:
        super().__init__(sentence)
        self.beyond = tuple(beyond)


def refuse_beyond_approval(costs: Sequence[Cost], place: Location) -> None:
    """Raises BeyondApproval for requested lines that cost more than was approved, beyond tolerance."""
    if beyond := beyond_approval(costs, place):
        raise BeyondApproval(" ".join(_sentence(one) for one in beyond), beyond)


def beyond_approval(costs: Sequence[Cost], place: Location) -> list[Cost]:
    """Those above what was approved, at first or since, beyond tolerance."""
    if not costs:
        return []
    since, book = approved_since({one.requested.id for one in costs}), book_at(place)
    beyond: list[Cost] = []
    for one in costs:
        approved = max(one.approved, since.get(one.requested.id, Decimal()))
        if not tolerance(book, one.item.category).covers(approved, one.total):
            beyond.append(replace(one, approved=approved))
    return beyond


def _sentence(cost: Cost) -> str:
    requisition = cost.requested.requisition
    return (
        f"{cost.item.name} would cost {money(cost.total, requisition.currency)}; "
        f"{money(cost.approved, requisition.currency)} were approved in {requisition.number}."
    )


def refuse_beyond_budget(grown: set[int], currency: str) -> None:
    """Raises Invalid when a blocking budget of these requested lines is overdrawn now."""
    if not grown:
        return
    db.session.flush()
    holding = [one for one in budgets.holding(grown) if one.control is Control.BLOCK]
    balances = budgets.balances(holding)
    for budget in holding:
        left = balances[budget.id].available
        if left < 0:
            short = money(-left, currency)
            raise Invalid(f"The budget of {budget.cost_center.name} is {short} short of this change.")
