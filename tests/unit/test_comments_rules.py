"""Whom a comment mentions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.comments.rules import mentioned

PEOPLE = {1: "Buyer", 2: "Buyer of implants", 3: "Receiver", 4: "Receiver"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("@Buyer please look", {1}),
        ("please look, @buyer.", {1}),
        ("@Buyer of implants: which one?", {2}),
        ("@Buyers are busy", set()),
        ("write to office@buyer", set()),
        ("@Receiver", {3, 4}),
        ("@Buyer @Receiver", {1, 3, 4}),
        ("nobody", set()),
        ("@", set()),
    ],
)
def test_a_whole_name_behind_an_at_sign_is_a_mention(text: str, told: set[int]) -> None:
    assert mentioned(text, PEOPLE) == told
    assert mentioned(text, {}) == set()


@settings(max_examples=60)
@given(st.text(), st.dictionaries(st.integers(), st.text(), max_size=4))
def test_any_text_and_any_names_are_read(text: str, people: dict[int, str]) -> None:
    assert mentioned(text, people) <= set(people)
