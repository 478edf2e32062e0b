"""Cells that a spreadsheet does not calculate."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from portal.foundation.spreadsheets import cell, lines


@given(st.text())
def test_no_cell_begins_like_a_formula(text: str) -> None:
    written = cell(text)
    assert written.removeprefix("'") == text or written == text
    assert not written.lstrip().startswith(("=", "+", "-", "@"))
    assert written[:1] not in ("\t", "\r", "\n")


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\r\x00"), max_size=30), min_size=2, max_size=2)
    )
)
def test_what_is_exported_can_be_read_again(rows: list[list[str]]) -> None:
    text = "".join(lines(("a", "b"), rows))
    read = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert read[0] == ["a", "b"]
    assert read[1:] == [[cell(one) for one in row] for row in rows]
