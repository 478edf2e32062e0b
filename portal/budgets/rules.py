"""The budget formula: available = budget - requested - ordered - invoiced."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class Term(StrEnum):
    """Why money is not available; each amount stands in exactly one term."""

    REQUESTED = "requested"
    ORDERED = "ordered"
    INVOICED = "invoiced"


class Control(StrEnum):
    """What happens when a request exceeds the budget."""

    NONE = "none"
    WARN = "warn"
    BLOCK = "block"


@dataclass(frozen=True)
class Balance:
    """A budget and what is held of it: requested not yet ordered, ordered not yet invoiced, invoiced."""

    budget: Decimal
    requested: Decimal = Decimal()
    ordered: Decimal = Decimal()
    invoiced: Decimal = Decimal()

    @property
    def available(self) -> Decimal:
        """What can still be requested; negative when overspent."""
        return self.budget - self.requested - self.ordered - self.invoiced

    def held(self, term: Term) -> Decimal:
        """What one term holds."""
        return {
            Term.REQUESTED: self.requested,
            Term.ORDERED: self.ordered,
            Term.INVOICED: self.invoiced,
        }[term]


@dataclass(frozen=True)
class Outlook:
    """What becomes of the money a document holds: what it waits for, in words, and by when, if known."""

    document_type: str
    document_id: int
    words: str
    on: date | None = None
