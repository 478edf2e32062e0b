"""Rows from a spreadsheet, and the days of a rhythm."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.catalog.rules import Shelf
from portal.requisitions.lists.rules import Rhythm, is_day, next_due
from portal.requisitions.pasting import rows_of
from portal.requisitions.suggesting import asks_why, cover, suggested

CODES = st.from_regex(r"[A-Z][A-Z0-9-]{1,10}", fullmatch=True)


@given(
    st.lists(st.tuples(CODES, st.integers(1, 999_999)), max_size=20),
    st.sampled_from(["\t", ";", ",", " ", "  "]),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
)
@settings(max_examples=60)
def test_what_a_spreadsheet_copies_is_read(rows: list[tuple[str, int]], between: str, end: str) -> None:
    text = end.join(f"{code}{between}{quantity}" for code, quantity in rows)
    assert [(row.code, row.quantity) for row in rows_of(text)] == rows


@given(st.text(max_size=300))
@settings(max_examples=100)
def test_every_row_is_read_or_refused_with_its_number(text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for row in rows_of(text):
        assert row.text == lines[row.number - 1]
        assert bool(row.problem) == (row.quantity is None)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Item\tQuantity\nA-1\t2", [("A-1", Decimal(2))]),
        ('"A-1","3","BX"', [("A-1", Decimal(3))]),
        ("A-1", [("A-1", Decimal(1))]),
        ("A-1\t0", [("A-1", None)]),
        ("A-1\t2.5", [("A-1", None)]),
        ("\t4", [("", None)]),
        ("(01)00614141999996(10)L1 2", [("(01)00614141999996(10)L1", Decimal(2))]),
    ],
)
def test_rows_as_people_copy_them(text: str, read: list[tuple[str, Decimal | None]]) -> None:
    assert [(row.code, row.quantity) for row in rows_of(text)] == read


@given(
    st.sampled_from(Rhythm),
    st.integers(-2, 33),
    st.dates(date(2024, 1, 1), date(2032, 12, 31)),
)
@settings(max_examples=100)
def test_the_next_day_of_a_rhythm_comes_within_one_round(rhythm: Rhythm, day: int, after: date) -> None:
    if not is_day(rhythm, day):
        return
    due = next_due(rhythm, day, after)
    assert timedelta(0) < due - after <= timedelta(days=7 if rhythm is Rhythm.WEEKLY else 31)
    if rhythm is Rhythm.WEEKLY:
        assert due.weekday() == day
    else:
        assert due.day == day or (due + timedelta(days=1)).day == 1


def test_a_month_too_short_takes_its_last_day() -> None:
    assert next_due(Rhythm.MONTHLY, 31, date(2028, 1, 31)) == date(2028, 2, 29)
    assert next_due(Rhythm.MONTHLY, 31, date(2028, 2, 29)) == date(2028, 3, 31)
    assert next_due(Rhythm.MONTHLY, 15, date(2027, 12, 15)) == date(2028, 1, 15)


@pytest.mark.parametrize(
    ("requested", "advised", "asked"),
    [(5, 2, True), (4, 2, False), (1, 2, False), (1, 3, True)],
)
def test_a_reason_is_asked_beyond_twice_and_below_half(requested: int, advised: int, asked: bool) -> None:
    shelf = Shelf(1, minimum=Decimal(1), maximum=Decimal(advised * 10))
    assert asks_why(Decimal(requested), shelf, Decimal(10)) is asked


@pytest.mark.parametrize(("requested", "asked"), [(7, True), (6, False), (1, False)])
def test_a_full_shelf_asks_beyond_twice_what_it_takes(requested: int, asked: bool) -> None:
    full = Shelf(1, minimum=Decimal(10), maximum=Decimal(30), on_hand=Decimal(30))
    assert suggested(full, Decimal(10)) == 0
    assert asks_why(Decimal(requested), full, Decimal(10)) is asked
    assert not asks_why(Decimal(requested), Shelf(1), Decimal(10)), "nothing is known of it"


def test_without_par_two_weeks_of_use_are_suggested() -> None:
    shelf = Shelf(1, on_hand=Decimal(10), daily_usage=Decimal(2), in_cart_base=Decimal(30))
    assert suggested(shelf, Decimal(10)) == 2, "what is in the cart is what is being decided"
    assert cover(shelf) == "5 days"
    assert suggested(Shelf(1, on_hand=Decimal(28), daily_usage=Decimal(2)), Decimal(10)) == 0
    assert (suggested(Shelf(1), Decimal(10)), cover(Shelf(1))) == (0, "")


def test_a_heading_names_more_columns() -> None:
    text = (
        "Item number,Name,Qty,Deliver to,Cost center,GL account\n"
        'GLOVE-M,"Glove, medium",3,ST01,CC100 60 / CC200 40,\n'
        "CATH-14,Catheter,,,CC200,65100000\n"
        "TAPE,,1,,CC100 60 / CC200,\n"
    )
    gloves, catheter, tape = rows_of(text)
    assert (gloves.number, gloves.code, gloves.quantity, gloves.place) == (2, "GLOVE-M", 3, "ST01")
    assert (gloves.center, gloves.shares) == ("", (("CC100", Decimal(60)), ("CC200", Decimal(40))))
    assert (catheter.quantity, catheter.center, catheter.account) == (1, "CC200", "65100000")
    assert "write shares as CC100 60 / CC200 40" in tape.problem
