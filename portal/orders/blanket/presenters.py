"""Blanket orders as their pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portal.foundation.status import Status
from portal.orders.blanket.rules import BlanketState, state_of
from portal.orders.models import BlanketOrder

STATES: dict[BlanketState, Status] = {
    BlanketState.COMING: Status("Not valid yet", "neutral", "clock"),
    BlanketState.OPEN: Status("Open", "success", "check"),
    BlanketState.USED_UP: Status("Used up", "warning", "wallet"),
    BlanketState.ENDED: Status("Ended", "neutral", "calendar"),
    BlanketState.CLOSED: Status("Closed", "neutral", "ban"),
}


@dataclass(frozen=True)
class BlanketRow:
    """A blanket order with what is left."""

    id: int
    number: str
    name: str
    supplier: str
    currency: str
    amount: Decimal
    called_off: Decimal
    left: Decimal
    valid_from: date
    valid_to: date
    status: Status
    may_close: bool


def row(blanket: BlanketOrder, left: Decimal, today: date) -> BlanketRow:
    """One blanket order."""
    state = state_of(
        closed=blanket.closed_at is not None,
        valid_from=blanket.valid_from,
        valid_to=blanket.valid_to,
        left=left,
        today=today,
    )
    return BlanketRow(
        id=blanket.id,
        number=blanket.number,
        name=blanket.name,
        supplier=blanket.supplier.name,
        currency=blanket.currency,
        amount=blanket.amount,
        called_off=blanket.amount - left,
        left=left,
        valid_from=blanket.valid_from,
        valid_to=blanket.valid_to,
        status=STATES[state],
        may_close=state is not BlanketState.CLOSED,
    )


def rows(blankets: Sequence[BlanketOrder], left: Mapping[int, Decimal], today: date) -> list[BlanketRow]:
    """A list of them."""
    return [row(blanket, left[blanket.id], today) for blanket in blankets]
