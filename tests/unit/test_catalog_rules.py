"""Barcodes, packs and suggested quantities."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.catalog.rules import Shelf, gtin_of, is_gtin, pack, suggested_packs, written_forms
from portal.foundation.quantity import is_multiple, whole_packs

GTIN = "09506000134352"
quantities = st.decimals(min_value=0, max_value=10_000, places=0)
factors = st.sampled_from([Decimal(1), Decimal(2), Decimal(10), Decimal(24), Decimal(144), Decimal("2.5")])


@pytest.mark.parametrize(
    "text",
    [
        GTIN,
        "9506000134352",
        f"(01){GTIN}",
        f"(01) {GTIN} (17) 261231 (10) AB-1",
        f"01{GTIN}17261231",
        f"01{GTIN}17261231\x1d10AB-1",
        f"]d201{GTIN}10AB-1",
        f"\x1d01{GTIN}10AB-1",
    ],
)
def test_a_barcode_is_read_as_people_and_scanners_write_it(text: str) -> None:
    assert gtin_of(text) == GTIN


@pytest.mark.parametrize(
    "text",
    ["", "gloves", "09506000134353", "(01)09506000134353", "(10)AB-1", "123", "１２３４５６７８", "0" * 40],
)
def test_what_is_no_barcode_is_none(text: str) -> None:
    assert gtin_of(text) is None


def test_a_barcode_may_be_kept_in_its_shorter_forms() -> None:
    assert written_forms(GTIN) == ["9506000134352", GTIN]
    assert written_forms("00000096385074") == ["96385074", "000096385074", "0000096385074", "00000096385074"]
    assert "" not in written_forms("0" * 14)


@given(st.integers(min_value=0, max_value=10**13 - 1))
def test_exactly_one_check_digit_is_true(body: int) -> None:
    assert sum(is_gtin(f"{body:013d}{digit}") for digit in range(10)) == 1


@given(st.text(max_size=60))
def test_any_text_may_be_scanned(text: str) -> None:
    found = gtin_of(text)
    assert found is None or (len(found) == 14 and is_gtin(found))


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
