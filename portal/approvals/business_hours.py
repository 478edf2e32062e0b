"""Age in business hours, and what it asks for: nothing yet, a reminder, somebody higher. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from portal.masterdata.rules import Closing


@dataclass(frozen=True)
class Hours:
    """When an office is open: weekdays count from Monday, 0; holidays are closed all day."""

    opens: time = time(8)
    closes: time = time(17)
    weekdays: frozenset[int] = frozenset({0, 1, 2, 3, 4})
    holidays: frozenset[date] = frozenset()

    def is_open(self, day: date) -> bool:
        """Whether the office opens on a day."""
        return day.weekday() in self.weekdays and day not in self.holidays

    def without(self, closings: Iterable[Closing]) -> "Hours":
        """These hours at a facility that is closed on days, or on weekdays of every week."""
        closed = list(closings)
        return replace(
            self,
            weekdays=self.weekdays - {one.weekday for one in closed},
            holidays=self.holidays | {one.day for one in closed if one.day},
        )


OFFICE = Hours()


def age(since: datetime, now: datetime, zone: str, hours: Hours = OFFICE) -> timedelta:
    """The time between two instants in which the office was open; none when `now` is earlier."""
    place = ZoneInfo(zone)
    day, last = since.astimezone(place).date(), now.astimezone(place).date()
    whole = timedelta()
    while day <= last:
        if hours.is_open(day):
            opens = max(datetime.combine(day, hours.opens, place), since)
            closes = min(datetime.combine(day, hours.closes, place), now)
            # As UTC: a clock that is put forward takes an hour of the day away.
            whole += max(closes.astimezone(ZoneInfo("UTC")) - opens.astimezone(ZoneInfo("UTC")), timedelta())
        day += timedelta(days=1)
    return whole


class Attention(StrEnum):
    """What the age of an open step asks for."""

    NONE = "none"
    REMIND = "remind"
    ESCALATE = "escalate"


@dataclass(frozen=True)
class Patience:
    """After how many business hours; a rush halves both.

    `closed` are the closed days by facility, `own` the hours of facilities that have hours of their own,
    `zones` their time zones.
    """

    remind_after: int = 8
    escalate_after: int = 16
    hours: Hours = OFFICE
    closed: Mapping[int, Sequence[Closing]] = field(default_factory=dict)
    own: Mapping[int, Hours] = field(default_factory=dict)
    zones: Mapping[int, str] = field(default_factory=dict)

    def hours_at(self, facility_id: int) -> Hours:
        """When a facility works; where it has its own business days, its closed weekdays say nothing more."""
        closed, own = self.closed.get(facility_id, ()), self.own.get(facility_id)
        if own is None:
            return self.hours.without(closed)
        return own.without(one for one in closed if one.day)

    def waited(self, since: datetime, now: datetime, facility_id: int) -> timedelta:
        """The business hours of a facility between two instants."""
        return age(since, now, self.zones.get(facility_id, "UTC"), self.hours_at(facility_id))


def attention(waited: timedelta, patience: Patience, *, is_rush: bool = False) -> Attention:
    """What is due after waiting so long."""
    counted = waited * 2 if is_rush else waited
    if counted >= timedelta(hours=patience.escalate_after):
        return Attention.ESCALATE
    if counted >= timedelta(hours=patience.remind_after):
        return Attention.REMIND
    return Attention.NONE
