"""Rows pasted from a spreadsheet: a code and a quantity in each; more columns where a heading names them."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from wtforms.validators import ValidationError

from portal.foundation.forms import parse_quantity
from portal.requisitions.rules import TOO_MANY

SEPARATORS = ("\t", ";", ",")
AFTER_SPACE = re.compile(r"^(.*\S)\s+(\d+(?:\.\d+)?)$")
HEADINGS = frozenset({"qty", "quantity", "packs", "amount", "count"})
COLUMNS = {
    "code": frozenset({"code", "item", "item number", "part number", "sku"}),
    "quantity": HEADINGS,
    "place": frozenset({"deliver to", "ship to", "ship-to", "place", "location"}),
    "center": frozenset({"cost center", "cost centers"}),
    "account": frozenset({"gl account", "gl", "account"}),
}
SHARE = re.compile(r"(\S+)\s+(\d+(?:\.\d+)?)\s*%?")


@dataclass(frozen=True)
class Row:
    """A row with its number in what was pasted (from 1); a quantity, or what is wrong with it.

    Shares are cost centers with their percentages, from a cell like CC100 60 / CC200 40.
    """

    number: int
    text: str
    code: str
    quantity: Decimal | None
    problem: str = ""
    place: str = ""
    center: str = ""
    account: str = ""
    shares: tuple[tuple[str, Decimal], ...] = ()


def rows_of(text: str) -> list[Row]:
    """The rows that are not empty; a heading is left out. No quantity means one."""
    lines = enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1)
    filled = [(number, line) for number, line in lines if line.strip()]
    separator, columns = _heading(filled[0][1]) if filled else ("", [])
    if columns:
        return [_named(number, line, separator, columns) for number, line in filled[1:]]
    return list(_rows(filled))


def _heading(line: str) -> tuple[str, list[str]]:
    """The separator and the kind of each column, where the first row names code and quantity and more."""
    separator = next((one for one in SEPARATORS if one in line), SEPARATORS[0])
    names = [cell.strip().lower() for cell in _split(line, separator)]
    kinds = [next((kind for kind, known in COLUMNS.items() if name in known), "") for name in names]
    is_named = "code" in kinds and {"place", "center", "account"} & set(kinds)
    return (separator, kinds) if is_named else ("", [])


def _split(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _named(number: int, line: str, separator: str, columns: list[str]) -> Row:
    cells = dict(zip(columns, (cell.strip() for cell in _split(line, separator)), strict=False))
    row = _row(number, line, cells.get("code", ""), cells.get("quantity", ""))
    center = cells.get("center", "")
    parts = [SHARE.fullmatch(part.strip()) for part in center.split("/")] if "/" in center else []
    shares = tuple((part[1], Decimal(part[2])) for part in parts if part)
    if len(shares) < len(parts):
        return replace(row, quantity=None, problem=f"“{center}”: write shares as CC100 60 / CC200 40.")
    return replace(
        row,
        place=cells.get("place", ""),
        center="" if shares else center,
        account=cells.get("account", ""),
        shares=shares,
    )


def _rows(lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
    is_first = True
    for number, line in lines:
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
        quantity = parse_quantity(typed, whole=True, too_much=TOO_MANY) if typed else Decimal(1)
    except ValidationError as error:
        is_number = str(error) == TOO_MANY
        return Row(number, line, code, None, TOO_MANY if is_number else f"“{typed}” is no quantity. {error}")
    return Row(number, line, code, quantity)
