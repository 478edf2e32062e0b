"""How much to request, why, and when an item runs out."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.catalog.rules import Shelf, suggested_packs
from portal.foundation.quantity import rounded_packs
from portal.inventory.rules import ParMethod
from portal.replenishment.barcode import PATTERNS, bars
from portal.replenishment.rules import (
    Arrival,
    Demand,
    Par,
    daily_usage,
    explained,
    stock_out_on,
)

MONDAY = date(2026, 11, 23)
TUESDAY = date(2026, 11, 24)
TEN = Decimal(10)


def par(minimum: int = 40, maximum: int = 40, **facts: object) -> Par:
    """A par line; whole numbers become quantities."""
    values = {
        name: Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in facts.items()
    }
    return Par(1, Decimal(minimum), Decimal(maximum), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("need", "threshold", "to_zero", "packs"),
    [
        (26, 4, False, 3),
        (26, 7, False, 2),
        (6, 7, True, 0),
        (6, 7, False, 1),
        (30, 1, True, 3),
        (0, 1, False, 0),
    ],
)
def test_pack_rounding(need: int, threshold: int, to_zero: bool, packs: int) -> None:
    assert rounded_packs(Decimal(need), TEN, Decimal(threshold), to_zero=to_zero) == packs


def test_the_quantity_is_explained_in_one_line() -> None:
    line = par(on_hand=12, arrivals=(Arrival(TEN, MONDAY + timedelta(days=1), is_promised=True),))
    packs = line.packs(TEN)
    sentence = explained(line, pack=TEN, uom="BX", packs=packs, today=MONDAY - timedelta(days=1))
    assert sentence == "par 40, on hand 12, on order 10 promised Tuesday, pack of 10 → 2 boxes"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            par(20, 45, on_hand=5, expired=3, requested=4),
            "minimum 20, maximum 45, on hand 5, 3 more expired, requested 4, pack of 10 → 3 boxes",
        ),
        (
            par(on_hand=38, demands=(Demand(1, TUESDAY, Decimal(5)), Demand(1, MONDAY, Decimal(2)))),
            "par 40, on hand 38, cases need 7 by tomorrow, pack of 10 → 1 box",
        ),
        (
            par(50, 100, method=ParMethod.KANBAN, is_bin_empty=True),
            "bin of 50 empty, on hand 0, pack of 10 → 5 boxes",
        ),
        (
            par(on_hand=9, arrivals=(Arrival(Decimal(4)), Arrival(Decimal(7), date(2026, 12, 30)))),
            "par 40, on hand 9, on order 4 without a date and 7 expected Dec 30, pack of 10 → 2 boxes",
        ),
        (
            par(on_hand=9, arrivals=(Arrival(Decimal(4), date(2026, 11, 5), is_promised=True),)),
            "par 40, on hand 9, on order 4 due since Nov 5, pack of 10 → 3 boxes",
        ),
    ],
)
def test_every_part_of_the_quantity_is_told(line: Par, sentence: str) -> None:
    assert explained(line, pack=TEN, uom="BX", packs=line.packs(TEN), today=MONDAY) == sentence


def test_two_bins_never_ask_for_more_than_two_bins() -> None:
    card = {"method": ParMethod.KANBAN, "is_bin_empty": True}
    assert par(50, 100, **card).need == 50
    assert par(50, 100, requested=50, **card).need == 50
    assert par(50, 100, requested=50, arrivals=(Arrival(Decimal(50)),), **card).need == 0
    assert par(50, 100, method=ParMethod.KANBAN, on_hand=0).need == 0, "only an empty bin asks"


quantities = st.integers(0, 200).map(Decimal)


@given(quantities, quantities, quantities, quantities, quantities, st.integers(1, 50).map(Decimal))
def test_a_shelf_is_filled_without_passing_the_maximum_for_nothing(
    low: Decimal, more: Decimal, held: Decimal, asked: Decimal, coming: Decimal, pack: Decimal
) -> None:
    line = Par(1, low, low + more, on_hand=held, requested=asked, arrivals=(Arrival(coming),))
    packs = line.packs(pack)
    after = line.position + packs * pack
    assert packs == packs.to_integral_value()
    assert packs >= 0
    assert after >= low, "the minimum is reached"
    assert packs == 0 or after <= low + more or after - pack < low, "one pack less would be too little"
    shelf = Shelf(1, on_hand=held + asked, minimum=low, maximum=low + more, on_order=coming)
    assert packs == suggested_packs(shelf, pack), "as the order guide suggests"


@pytest.mark.parametrize(
    ("line", "day"),
    [
        (par(on_hand=0), 0),
        (par(on_hand=-3, daily_usage=1), 0),
        (par(on_hand=10), None),
        (par(on_hand=10, daily_usage=2), 5),
        (par(on_hand=10, daily_usage=3), 3),
        (par(on_hand=4, daily_usage=2, arrivals=(Arrival(TEN, MONDAY + timedelta(days=1)),)), 7),
        (par(on_hand=4, daily_usage=2, arrivals=(Arrival(TEN, MONDAY + timedelta(days=3)),)), 2),
        (par(on_hand=4, daily_usage=2, arrivals=(Arrival(TEN, MONDAY - timedelta(days=3)),)), 7),
        (par(on_hand=4, daily_usage=2, arrivals=(Arrival(TEN),)), 2),
        (par(on_hand=4, demands=(Demand(1, MONDAY + timedelta(days=4), Decimal(5)),)), 4),
        (par(on_hand=4, demands=(Demand(1, MONDAY + timedelta(days=4), Decimal(4)),)), None),
        (par(on_hand=999, daily_usage=1), None),
    ],
)
def test_the_day_an_item_runs_out(line: Par, day: int | None) -> None:
    assert stock_out_on(line, MONDAY) == (None if day is None else MONDAY + timedelta(days=day))


@pytest.mark.parametrize(
    ("consumed", "days_ago", "rate"),
    [(28, 100, 1), (28, 13, 2), (28, 1, 4), (-3, 20, 0), (0, 20, 0)],
)
def test_usage_a_day(consumed: int, days_ago: int, rate: int) -> None:
    first = MONDAY - timedelta(days=days_ago)
    assert daily_usage(Decimal(consumed), first, MONDAY) == rate
    assert daily_usage(Decimal(consumed), None, MONDAY) == 0


def test_the_barcode_of_a_card_has_the_shape_of_code_39() -> None:
    drawn = bars("KB-1")
    assert len(drawn) == 5 * len("*KB-1*")
    assert all(left + width < after for (left, width), (after, _) in pairwise(drawn)), "spaces between bars"
    assert {width for _, width in drawn} == {1, 3}
    assert {pattern.count("w") for pattern in PATTERNS.values()} == {3}, "three of nine"
