"""Rows pasted from a spreadsheet: a code and a quantity in each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from wtforms.validators import ValidationError

from portal.foundation.forms import parse_quantity

SEPARATORS = ("\t", ";", ",")
AFTER_SPACE = re.compile(r"^(.*\S)\s+(\d+(?:\.\d+)?)$")
HEADINGS = frozenset({"qty", "quantity", "packs", "amount", "count"})


@dataclass(frozen=True)
class Row:
    """A row with its number in what was pasted (from 1); a quantity, or what is wrong with it."""

    number: int
    text: str
    code: str
    quantity: Decimal | None
    problem: str = ""


def rows_of(text: str) -> list[Row]:
    """The rows that are not empty; a heading is left out. No quantity means one."""
    return list(_rows(text))


def _rows(text: str) -> Iterator[Row]:
    is_first = True
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if not line.strip():
            continue
        code, typed = _cells(line)
        is_heading = is_first and typed.lower() in HEADINGS
        is_first = False
        if not is_heading:
            yield _row(number, line, code, typed)


def _cells(line: str) -> tuple[str, str]:
    for separator in SEPARATORS:
        if separator in line.strip(" "):
            code, _, rest = line.partition(separator)
            return code.strip().strip('"'), rest.partition(separator)[0].strip().strip('"')
    spaced = AFTER_SPACE.match(line.strip())
    return (spaced.group(1), spaced.group(2)) if spaced else (line.strip(), "")


def _row(number: int, line: str, code: str, typed: str) -> Row:
    if not code:
        return Row(number, line, code, None, "It has no code. Put the code first, then the quantity.")
    try:
        quantity = parse_quantity(typed, whole=True) if typed else Decimal(1)
    except ValidationError as error:
        return Row(number, line, code, None, f"“{typed}” is no quantity. {error}")
    return Row(number, line, code, quantity)
