"""Age in business hours: nights, week ends, holidays and a clock put forward do not count."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.approvals.business_hours import Attention, Hours, Patience, age, attention
from portal.masterdata.rules import Closing

ZONE = "America/Chicago"
instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 4, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("since", "now", "hours"),
    [
        ("2026-11-23T15:00", "2026-11-23T18:30", 3.5),
        ("2026-11-20T22:00", "2026-11-23T15:00", 2),  # Friday 16:00 to Monday 9:00
        ("2026-11-21T12:00", "2026-11-22T23:00", 0),
        ("2026-11-23T02:00", "2026-11-23T13:00", 0),
        ("2026-11-23T18:00", "2026-11-23T15:00", 0),
    ],
)
def test_only_office_hours_count(since: str, now: str, hours: float) -> None:
    begins, ends = (datetime.fromisoformat(f"{one}+00:00") for one in (since, now))
    assert age(begins, ends, ZONE) == timedelta(hours=hours)


def test_holidays_do_not_count() -> None:
    thursday = Hours(holidays=frozenset({date(2026, 11, 26)}))
    begins, ends = datetime(2026, 11, 26, 14, tzinfo=UTC), datetime(2026, 11, 27, 15, tzinfo=UTC)
    assert age(begins, ends, ZONE, thursday) == timedelta(hours=1)


def test_what_a_facility_closes_does_not_count() -> None:
    hours = Hours(opens=time(6)).without([Closing(weekday=3), Closing(day=date(2026, 11, 27))])
    thursday = datetime(2026, 11, 26, 14, tzinfo=UTC)
    assert age(thursday, thursday + timedelta(days=1), ZONE, hours) == timedelta()
    assert age(thursday, thursday + timedelta(days=5), ZONE, hours) == timedelta(hours=11 + 2)


@settings(max_examples=50)
@given(instants, instants, instants)
def test_ages_add_up_and_never_exceed_the_clock(one: datetime, two: datetime, three: datetime) -> None:
    first, second, third = sorted((one, two, three))
    assert age(first, second, ZONE) + age(second, third, ZONE) == age(first, third, ZONE)
    assert timedelta() <= age(first, third, ZONE) <= third - first


def test_a_rush_waits_half_as_long() -> None:
    patience = Patience(8, 16)
    for hours, usual, rush in (
        (3, Attention.NONE, Attention.NONE),
        (4, Attention.NONE, Attention.REMIND),
        (8, Attention.REMIND, Attention.ESCALATE),
        (16, Attention.ESCALATE, Attention.ESCALATE),
    ):
        waited = timedelta(hours=hours)
        assert attention(waited, patience) is usual
        assert attention(waited, patience, is_rush=True) is rush
