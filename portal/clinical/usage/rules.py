"""What each outcome of a supply means for stock, cost and charge, and from which lot it comes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from integrations.clinical import UsageStatus
from portal.inventory.rules import Condition, MovementKind, Owner


@dataclass(frozen=True)
class Effect:
    """`movement` takes it from the shelf; without one nothing moves and nothing is paid for."""

    movement: MovementKind | None
    is_charged: bool


EFFECTS: dict[UsageStatus, Effect] = {
    UsageStatus.IMPLANTED: Effect(MovementKind.USAGE, is_charged=True),
    UsageStatus.USED: Effect(MovementKind.USAGE, is_charged=True),
    UsageStatus.WASTED: Effect(MovementKind.WASTE, is_charged=False),
    UsageStatus.OPENED_UNUSED: Effect(MovementKind.WASTE, is_charged=False),
    UsageStatus.EXPLANTED: Effect(None, is_charged=False),
    UsageStatus.RETURNED: Effect(None, is_charged=False),
}
"""Opened is no longer sterile: it leaves the shelf and costs, but the patient is not charged for it."""

CONSUMED = tuple(status for status, effect in EFFECTS.items() if effect.movement is not None)


@dataclass(frozen=True)
class Held:
    """A stock row that a use may come from, in base units."""

    lot: str
    serial: str
    expires_on: date | None
    owner: Owner
    condition: Condition
    on_hand: Decimal


@dataclass(frozen=True)
class Taken:
    """So much of one stock row."""

    held: Held
    quantity: Decimal


def candidates(shelf: Sequence[Held], lot: str, serial: str) -> list[Held]:
    """The rows that can be the thing used: by serial, else by lot, else what is kept without either.

    Available before quarantined, the hospital's own before consignment, the first to expire first.
    """
    tests: tuple[Callable[[Held], bool], ...] = (
        lambda one: serial != "" and one.serial == serial and lot in ("", one.lot),
        lambda one: lot != "" and one.lot == lot and one.serial == "",
        lambda one: one.lot == "" and one.serial == "",
        lambda one: lot == "" and serial == "",
    )
    for test in tests:
        found = [one for one in shelf if test(one)]
        if found:
            return sorted(found, key=_preference)
    return []


def _preference(one: Held) -> tuple[bool, bool, date, str, str]:
    quarantined, foreign = one.condition is not Condition.AVAILABLE, one.owner is not Owner.OWN
    return (quarantined, foreign, one.expires_on or date.max, one.lot, one.serial)


def taken_from(rows: Sequence[Held], quantity: Decimal) -> list[Taken]:
    """Which rows a quantity comes from; what nobody has on the book comes from the first one too."""
    parts: dict[Held, Decimal] = {}
    for one in rows:
        part = min(max(one.on_hand, Decimal()), quantity)
        if part > 0:
            parts[one] = part
            quantity -= part
    if quantity > 0:
        parts[rows[0]] = parts.get(rows[0], Decimal()) + quantity
    return [Taken(held, part) for held, part in parts.items()]
