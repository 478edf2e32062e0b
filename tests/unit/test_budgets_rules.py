"""Money is split and sliced to the cent; the formula adds up."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.budgets.presenters import formula
from portal.budgets.rules import Balance, Term
from portal.foundation.money import CENT, cents, extended, slice_amount, split

amounts = st.decimals(min_value=0, max_value=10**9, places=2)
prices = st.decimals(min_value=0, max_value=10**5, places=4)
packs = st.integers(min_value=0, max_value=500)


@given(amount=amounts, weights=st.lists(amounts, min_size=1, max_size=20).filter(lambda some: sum(some) > 0))
def test_a_split_adds_up_and_is_fair_to_the_cent(amount: Decimal, weights: list[Decimal]) -> None:
    parts = split(amount, weights)
    whole = sum(weights, Decimal())
    assert sum(parts, Decimal()) == amount
    assert all(part >= 0 and part == cents(part) for part in parts)
    assert all(
        abs(part - amount * weight / whole) <= CENT for part, weight in zip(parts, weights, strict=True)
    )
    turned = split(amount, weights[::-1])
    assert sorted(zip(weights, parts, strict=True)) == sorted(zip(weights[::-1], turned, strict=True))
    assert split(-amount, weights) == [-part for part in parts]


@pytest.mark.parametrize("weights", [[], [Decimal(0)], [Decimal(1), Decimal(-1), Decimal(2)]])
def test_a_split_needs_positive_weights(weights: list[Decimal]) -> None:
    with pytest.raises(ValueError, match="positive"):
        split(Decimal(10), weights)


@given(price=prices, steps=st.lists(packs, max_size=12))
def test_slices_add_up_to_the_line_however_it_is_cut(price: Decimal, steps: list[int]) -> None:
    marks = sorted({0, *steps})
    slices = [slice_amount(price, Decimal(before), Decimal(after)) for before, after in pairwise(marks)]
    assert sum(slices, Decimal()) == extended(Decimal(marks[-1]), price)
    assert all(one >= 0 for one in slices)


@given(budget=amounts, requested=amounts, ordered=amounts, invoiced=amounts)
def test_the_formula_on_the_page_is_the_formula(
    budget: Decimal, requested: Decimal, ordered: Decimal, invoiced: Decimal
) -> None:
    balance = Balance(budget, requested, ordered, invoiced)
    rows = formula(balance)
    assert rows[0]["value"] - sum(row["value"] for row in rows[1:-1]) == rows[-1]["value"]
    assert [row["term"] for row in rows[1:-1]] == list(Term)
    assert sum(balance.held(term) for term in Term) == requested + ordered + invoiced
