"""Why an approved line cannot become an order by itself."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Why(StrEnum):
    """What a buyer must decide; the order is that of the page."""

    BLOCKED = "blocked"
    NEW_SUPPLIER = "new_supplier"
    NO_ROUTE = "no_route"
    MINIMUM = "minimum"
    NO_CONTRACT = "no_contract"
    SEVERAL = "several"
    ASKED = "asked"


WORDS: dict[Why, str] = {
    Why.BLOCKED: "supplier blocked",
    Why.NEW_SUPPLIER: "never ordered from",
    Why.NO_ROUTE: "no route",
    Why.MINIMUM: "below the minimum",
    Why.NO_CONTRACT: "no contract price",
    Why.SEVERAL: "several contracted offers",
    Why.ASKED: "an approver is asked",
}


@dataclass(frozen=True)
class Line:
    """A line as far as the decision needs it; `others` are contracted offers of others that cost no more."""

    amount: Decimal
    on_contract: bool
    others: int
    is_decided: bool
    is_asked: bool


@dataclass(frozen=True)
class Supplier:
    """A supplier as far as the decision needs it."""

    minimum: Decimal
    blocked: bool
    is_new: bool
    has_route: bool


def of_line(line: Line) -> list[Why]:
    """Why this line waits, whoever it goes to; nothing once a buyer chose its offer,
    unless the approver is asked about another one."""
    if line.is_asked:
        return [Why.ASKED]
    if line.is_decided:
        return []
    reasons = [] if line.on_contract else [Why.NO_CONTRACT]
    return [*reasons, Why.SEVERAL] if line.others else reasons


def of_group(supplier: Supplier, going: Decimal) -> list[Why]:
    """Why nothing of the supplier's lines goes by itself; `going` is the amount of those that could."""
    checks = (
        (Why.BLOCKED, supplier.blocked),
        (Why.NEW_SUPPLIER, supplier.is_new),
        (Why.NO_ROUTE, not supplier.has_route),
        (Why.MINIMUM, going < supplier.minimum),
    )
    return [why for why, holds in checks if holds]
