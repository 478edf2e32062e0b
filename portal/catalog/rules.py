"""Packs in words, how much a location should request, and words as a full-text query."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal
from string import ascii_lowercase

from portal.foundation.quantity import plain, whole_packs

WORD = re.compile(r"[^\W_]+(?:[.-][^\W_]+)*")
MOST_WORDS = 8
COVER_DAYS = 14
SHORTEST_SIMILAR = 4
SHORTEST_BEGINNING = 3
MOST_BEGINNINGS = 50
SHORTEST_NUMBER = 5  # 14 is meant as it is; among a million numbers thousands begin with it


def words_of(text: str) -> tuple[str, ...]:
    """The words to look for: letters, digits, points and hyphens only."""
    return tuple(WORD.findall(text)[:MOST_WORDS])


def may_be_misspelled(word: str) -> bool:
    """Numbers and short words are meant as they are."""
    return len(word) >= SHORTEST_SIMILAR and word.isalpha()


def one_letter_off(word: str) -> set[str]:
    """What was meant if one letter of a lower-case word is missing, too much, wrong, or changed places."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    swapped = {head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1}
    less = {head + tail[1:] for head, tail in cuts if tail}
    more = {head + letter + tail for head, tail in cuts for letter in ascii_lowercase}
    other = {head + letter + tail[1:] for head, tail in cuts if tail for letter in ascii_lowercase}
    return (swapped | less | more | other) - {word}


def beginning_of(words: Sequence[str]) -> str | None:
    """The last word, if it may be the beginning of others that are known; else None."""
    last = words[-1].lower() if words else ""
    return last if last.isalpha() and len(last) >= SHORTEST_BEGINNING else None


def query_of(variants: Sequence[Sequence[str]], instead: Mapping[str, Sequence[str]] | None = None) -> str:
    """Any of the variants with all its words, as to_tsquery reads it; the last word may be a beginning.

    `instead` gives, by word, the others that may stand for it; with them it is taken for a whole word.
    """
    return " | ".join(f"({_all_of(words, instead or {})})" for words in variants if words)


def _all_of(words: Sequence[str], instead: Mapping[str, Sequence[str]]) -> str:
    # No word holds a quote, so none can be broken out of.
    *first, last = [
        "(" + " | ".join(f"'{one}'" for one in (word, *instead[word.lower()])) + ")"
        if word.lower() in instead
        else f"'{word}'"
        for word in words
    ]
    return " & ".join([*first, f"{last}:*" if last.endswith("'") and _is_beginning(words[-1]) else last])


def _is_beginning(word: str) -> bool:
    return len(word) >= (SHORTEST_BEGINNING if word.isalpha() else SHORTEST_NUMBER)


def pack(uom: str, factor: Decimal, base_uom: str) -> str:
    """The pack in words: BX of 100 EA; the base unit alone when it is the order unit."""
    return uom if uom == base_uom or factor == 1 else f"{uom} of {plain(factor)} {base_uom}"


@dataclass(frozen=True)
class Shelf:
    """What is known of an item at a location, in base units if nothing else is said; None is not set."""

    item_id: int
    on_hand: Decimal = Decimal()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    on_order: Decimal = Decimal()
    expected_on: date | None = None
    last_asked_at: datetime | None = None
    last_asked_by: str = ""
    in_cart: Mapping[int, Decimal] = field(default_factory=dict)  # packs by offer
    in_cart_base: Decimal = Decimal()
    daily_usage: Decimal = Decimal()

    @property
    def coming(self) -> Decimal:
        """On hand, on order and in the cart."""
        return self.on_hand + self.on_order + self.in_cart_base

    @property
    def is_low(self) -> bool:
        """Below par, counting only what is there."""
        return self.minimum is not None and self.on_hand < self.minimum

    def with_facts(self, other: "Shelf") -> "Shelf":
        """Both together."""
        return Shelf(
            item_id=self.item_id,
            on_hand=self.on_hand + other.on_hand,
            minimum=other.minimum if self.minimum is None else self.minimum,
            maximum=other.maximum if self.maximum is None else self.maximum,
            on_order=self.on_order + other.on_order,
            expected_on=min(filter(None, (self.expected_on, other.expected_on)), default=None),
            last_asked_at=self.last_asked_at or other.last_asked_at,
            last_asked_by=self.last_asked_by or other.last_asked_by,
            in_cart={**self.in_cart, **other.in_cart},
            in_cart_base=self.in_cart_base + other.in_cart_base,
            daily_usage=self.daily_usage + other.daily_usage,
        )


def suggested_packs(shelf: Shelf, factor: Decimal) -> Decimal:
    """Whole packs that fill up to the maximum without passing it, but never fewer than reach the minimum.

    Nothing while what is there or coming reaches the minimum. Without par it is what COVER_DAYS of use need.
    """
    if shelf.minimum is None or shelf.maximum is None:
        return whole_packs(max(shelf.daily_usage * COVER_DAYS - shelf.coming, Decimal()), factor)
    if shelf.coming >= shelf.minimum:
        return Decimal()
    up_to_maximum = ((shelf.maximum - shelf.coming) / factor).to_integral_value(rounding=ROUND_FLOOR)
    return max(up_to_maximum, whole_packs(shelf.minimum - shelf.coming, factor))
