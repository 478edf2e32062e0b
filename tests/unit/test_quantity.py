"""Needs become whole packs."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.foundation.quantity import rounded_packs, whole_packs

amounts = st.integers(0, 5000).map(Decimal)
packs = st.integers(1, 500).map(Decimal)


@pytest.mark.parametrize(
    ("need", "threshold", "to_zero", "expected"),
    [(26, 4, False, 3), (26, 7, False, 2), (6, 7, True, 0), (6, 7, False, 1)],
)
def test_a_rest_is_rounded_at_its_threshold(need: int, threshold: int, to_zero: bool, expected: int) -> None:
    found = rounded_packs(Decimal(need), Decimal(10), Decimal(threshold), to_zero=to_zero)
    assert found == expected


@given(need=amounts, pack=packs, threshold=amounts)
def test_packs_lack_less_than_the_threshold_and_never_exceed_a_pack(
    need: Decimal, pack: Decimal, threshold: Decimal
) -> None:
    found = rounded_packs(need, pack, threshold, to_zero=True)
    lacking = need - found * pack
    assert found == found.to_integral_value()
    assert -pack < lacking < max(threshold, Decimal(1))
    assert lacking < pack
    asked = rounded_packs(need, pack, threshold, to_zero=False)
    assert asked == (found if found or not need else 1)


@given(need=amounts, pack=packs)
def test_without_a_threshold_every_need_is_covered_by_the_fewest_packs(need: Decimal, pack: Decimal) -> None:
    assert rounded_packs(need, pack, Decimal(), to_zero=True) == whole_packs(need, pack)
