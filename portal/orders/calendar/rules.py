"""Weeks and months of the calendar, and what of orders arrives on a day."""

from calendar import SUNDAY, Calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

WEEK = timedelta(days=7)
FARTHEST = timedelta(days=730)
_calendar = Calendar(SUNDAY)


class Span(StrEnum):
    """What one page of the calendar shows."""

    WEEK = "week"
    MONTH = "month"


def weeks(span: Span, around: date) -> list[list[date]]:
    """The days of the week, or of all weeks of the month, around a day; weeks begin on Sunday."""
    if span is Span.MONTH:
        return _calendar.monthdatescalendar(around.year, around.month)
    first = around - timedelta(days=(around.weekday() + 1) % 7)
    return [[first + timedelta(days=number) for number in range(7)]]


def step(span: Span, around: date, way: int) -> date:
    """A day in the span before (-1) or after (1)."""
    if span is Span.WEEK:
        return around + way * WEEK
    first = around.replace(day=1)
    return (first + timedelta(days=31)).replace(day=1) if way > 0 else (first - WEEK).replace(day=1)


def day_asked(text: str, today: date) -> date:
    """The day of an address; today for anything that is no day, or a day farther away than two years."""
    try:
        asked = date.fromisoformat(text)
    except ValueError:
        return today
    return asked if abs(asked - today) <= FARTHEST else today


@dataclass(frozen=True)
class Arrival:
    """The rest of an order line that is not here yet, and the day it should be."""

    on: date
    is_announced: bool
    line_id: int
    order_id: int
    number: str
    changed_at: datetime
    supplier: str
    location: str
    facility: str
    item: str
    quantity: Decimal
    uom: str


@dataclass(frozen=True)
class Delivery:
    """What of one order arrives on one day."""

    arrivals: tuple[Arrival, ...]

    @property
    def first(self) -> Arrival:
        """Says of which order, from whom, where to."""
        return self.arrivals[0]

    @property
    def is_announced(self) -> bool:
        """Whether a ship notice names the day."""
        return all(one.is_announced for one in self.arrivals)


def deliveries(arrivals: Iterable[Arrival]) -> list[Delivery]:
    """Grouped by day and order, in the order of days, then places."""
    groups: dict[tuple[date, str, str, str], list[Arrival]] = {}
    for one in sorted(arrivals, key=lambda one: one.line_id):
        groups.setdefault((one.on, one.facility, one.location, one.number), []).append(one)
    return [Delivery(tuple(groups[key])) for key in sorted(groups)]
