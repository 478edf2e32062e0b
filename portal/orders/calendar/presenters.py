"""The calendar as its page shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from portal.foundation.access import Actor
from portal.foundation.quantity import plain
from portal.orders.calendar import queries
from portal.orders.calendar.forms import EVERYWHERE
from portal.orders.calendar.rules import Delivery, Span, deliveries, step, weeks

SHOWN_A_DAY = {Span.WEEK: 20, Span.MONTH: 3}
LATE_SHOWN = 5


@dataclass(frozen=True)
class Entry:
    """A delivery on a day."""

    order_id: int
    number: str
    supplier: str
    location: str
    items: list[str]
    more: int
    on: date
    is_announced: bool


@dataclass(frozen=True)
class Day:
    """A day with what is expected on it."""

    on: date
    is_today: bool
    is_outside: bool
    entries: list[Entry]
    more: int

    @property
    def label(self) -> str:
        """The whole day in words."""
        return f"{self.on:%A, %B} {self.on.day}, {self.on.year}"

    @property
    def weekday(self) -> str:
        """For lists on small screens."""
        return f"{self.on:%a}, {self.on:%b} {self.on.day}"


def chosen_place(asked: str | None, home: int | None, offered: Mapping[str, str]) -> str:
    """The place asked for; without a word the person's own, if anything ever goes there; else all."""
    wanted = str(home or "") if asked is None else asked
    return wanted if wanted in offered else EVERYWHERE


def page(actor: Actor, span: Span, around: date, place: str, today: date) -> dict[str, Any]:
    """The values of the template."""
    rows = weeks(span, around)
    location_id = None if place == EVERYWHERE else int(place)
    arrivals, is_cut = queries.expected(actor, rows[0][0], rows[-1][-1], location_id)
    coming = deliveries(arrivals)
    late = deliveries(queries.overdue(actor, today, location_id))
    shown = {
        day: _day(day, [one for one in coming if one.first.on == day], span, around, today)
        for row in rows
        for day in row
    }
    return {
        "weeks": [[shown[day] for day in row] for row in rows],
        "weekdays": [f"{day:%A}" for day in rows[0]],
        "title": _title(span, rows, around),
        "span": span.value,
        "around": around,
        "before": step(span, around, -1),
        "after": step(span, around, 1),
        "today": today,
        "place": place,
        "is_everywhere": place == EVERYWHERE,
        "late": [_entry(one) for one in late[:LATE_SHOWN]],
        "late_count": len(late),
        "count": len(coming),
        "is_cut": is_cut,
    }


def _title(span: Span, rows: Sequence[Sequence[date]], around: date) -> str:
    if span is Span.MONTH:
        return f"{around:%B %Y}"
    first, last = rows[0][0], rows[0][-1]
    return f"{first:%B} {first.day} to {last:%B} {last.day}, {last.year}"


def _day(day: date, coming: list[Delivery], span: Span, around: date, today: date) -> Day:
    most = SHOWN_A_DAY[span]
    return Day(
        on=day,
        is_today=day == today,
        is_outside=span is Span.MONTH and day.month != around.month,
        entries=[_entry(one) for one in coming[:most]],
        more=max(len(coming) - most, 0),
    )


def _entry(delivery: Delivery) -> Entry:
    first = delivery.first
    return Entry(
        order_id=first.order_id,
        number=first.number,
        supplier=first.supplier,
        location=f"{first.location}, {first.facility}",
        items=[f"{plain(one.quantity)} {one.uom} {one.item}" for one in delivery.arrivals[:3]],
        more=max(len(delivery.arrivals) - 3, 0),
        on=first.on,
        is_announced=delivery.is_announced,
    )
