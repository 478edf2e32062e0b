"""When an item must be filled up, by how many packs, why, and when it will run out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from portal.foundation.quantity import plain, rounded_packs, whole_packs
from portal.inventory.rules import ParMethod

USAGE_WEEKS = 4
LEAST_DAYS = 7  # a rate from fewer days would be a guess
HORIZON = timedelta(days=365)
CASES_AHEAD = timedelta(days=14)
LONGEST_SNOOZE = timedelta(days=30)
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
A_WEEK = timedelta(days=7)
UNIT_WORDS = {
    "BX": ("box", "boxes"),
    "CA": ("case", "cases"),
    "CS": ("case", "cases"),
    "PK": ("pack", "packs"),
    "BG": ("bag", "bags"),
    "RL": ("roll", "rolls"),
    "KT": ("kit", "kits"),
    "CT": ("carton", "cartons"),
    "DZ": ("dozen", "dozen"),
    "BT": ("bottle", "bottles"),
    "PR": ("pair", "pairs"),
}


class SuggestionState(StrEnum):
    """Where a suggestion is; dropped means that the need went away."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DROPPED = "dropped"


TRANSITIONS: dict[tuple[SuggestionState, str], SuggestionState] = {
    (SuggestionState.OPEN, "accept"): SuggestionState.ACCEPTED,
    (SuggestionState.OPEN, "drop"): SuggestionState.DROPPED,
}


@dataclass(frozen=True)
class Arrival:
    """What is on order, in base units: promised by the supplier or only expected, or no day known."""

    quantity: Decimal
    on: date | None = None
    is_promised: bool = False


@dataclass(frozen=True)
class Demand:
    """What the schedule of cases will take of an item, in base units."""

    item_id: int
    on: date
    quantity: Decimal


@dataclass(frozen=True)
class Par:
    """A par line with what is there, coming and going, in base units."""

    item_id: int
    minimum: Decimal
    maximum: Decimal
    on_hand: Decimal = Decimal()
    expired: Decimal = Decimal()
    requested: Decimal = Decimal()
    arrivals: tuple[Arrival, ...] = ()
    demands: tuple[Demand, ...] = ()
    critical: Decimal = Decimal()
    method: ParMethod = ParMethod.LEVEL
    is_bin_empty: bool = False
    round_up_from: Decimal | None = None
    may_round_to_zero: bool = False
    daily_usage: Decimal = Decimal()

    @property
    def on_order(self) -> Decimal:
        """Ordered and not received."""
        return sum((one.quantity for one in self.arrivals), Decimal())

    @property
    def scheduled(self) -> Decimal:
        """What cases will take."""
        return sum((one.quantity for one in self.demands), Decimal())

    @property
    def position(self) -> Decimal:
        """What will be there once everything has come and the cases are done."""
        return self.on_hand + self.requested + self.on_order - self.scheduled

    @property
    def is_critical(self) -> bool:
        """Whether so little is left that no review day is waited for."""
        if self.method is ParMethod.KANBAN:
            return False
        return self.on_hand <= self.critical

    @property
    def need(self) -> Decimal:
        """What is missing; of two bins the empty one, as long as it is not on its way already."""
        if self.method is ParMethod.KANBAN:
            size = self.maximum - self.minimum
            is_coming = self.requested + self.on_order + size > self.maximum
            return size if self.is_bin_empty and not is_coming else Decimal()
        return self.maximum - self.position if self.position < self.minimum else Decimal()

    def packs(self, pack: Decimal) -> Decimal:
        """Whole packs for the need; without a threshold never above the maximum, if the minimum allows."""
        if self.need <= 0:
            return Decimal()
        if self.method is ParMethod.KANBAN:
            return whole_packs(self.need, pack)
        if self.round_up_from is not None:
            return rounded_packs(self.need, pack, self.round_up_from, to_zero=self.may_round_to_zero)
        whole = (self.need / pack).to_integral_value(rounding=ROUND_FLOOR)
        return max(whole, whole_packs(self.minimum - self.position, pack))


def daily_usage(consumed: Decimal, first_on: date | None, today: date) -> Decimal:
    """Units a day over the last weeks, or since the first movement if that is less long ago."""
    if first_on is None or consumed <= 0:
        return Decimal()
    days = min((today - first_on).days + 1, USAGE_WEEKS * 7)
    return consumed / max(days, LEAST_DAYS)


def stock_out_on(par: Par, today: date) -> date | None:
    """The first day on which usage and cases find too little, counting what is ordered with a day.

    None when that is beyond a year or nothing is used; what was due and has not come is expected tomorrow.
    """
    left = par.on_hand
    if left <= 0:
        return today
    coming = _by_day((max(one.on, today + timedelta(days=1)), one.quantity) for one in par.arrivals if one.on)
    cases = _by_day((max(one.on, today), one.quantity) for one in par.demands)
    if par.daily_usage <= 0 and not cases:
        return None
    day = today
    while day <= today + HORIZON:
        left += coming.get(day, Decimal()) - cases.get(day, Decimal())
        if left < 0 or (par.daily_usage > 0 and left < par.daily_usage):
            return day
        left -= par.daily_usage
        day += timedelta(days=1)
    return None


def _by_day(parts: Iterable[tuple[date, Decimal]]) -> dict[date, Decimal]:
    days: dict[date, Decimal] = {}
    for day, quantity in parts:
        days[day] = days.get(day, Decimal()) + quantity
    return days


def is_review_day(review_days: Sequence[int], today: date) -> bool:
    """Whether the calendar of the location (Monday is 0) looks at its shelves today."""
    return today.weekday() in review_days


def explained(par: Par, *, pack: Decimal, uom: str, packs: Decimal, today: date) -> str:
    """par 40, on hand 12, on order 10 promised Tuesday, pack of 10 → 2 boxes"""
    parts = [_levels(par), f"on hand {plain(par.on_hand)}"]
    if par.expired > 0:
        parts.append(f"{plain(par.expired)} more expired")
    if par.requested > 0:
        parts.append(f"requested {plain(par.requested)}")
    if par.arrivals:
        arrivals = " and ".join(_arrival(one, today) for one in par.arrivals)
        parts.append(f"on order {arrivals}")
    if par.demands:
        last = max(one.on for one in par.demands)
        parts.append(f"cases need {plain(par.scheduled)} by {spoken_day(last, today)}")
    if pack != 1:
        parts.append(f"pack of {plain(pack)}")
    return f"{', '.join(parts)} → {plain(packs)} {unit_words(uom, packs)}"


def _levels(par: Par) -> str:
    if par.method is ParMethod.KANBAN:
        return f"bin of {plain(par.maximum - par.minimum)} empty"
    if par.minimum == par.maximum:
        return f"par {plain(par.maximum)}"
    return f"minimum {plain(par.minimum)}, maximum {plain(par.maximum)}"


def _arrival(one: Arrival, today: date) -> str:
    if one.on is None:
        return f"{plain(one.quantity)} without a date"
    word = "due since" if one.on < today else "promised" if one.is_promised else "expected"
    return f"{plain(one.quantity)} {word} {spoken_day(one.on, today)}"


def spoken_day(day: date, today: date) -> str:
    """today, tomorrow, Tuesday within the week, else Dec 3."""
    if day == today:
        return "today"
    if day == today + timedelta(days=1):
        return "tomorrow"
    return f"{day:%A}" if today < day < today + A_WEEK else f"{day:%b %-d}"


def unit_words(uom: str, quantity: Decimal) -> str:
    """box or boxes; a unit without a word keeps its code."""
    one, many = UNIT_WORDS.get(uom, (uom, uom))
    return one if quantity == 1 else many
