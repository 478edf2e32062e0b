"""Takes rows in: copies, compares, finds what is wrong, counts, shows a sample, merges."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, func, insert, select, update

from portal.foundation.db import db
from portal.foundation.quantity import plain
from portal.masterdata import checks, comparing, merging
from portal.masterdata.columns import Faultless
from portal.masterdata.models import ItemPackaging
from portal.masterdata.rows import Checked
from portal.masterdata.schemas import Column, Fault, Schema
from portal.masterdata.targets import TARGETS
from portal.masterdata.temporary import TemporaryTables, copy_rows, copy_text

CHUNK = 5_000
Progress = Callable[[int], None]
"""Is told how many rows have been read."""


@dataclass(frozen=True)
class Counts:
    """How many rows are new, differ, are the same, or cannot be taken."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0


class Staging:
    """The rows of one table inside the current transaction; with a partner, records of that ERP.

    Records are matched through the partner's crosswalk first, then by code; rows of a file by code only.
    """

    def __init__(self, schema: Schema, *, partner_id: int | None = None) -> None:
        self._tables = TemporaryTables(schema, partner_id)

    def load(self, rows: Iterable[Checked | Faultless], progress: Progress) -> int:
        """Copies rows and their faults into temporary tables; returns how many rows there were."""
        tables = self._tables
        tables.create()
        done = 0
        for chunk in _chunks(rows):
            done += self._copy(chunk)
            progress(done)
        tables.analyze(tables.staged)
        return done

    def _copy(self, chunk: Faultless | list[Checked]) -> int:
        tables = self._tables
        if isinstance(chunk, Faultless):
            copy_text(tables.staged, ("row", *chunk.names), chunk.text)
            return chunk.count
        copy_rows(tables.staged, ((row.number, *row.values) for row in chunk))
        faults = (fault for row in chunk for fault in row.faults)
        copy_rows(tables.faulty, ((fault.row, fault.column, fault.sentence) for fault in faults))
        return len(chunk)

    def compare(self) -> None:
        """Finds the row each staged row means, what it would change, and what is wrong with it."""
        tables = self._tables
        db.session.execute(comparing.resolve(tables))
        tables.analyze(tables.resolved)
        for faults in self._checks():
            db.session.execute(insert(tables.faulty).from_select(["row", "column", "sentence"], faults))
        refused = tables.resolved.c.row.in_(select(tables.faulty.c.row))
        db.session.execute(update(tables.resolved).where(refused).values(action="refused"))

    def _checks(self) -> Iterator[Select[Any]]:
        tables = self._tables
        yield checks.duplicates(tables.schema, tables.staged)
        for column in tables.schema.columns:
            if column.refers_to is not None:
                noun = TARGETS[column.refers_to].noun
                yield checks.unknown(column, noun, tables.staged, tables.resolved)
        strict = tables.target.strict if tables.partner_id is None else ()
        for check in (*tables.target.checks, *strict):
            yield check(tables.staged, tables.resolved)

    def counts(self) -> Counts:
        """How many rows have which action."""
        action = self._tables.resolved.c.action
        rows = db.session.execute(select(action, func.count()).group_by(action))
        return Counts(**{str(name): number for name, number in rows})

    def fault_count(self) -> int:
        """How many faults there are."""
        return db.session.scalar(select(func.count()).select_from(self._tables.faulty)) or 0

    def faults(self, most: int) -> list[Fault]:
        """The first faults, by row."""
        faulty = self._tables.faulty
        statement = select(faulty).order_by(faulty.c.row, faulty.c.column).limit(most)
        return [Fault(*row) for row in db.session.execute(statement)]

    def sample(self, most: int) -> list[dict[str, Any]]:
        """The first rows that change, then new ones: {action, code, name, changes: {column: [old, new]}}."""
        tables = self._tables
        existing = tables.target.table.alias("existing")
        columns = tables.schema.columns
        resolved, staged = tables.resolved, tables.staged
        statement = (
            select(
                resolved.c.action,
                comparing.external_id(tables),
                *(_shown(column, _known(column, existing)) for column in columns),
                *(_shown(column, resolved.c[column.destination]) for column in columns),
            )
            .join_from(resolved, staged, staged.c.row == resolved.c.row)
            .outerjoin(existing, existing.c.id == resolved.c.existing_id)
            .where(resolved.c.action.in_(["added", "changed"]))
            .order_by(resolved.c.action.desc(), resolved.c.row)
            .limit(most)
        )
        return [_difference(columns, row) for row in db.session.execute(statement)]

    def refusals(self, most: int) -> list[dict[str, Any]]:
        """The first rows that cannot be taken: {action: refused, code, name, column, sentence}."""
        tables = self._tables
        statement = (
            select(comparing.external_id(tables), tables.faulty.c.column, tables.faulty.c.sentence)
            .join_from(tables.faulty, tables.staged, tables.staged.c.row == tables.faulty.c.row)
            .order_by(tables.faulty.c.row)
            .limit(most)
        )
        return [
            {"action": "refused", "code": code, "name": "", "column": column, "sentence": sentence}
            for code, column, sentence in db.session.execute(statement)
        ]

    def merge(self) -> None:
        """Writes what is new and what changed; rows with faults stay out."""
        merging.merge(self._tables)


def _known(column: Column, existing: FromClause) -> ColumnElement[Any]:
    if column.destination in existing.c:
        return existing.c[column.destination]
    base = (ItemPackaging.item_id == existing.c.id) & (ItemPackaging.uom == existing.c.base_uom)
    return select(ItemPackaging.gtin).where(base).scalar_subquery()


def _shown(column: Column, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A value as people know it: a reference as the code of its row."""
    if column.refers_to is None:
        return value
    target = TARGETS[column.refers_to]
    row = target.table.alias()
    return select(row.c[target.code]).where(row.c.id == value).scalar_subquery()


def _difference(columns: Sequence[Column], row: tuple[Any, ...]) -> dict[str, Any]:
    action, code, values = row[0], row[1], row[2:]
    old, new = values[: len(columns)], values[len(columns) :]
    named = dict(zip((column.name for column in columns), new, strict=True))
    pairs = zip(columns, map(_plain, old), map(_plain, new), strict=True)
    changes = {column.name: [before, after] for column, before, after in pairs if before != after}
    return {
        "action": action,
        "code": code,
        "name": named.get("name", ""),
        "changes": changes if action == "changed" else {},
    }


def _plain(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return plain(value)
        case date():
            return value.isoformat()
    return str(value)


def _chunks(rows: Iterable[Checked | Faultless]) -> Iterator[Faultless | list[Checked]]:
    some: list[Checked] = []
    for row in rows:
        if isinstance(row, Checked):
            some.append(row)
        if some and (isinstance(row, Faultless) or len(some) == CHUNK):
            yield some
            some = []
        if isinstance(row, Faultless):
            yield row
    if some:
        yield some
