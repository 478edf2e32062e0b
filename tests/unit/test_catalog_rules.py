"""Packs and suggested quantities."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.catalog.rules import Shelf, may_be_misspelled, pack, query_of, suggested_packs, words_of
from portal.foundation.quantity import is_multiple, whole_packs

quantities = st.decimals(min_value=0, max_value=10_000, places=0)
factors = st.sampled_from([Decimal(1), Decimal(2), Decimal(10), Decimal(24), Decimal(144), Decimal("2.5")])


def test_a_pack_is_told_in_words() -> None:
    assert pack("BX", Decimal("100.000"), "EA") == "BX of 100 EA"
    assert pack("EA", Decimal(1), "EA") == "EA"


@given(on_hand=quantities, minimum=quantities, above=quantities, factor=factors)
def test_a_suggestion_is_in_whole_packs_and_reaches_the_minimum(
    on_hand: Decimal, minimum: Decimal, above: Decimal, factor: Decimal
) -> None:
    shelf = Shelf(1, on_hand=on_hand, minimum=minimum, maximum=minimum + above)
    packs = suggested_packs(shelf, factor)
    assert packs >= 0
    assert is_multiple(packs, Decimal(1))
    if on_hand >= minimum:
        assert packs == 0
        return
    after = on_hand + packs * factor
    assert after >= minimum
    # It passes the maximum only when one pack less would not reach the minimum.
    assert after <= minimum + above or after - factor < minimum


def test_what_is_coming_counts() -> None:
    shelf = Shelf(
        1, on_hand=Decimal(5), minimum=Decimal(20), maximum=Decimal(40), on_order=Decimal(10),
        in_cart={7: Decimal(1)}, in_cart_base=Decimal(10),
    )  # fmt: skip
    assert suggested_packs(shelf, Decimal(10)) == 0
    assert suggested_packs(Shelf(1, on_hand=Decimal(5)), Decimal(10)) == 0


@given(need=st.decimals(min_value=0, max_value=10**6, places=3), factor=factors)
def test_whole_packs_cover_the_need_with_the_least(need: Decimal, factor: Decimal) -> None:
    packs = whole_packs(need, factor)
    assert packs * factor >= need
    assert (packs - 1) * factor < need or packs == 0


def test_shelves_add_up() -> None:
    both = Shelf(1, on_hand=Decimal(5)).with_facts(
        Shelf(1, minimum=Decimal(2), maximum=Decimal(9), on_order=Decimal(3), in_cart={4: Decimal(1)})
    )
    assert (both.on_hand, both.minimum, both.maximum, both.on_order) == (5, 2, 9, 3)
    assert both.in_cart == {4: 1}


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("glove", "('glove':*)"),
        ("nitrile glove", "('nitrile' & 'glove':*)"),
        ("foley 14", "('foley' & '14')"),
        ("b0005", "('b0005':*)"),
        ("gl", "('gl')"),
        ("x-ray film", "('x-ray' & 'film':*)"),
        ("'; DROP --", "('DROP':*)"),
    ],
)
def test_the_last_word_may_be_a_beginning_but_a_short_number_is_meant_as_it_is(text: str, query: str) -> None:
    assert query_of([words_of(text)]) == query


def test_similar_words_stand_for_the_asked_one() -> None:
    assert query_of([("foly", "16")], {"foly": ["foley"]}) == "(('foly' | 'foley') & '16')"
    assert query_of([("chux",), ("underpad",), ()]) == "('chux':*) | ('underpad':*)"


@given(st.text(max_size=80))
def test_no_text_breaks_out_of_its_quotes(text: str) -> None:
    words = words_of(text)
    assert not any(set(word) & set("'\\:&|!()<>*") for word in words)
    assert query_of([words]).count("'") == 2 * len(words)


def test_only_longer_words_of_letters_are_misspelled() -> None:
    assert [word for word in ("foly", "14fr", "bag", "B0001") if may_be_misspelled(word)] == ["foly"]
