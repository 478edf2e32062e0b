"""When a standing order is due."""

from calendar import monthrange
from datetime import date, timedelta
from enum import StrEnum

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LAST_DAY = 31


class Rhythm(StrEnum):
    """How often a standing order is requested."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


def next_due(rhythm: Rhythm, day: int, after: date) -> date:
    """The first day of the rhythm after a day; in months that are too short the last day.

    `day` is the day of the week (Monday is 0) or of the month (1 to 31).
    """
    if rhythm is Rhythm.WEEKLY:
        return after + timedelta(days=(day - after.weekday() - 1) % 7 + 1)
    this_month = _in_month(after.year, after.month, day)
    if this_month > after:
        return this_month
    year, month = divmod(after.year * 12 + after.month, 12)
    return _in_month(year, month + 1, day)


def _in_month(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))


def is_day(rhythm: Rhythm, day: int) -> bool:
    """Whether the rhythm knows such a day."""
    return 0 <= day <= 6 if rhythm is Rhythm.WEEKLY else 1 <= day <= LAST_DAY


def in_words(rhythm: Rhythm, day: int) -> str:
    """every Monday; on day 15 of every month"""
    if rhythm is Rhythm.WEEKLY:
        return f"every {WEEKDAYS[day]}"
    return f"on day {day} of every month"
