"""Checks blocks of rows column by column, which costs a fraction of cell by cell where nothing is wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from portal.masterdata import cells
from portal.masterdata.cells import Reader, Text
from portal.masterdata.files import MAX_ROWS, Block
from portal.masterdata.schemas import Column, RowRule, Schema

Bulk = Callable[[Sequence[str]], Sequence[str] | None]
"""The values of untrimmed cells when all are surely right and cost little to see so, else None."""

MOST_KNOWN = 10_000
GTIN_LENGTHS = frozenset(cells.GTIN_LENGTHS)
# What COPY, a formula, a spreadsheet's error or an export's apostrophe would make of a cell, and blanks.
UNUSUAL = ("\\", "\ufffd", "  ", "\n ", " \n", "\n=", "\n#", "\n'", "\n\n")
DIGITS = bytes(digit % 16 for digit in range(256))
TRIPLED = bytes(digit * 3 % 256 for digit in range(256))
ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"})


@dataclass(frozen=True)
class Faultless:
    """Rows without a fault as COPY takes them in text format: the row number, then the named columns."""

    names: tuple[str, ...]
    count: int
    text: str


class Columns:
    """Reads blocks of one table whose cells stand at known places."""

    def __init__(self, schema: Schema, places: Sequence[int | None], width: int) -> None:
        pairs = zip(schema.columns, places, strict=True)
        self._columns = [(_Column(column), place) for column, place in pairs if place is not None]
        self._names = tuple(one.column.name for one, _ in self._columns)
        self._width = width
        self._rule = schema.rule
        self._ruled = [(one.column, place) for one, place in self._columns if one.column.name in schema.ruled]

    def read(self, block: Block) -> Faultless | None:
        """The rows of a block; None when they must be looked at one by one."""
        count = len(block.rows)
        if block.first + count > MAX_ROWS:
            return None
        if set(map(len, block.rows)) != {self._width}:
            return None
        given = list(zip(*block.rows, strict=True))
        read: list[Sequence[str]] = [list(map(str, range(block.first, block.first + count)))]
        for column, place in self._columns:
            values = column.read(given[place])
            if values is None:
                return None
            read.append(values)
        if self._rule is not None and not self._keeps(self._rule, given):
            return None
        return Faultless(self._names, count, "\n".join(map("\t".join, zip(*read, strict=True))) + "\n")

    def _keeps(self, rule: RowRule, given: Sequence[Sequence[str]]) -> bool:
        """Whether cells that can each be read say nothing wrong together; what differs is looked at once."""
        for together in set(zip(*(given[place] for _, place in self._ruled), strict=True)):
            pairs = zip(self._ruled, together, strict=True)
            if any(rule({column.name: column.read(cell.strip()) for (column, _), cell in pairs})):
                return False
        return True


class _Column:
    """Reads the cells of one column; what it says again and again is read once."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self._known: dict[str, str] = {}
        self._bulk = _bulk(column.read)

    def read(self, given: Sequence[str]) -> Sequence[str] | None:
        """The values as COPY takes them; None when a cell is wrong."""
        new = set(given).difference(self._known)
        if len(new) > len(given) // 10:
            values = self._bulk(given)
            if values is not None:
                return values
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
            new = set(given)
        try:
            self._know(new)
        except ValueError:
            return None
        return list(map(self._known.__getitem__, given))

    def _know(self, new: set[str]) -> None:
        """Reads what stands there for the first time; raises ValueError when one is wrong."""
        filled = [cell for cell in new if cell]
        values = self._bulk(filled) if filled else filled
        if values is None:
            values = list(map(self._copied, filled))
        self._known.update(zip(filled, values, strict=True))
        if "" in new:
            self._known[""] = self._copied("")

    def _copied(self, raw: str) -> str:
        cell = raw.strip()
        if cell[:1] == "'" or (self.column.required and not cell):
            raise ValueError
        if not cell:
            return _copy_text(self.column.empty)
        cells.check_plain(cell)
        return _copy_text(self.column.read(cell))


def _copy_text(value: Any) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    return value.isoformat() if isinstance(value, date) else str(value).translate(ESCAPED)


def _bulk(read: Reader) -> Bulk:
    if isinstance(read, Text):
        return lambda given: _texts(given, read.longest)
    if read is cells.code:
        return lambda given: _texts(given, cells.LONGEST_CODE)
    return _gtins if read is cells.gtin else lambda given: None


def _texts(given: Sequence[str], longest: int) -> Sequence[str] | None:
    if not "".join(given).isprintable() or max(map(len, given)) > longest:
        return None
    joined = "\n" + "\n".join(given) + "\n"
    return None if any(sign in joined for sign in UNUSUAL) else given


def _gtins(given: Sequence[str]) -> Sequence[str] | None:
    """GTINs of digits only whose weighed sums are multiples of ten (GS1 General Specifications 7.9)."""
    if not GTIN_LENGTHS.issuperset(map(len, given)):
        return None
    padded = [cell.zfill(14) for cell in given]
    signs = "".join(padded)
    if not signs.isascii() or not signs.isdecimal():
        return None
    digits = signs.encode().translate(DIGITS)
    places = (digits[place::14] for place in range(14))
    weighed = (place.translate(TRIPLED) if number % 2 == 0 else place for number, place in enumerate(places))
    return None if any(total % 10 for total in map(sum, zip(*weighed, strict=True))) else padded
