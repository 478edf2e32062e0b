"""Checks the rows of a table against its schema: values by column, and every fault by row and column."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import Any

from portal.masterdata.cells import check_plain
from portal.masterdata.columns import Columns, Faultless
from portal.masterdata.files import Block, Line, Unusable
from portal.masterdata.schemas import Column, Fault, Schema

MOST_PROBLEMS = 8
MOST_COLUMNS = 100
MOST_KNOWN = 1_000
UNKNOWN = object()


@dataclass(frozen=True)
class Checked:
    """One row: a value per column of the schema in its order, and what is wrong with it.

    None stands for a faulty cell and for a column the file does not have.
    """

    number: int
    values: tuple[Any, ...]
    faults: tuple[Fault, ...]


def check(schema: Schema, lines: Iterator[Line]) -> Iterator[Checked]:
    """Checks row by row; raises Unusable when the header does not fit the schema."""
    row = _Row(schema, *_places(schema, *next(lines, (1, []))))
    for number, cells in lines:
        yield row.check(number, cells)


def check_blocks(schema: Schema, blocks: Iterator[Block]) -> Iterator[Checked | Faultless]:
    """Checks block by block where nothing is wrong, else row by row; raises Unusable as `check` does."""
    for block in blocks:
        header = next(block.lines(), None)
        if header is not None:
            break
    else:
        block, header = Block(1, []), (1, [])
    places, width = _places(schema, *header)
    row, columns = _Row(schema, places, width), Columns(schema, places, width)
    rest = Block(header[0] + 1, block.rows[header[0] + 1 - block.first :], block.is_csv)
    for each in chain([rest] if rest.rows else [], blocks):
        faultless = columns.read(each)
        if faultless is not None:
            yield faultless
        else:
            yield from (row.check(number, cells) for number, cells in each.lines())


def _places(schema: Schema, header_row: int, header: Sequence[str]) -> tuple[list[int | None], int]:
    """Where each column of the schema stands, if at all, and how many columns the header has."""
    names = [_normal(cell[:40]) for cell in header[:MOST_COLUMNS]]
    while names and not names[-1]:
        names.pop()
    problems = list(_header_problems(schema, names))
    if problems:
        raise Unusable(f"The header in row {header_row} does not fit. " + " ".join(problems[:MOST_PROBLEMS]))
    return [names.index(column.name) if column.name in names else None for column in schema.columns], len(
        names
    )


def from_mappings(rows: Iterable[Mapping[str, str]]) -> Iterator[Line]:
    """Rows by column name as the lines of a table; raises Unusable when they differ in their columns."""
    header: list[str] = []
    for number, row in enumerate(rows, start=2):
        if not header:
            header = list(row)
            yield 1, header
        if row.keys() != set(header):
            raise Unusable(f"Row {number} has other columns than the first one.")
        yield number, [row[name].strip() for name in header]


def check_records(
    schema: Schema, records: Iterable[Mapping[str, str]], left_out: Callable[[Mapping[str, str], Fault], None]
) -> Iterator[Checked]:
    """Checks records of another system, numbered from 1; an empty value says nothing.

    A value that cannot be taken is left out and told to `left_out`, unless the record needs it.
    """
    for number, record in enumerate(records, start=1):
        faults: list[Fault] = []
        said = ((column, record.get(column.name, "")) for column in schema.columns)
        values = tuple(_said(column, cell, number, faults) for column, cell in said)
        optional = {column.name for column in schema.columns if not column.required}
        for fault in faults:
            if fault.column in optional:
                left_out(record, fault)
        needed = [fault for fault in faults if fault.column not in optional]
        yield Checked(number, values, (*needed, *_rule_faults(schema, number, values)))


def _said(column: Column, cell: str, number: int, faults: list[Fault]) -> Any:
    return _value(column, cell, number, faults) if cell or column.required else None


def _rule_faults(schema: Schema, number: int, values: Sequence[Any]) -> Iterator[Fault]:
    if schema.rule is not None:
        named = dict(zip((column.name for column in schema.columns), values, strict=True))
        for column, sentence in schema.rule(named):
            yield Fault(number, column, sentence)


def _normal(cell: str) -> str:
    return "_".join(cell.lower().replace("-", " ").replace("_", " ").split())


def _header_problems(schema: Schema, names: Sequence[str]) -> Iterator[str]:
    known = [column.name for column in schema.columns]
    missing = [column.name for column in schema.columns if column.required and column.name not in names]
    if missing:
        yield f"Missing: {', '.join(missing)}."
    for name, count in Counter(names).items():
        if not name:
            yield "A column has no name."
        elif name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            yield f'There is no column "{name}". ' + (f'Did you mean "{near[0]}"?' if near else "Remove it.")
        elif count > 1:
            yield f'The column "{name}" stands there twice.'


class _Row:
    """Checks rows whose cells stand at known places; what a column says again and again is read once."""

    def __init__(self, schema: Schema, places: Sequence[int | None], width: int) -> None:
        self._schema = schema
        known: list[dict[str, Any]] = [{} for _ in places]
        self._columns = tuple(zip(schema.columns, places, known, strict=True))
        self._width = width

    def check(self, number: int, cells: Sequence[str]) -> Checked:
        faults: list[Fault] = []
        values: list[Any] = []
        for column, place, known in self._columns:
            cell = None if place is None else cells[place] if place < len(cells) else ""
            value = None if cell is None else known.get(cell, UNKNOWN)
            if value is UNKNOWN:
                before = len(faults)
                value = _value(column, cell or "", number, faults)
                if len(known) < MOST_KNOWN and len(faults) == before:
                    known[cell or ""] = value
            values.append(value)
        if any(cells[self._width :]):
            faults.append(Fault(number, "", f"This row has more cells than the header's {self._width}."))
        faults.extend(_rule_faults(self._schema, number, values))
        return Checked(number, tuple(values), tuple(faults))


def _value(column: Column, cell: str, number: int, faults: list[Fault]) -> Any:
    if not cell:
        if column.required:
            faults.append(Fault(number, column.name, f"{column.name} is missing. Fill in: {column.hint}."))
        return column.empty
    try:
        check_plain(cell)
        return column.read(cell)
    except ValueError as error:
        faults.append(Fault(number, column.name, str(error)))
        return None
