"""What typed words may mean: with synonyms in their place, and numbers as catalogs write them."""

import re
from collections.abc import Iterable, Sequence

from portal.catalog.rules import words_of

MOST_READINGS = 12
MEASURE = re.compile(r"\b\d[\da-z]*[a-z][\da-z]*\b")  # 10ml, 4x4, 16fr
BOUNDARY = re.compile(r"(?<=\d)(?=[a-z])|(?<=[a-z])(?=\d)")
SIZES = re.compile(r"\b(\d+) x (\d+)\b")


def readings_of(typed: str, synonyms: Sequence[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    """The words as typed, then every other way to read them; `synonyms` are (word, meaning) found in them.

    Each synonym is taken by itself, then all; 10ml is also read as 10 ml, and 4 x 4 as 4x4.
    """
    text = f" {typed.lower()} "
    phrases = [text, *(_meant(text, [one]) for one in synonyms), _meant(text, synonyms)]
    spelled = [spell(phrase) for phrase in phrases for spell in (str, _apart, _together)]
    return tuple(dict.fromkeys(filter(None, map(words_of, spelled))))[:MOST_READINGS]


def _meant(text: str, synonyms: Iterable[tuple[str, str]]) -> str:
    """The meanings in their place; a chux pad is an underpad: what a meaning has within it adds nothing."""
    meanings = []
    for word, meaning in synonyms:
        if f" {word} " in text:
            text = text.replace(f" {word} ", " ")
            meanings.append(meaning.lower())
    found = " ".join(meanings)
    return " ".join([found, *(word for word in text.split() if word not in found)])


def _apart(text: str) -> str:
    return MEASURE.sub(lambda match: BOUNDARY.sub(" ", match.group()), text)


def _together(text: str) -> str:
    return SIZES.sub(r"\1x\2", text)
