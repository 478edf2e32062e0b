"""Weeks and months of the calendar, and the feed as RFC 5545 wants it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from portal.orders.calendar.feed import written
from portal.orders.calendar.rules import FARTHEST, Arrival, Span, day_asked, deliveries, step, weeks

TODAY = date(2027, 3, 10)
days = st.dates(TODAY - FARTHEST, TODAY + FARTHEST)


@settings(max_examples=80)
@given(days, st.sampled_from(Span))
def test_spans_hold_their_day_and_follow_each_other(day: date, span: Span) -> None:
    rows = weeks(span, day)
    assert any(day in row for row in rows)
    assert all(row[0].weekday() == 6 and len(row) == 7 for row in rows)
    after = weeks(span, step(span, day, 1))
    before = weeks(span, step(span, day, -1))
    assert rows[0][0] <= after[0][0] <= rows[-1][-1] + timedelta(days=1) <= after[-1][-1]
    assert before[0][0] < rows[0][0] <= before[-1][-1] + timedelta(days=1)


def test_a_day_that_is_none_is_today() -> None:
    assert day_asked("2027-04-01", TODAY) == date(2027, 4, 1)
    for text in ("", "x", "2027-13-01", "9999-12-31", "0001-01-01", "2027-04-01'"):
        assert day_asked(text, TODAY) == TODAY


def arrival(line: int, order: int, day: date, *, announced: bool = False, item: str = "Gauze") -> Arrival:
    """The rest of a line."""
    return Arrival(
        on=day, is_announced=announced, line_id=line, order_id=order, number=f"PO-{order}",
        changed_at=datetime(2027, 3, 1, 8, tzinfo=UTC), supplier="Harborline; Medical, Inc.",
        location="Clinic", facility="Main", item=item, quantity=Decimal("2.500"), uom="BX",
    )  # fmt: skip


def test_lines_of_one_order_and_day_are_one_delivery() -> None:
    found = deliveries(
        [arrival(3, 1, TODAY), arrival(1, 1, TODAY, announced=True), arrival(2, 1, TODAY + timedelta(1)),
         arrival(4, 2, TODAY, announced=True)]
    )  # fmt: skip
    assert [[one.line_id for one in each.arrivals] for each in found] == [[1, 3], [4], [2]]
    assert [each.is_announced for each in found] == [False, True, False]


def test_the_feed_is_read_back_as_it_was_meant() -> None:
    item = "Gauze, 4 x 4; sterile \\ é\nX-EVIL:1 " + "long " * 40
    text = written("Deliveries", deliveries([arrival(1, 5, TODAY, item=item)]), "https://supply.example.org")
    assert all(len(line) <= 75 for line in text.split(b"\r\n"))  # RFC 5545, 3.1
    (event,) = Calendar.from_ical(text).walk("VEVENT")
    assert event["UID"] == "line-1@supply.example.org"
    assert event.decoded("DTSTART") == TODAY
    assert event.decoded("DTEND") == TODAY + timedelta(days=1)
    assert event.decoded("DTSTAMP") == datetime(2027, 3, 1, 8, tzinfo=UTC)
    assert str(event["SUMMARY"]) == "Harborline; Medical, Inc.: PO-5"
    assert str(event["DESCRIPTION"]).startswith("2.5 BX Gauze, 4 x 4; sterile")
    assert str(event["URL"]) == "https://supply.example.org/orders/5"
    assert "X-EVIL" not in event
    assert str(event["STATUS"]) == "TENTATIVE"


def test_a_feed_of_nothing_is_a_calendar() -> None:
    calendar = Calendar.from_ical(written("Deliveries", [], "https://supply.example.org"))
    assert str(calendar["VERSION"]) == "2.0"
    assert calendar["PRODID"]
    assert not calendar.walk("VEVENT")
