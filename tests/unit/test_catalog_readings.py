"""What typed words may mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.catalog.readings import MOST_READINGS, readings_of


@pytest.mark.parametrize(
    ("typed", "synonyms", "expected"),
    [
        ("10ml syringe", [], ("10", "ml", "syringe")),
        ("4x4 gauze", [], ("4", "x", "4", "gauze")),
        ("gauze 4 x 4", [], ("gauze", "4x4")),
        ("chux pad", [("chux", "underpad")], ("underpad",)),
        ("Chux 23", [("chux", "underpad")], ("underpad", "23")),
        ("straight cath", [("cath", "catheter"), ("straight", "intermittent")], ("catheter", "intermittent")),
    ],
)
def test_words_have_other_readings(
    typed: str, synonyms: list[tuple[str, str]], expected: tuple[str, ...]
) -> None:
    readings = readings_of(typed, synonyms)
    assert readings[0] == tuple(typed.lower().split())
    assert expected in readings


def test_an_item_number_is_read_as_it_is() -> None:
    assert readings_of("B0500000", []) == (("b0500000",),)


@given(st.text(max_size=60), st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=4))
def test_there_are_only_so_many_readings(typed: str, synonyms: list[tuple[str, str]]) -> None:
    assert len(readings_of(typed, synonyms)) <= MOST_READINGS
