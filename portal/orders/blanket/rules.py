"""What a blanket order may say, and where it stands."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class BlanketState(StrEnum):
    """Whether orders can still call off a blanket order."""

    COMING = "coming"
    OPEN = "open"
    USED_UP = "used_up"
    ENDED = "ended"
    CLOSED = "closed"


@dataclass(frozen=True)
class Terms:
    """What was agreed; both days are included."""

    name: str
    supplier_id: int
    amount: Decimal
    valid_from: date
    valid_to: date


def state_of(*, closed: bool, valid_from: date, valid_to: date, left: Decimal, today: date) -> BlanketState:
    """Where a blanket order stands on a day."""
    if closed:
        return BlanketState.CLOSED
    if today > valid_to:
        return BlanketState.ENDED
    if today < valid_from:
        return BlanketState.COMING
    return BlanketState.OPEN if left > 0 else BlanketState.USED_UP
