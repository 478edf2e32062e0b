"""Kinds of stock movements, whose stock it is and how it is, and when a lot is expired or soon will be."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

SOON = timedelta(days=60)


class MovementKind(StrEnum):
    """Why stock changed."""

    OPENING = "opening"
    RECEIPT = "receipt"
    RECEIPT_REVERSAL = "receipt_reversal"
    COUNT = "count"
    USAGE = "usage"
    USAGE_REVERSAL = "usage_reversal"
    WASTE = "waste"
    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"
    ADJUSTMENT = "adjustment"
    QUARANTINE = "quarantine"
    RELEASE = "release"
    RETURN_TO_SUPPLIER = "return_to_supplier"


class Owner(StrEnum):
    """Whose stock it is until it is used."""

    OWN = "own"
    CONSIGNMENT = "consignment"


class Condition(StrEnum):
    """Whether it may be used."""

    AVAILABLE = "available"
    QUARANTINED = "quarantined"


REVERSAL_OF = {
    MovementKind.RECEIPT: MovementKind.RECEIPT_REVERSAL,
    MovementKind.USAGE: MovementKind.USAGE_REVERSAL,
    MovementKind.WASTE: MovementKind.USAGE_REVERSAL,
    MovementKind.TRANSFER_OUT: MovementKind.TRANSFER_IN,
    MovementKind.TRANSFER_IN: MovementKind.TRANSFER_OUT,
    MovementKind.QUARANTINE: MovementKind.RELEASE,
    MovementKind.RELEASE: MovementKind.QUARANTINE,
    MovementKind.RETURN_TO_SUPPLIER: MovementKind.ADJUSTMENT,
    MovementKind.ADJUSTMENT: MovementKind.ADJUSTMENT,
}
"""The kind that undoes a kind; what is missing here is corrected by a count."""

NEVER_BELOW_ZERO = frozenset({
    MovementKind.TRANSFER_OUT, MovementKind.QUARANTINE, MovementKind.RELEASE, MovementKind.RETURN_TO_SUPPLIER,
    MovementKind.RECEIPT_REVERSAL,
})  # fmt: skip
"""Somebody holds it in hand, so the book must have it. Used is used: there the shelf is right."""

CONSUMING = (MovementKind.USAGE, MovementKind.WASTE, MovementKind.USAGE_REVERSAL)
"""What the rate of usage is made of."""


class ParMethod(StrEnum):
    """How one knows that an item must be filled up."""

    LEVEL = "level"
    KANBAN = "kanban"


class CountState(StrEnum):
    """Where a count is."""

    COUNTING = "counting"
    RECOUNTING = "recounting"
    POSTED = "posted"
    CANCELLED = "cancelled"


COUNT_TRANSITIONS: dict[tuple[CountState, str], CountState] = {
    (CountState.COUNTING, "recount"): CountState.RECOUNTING,
    (CountState.COUNTING, "post"): CountState.POSTED,
    (CountState.RECOUNTING, "post"): CountState.POSTED,
    (CountState.COUNTING, "cancel"): CountState.CANCELLED,
    (CountState.RECOUNTING, "cancel"): CountState.CANCELLED,
}


@dataclass(frozen=True)
class LotOnHand:
    """What may be taken of a lot."""

    lot: str
    serial: str
    on_hand: Decimal
    expires_on: date | None


def first_to_expire(lots: Iterable[LotOnHand], quantity: Decimal) -> list[tuple[LotOnHand, Decimal]]:
    """From which lots to take a quantity, the first to expire first; it may be less than was wanted."""
    taken: list[tuple[LotOnHand, Decimal]] = []
    usable = (lot for lot in lots if lot.on_hand > 0)
    for lot in sorted(usable, key=lambda one: (one.expires_on or date.max, one.lot, one.serial)):
        part = min(lot.on_hand, quantity)
        if part <= 0:
            break
        taken.append((lot, part))
        quantity -= part
    return taken


class Expiry(StrEnum):
    """How long a lot may still be used."""

    NONE = "none"
    GOOD = "good"
    SOON = "soon"
    EXPIRED = "expired"


def expiry_of(expires_on: date | None, today: date) -> Expiry:
    """A lot may be used up to and including the day it expires on."""
    if expires_on is None:
        return Expiry.NONE
    if expires_on < today:
        return Expiry.EXPIRED
    return Expiry.SOON if expires_on - today <= SOON else Expiry.GOOD
