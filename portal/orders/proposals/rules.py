"""What a buyer may want beyond what was approved, and how far nobody is asked."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from portal.foundation.money import cents


class ProposalKind(StrEnum):
    """What is done once a proposal is approved."""

    CHANGE = "change"  # the next version of an order
    PRICE = "price"  # the price a supplier names
    OFFER = "offer"  # an approved line, from an offer that costs more
    ELSEWHERE = "elsewhere"  # what a supplier does not bring, from one who asks more


class ProposalState(StrEnum):
    """Whether a proposal is decided."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Tolerance:
    """How far above approval nobody is asked: percent of what was approved, and dollars; None is no bound."""

    percent: Decimal | None
    amount: Decimal | None

    def covers(self, approved: Decimal, total: Decimal) -> bool:
        """Whether a requested line may cost this in all without asking its approver again."""
        over = total - approved
        share = None if self.percent is None else cents(approved * self.percent / 100)
        return over <= 0 or all(over <= bound for bound in (share, self.amount) if bound is not None)
