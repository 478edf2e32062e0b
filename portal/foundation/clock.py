"""The only source of time."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_shift: ContextVar[timedelta] = ContextVar("shift", default=timedelta())


def now() -> datetime:
    """This instant, aware, in UTC."""
    return datetime.now(UTC) + _shift.get()


def today(zone: str = "UTC") -> date:
    """The calendar day in an IANA time zone."""
    return now().astimezone(ZoneInfo(zone)).date()


@contextmanager
def shifted(by: timedelta) -> Iterator[None]:
    """Lets a block happen at another time: the demo's history is made by the services of every day."""
    token = _shift.set(by)
    try:
        yield
    finally:
        _shift.reset(token)
