"""Where the rows of entity sets come from: master data in memory, documents in SQLite."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from integrations.sandbox.erp.model import EntitySet
from integrations.sandbox.erp.values import Row

SCHEMA = """
CREATE TABLE IF NOT EXISTS row (
  id INTEGER PRIMARY KEY, entity_set TEXT NOT NULL, part_of TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS row_of ON row (entity_set, part_of);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS request (id TEXT PRIMARY KEY, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS changed (
  entity_set TEXT NOT NULL, part_of TEXT NOT NULL, body TEXT NOT NULL, moment TEXT NOT NULL,
  PRIMARY KEY (entity_set, part_of)
);
"""


class Rows(Protocol):
    """Rows of entity sets, kept in groups (all items of one order are one group)."""

    def all(self, entity_set: EntitySet) -> Iterable[Row]:
        """Every row of a set."""

    def group(self, entity_set: EntitySet, part_of: str) -> Sequence[Row]:
        """The rows of a set in one group."""


class Memory:
    """Rows that never change once they are here."""

    def __init__(self, tables: Mapping[str, Sequence[Row]], sets: Iterable[EntitySet]) -> None:
        self._tables = tables
        self._groups: dict[tuple[str, str], list[Row]] = {}
        for entity_set in sets:
            for row in tables.get(entity_set.name, ()):
                self._groups.setdefault((entity_set.name, str(row[entity_set.group])), []).append(row)

    def all(self, entity_set: EntitySet) -> Iterable[Row]:
        """Every row of a set."""
        return self._tables.get(entity_set.name, ())

    def group(self, entity_set: EntitySet, part_of: str) -> Sequence[Row]:
        """The rows of a set in one group."""
        return self._groups.get((entity_set.name, part_of), ())


class Stored:
    """Rows of documents inside one SQLite transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self, entity_set: EntitySet) -> Iterable[Row]:
        """Every row of a set, oldest first."""
        sql = "SELECT body FROM row WHERE entity_set = ? ORDER BY id"
        return (json.loads(body) for (body,) in self._connection.execute(sql, (entity_set.name,)))

    def group(self, entity_set: EntitySet, part_of: str) -> Sequence[Row]:
        """The rows of a set in one group, oldest first."""
        sql = "SELECT body FROM row WHERE entity_set = ? AND part_of = ? ORDER BY id"
        return [json.loads(body) for (body,) in self._connection.execute(sql, (entity_set.name, part_of))]

    def add(self, entity_set: EntitySet, row: Row) -> None:
        """Stores a new row."""
        self._connection.execute(
            "INSERT INTO row (entity_set, part_of, body) VALUES (?, ?, ?)",
            (entity_set.name, row[entity_set.group], json.dumps(row)),
        )

    def change(self, entity_set: EntitySet, row: Row, **values: object) -> None:
        """Overwrites values of a stored row."""
        changed = self._connection.execute(
            "UPDATE row SET body = ? WHERE entity_set = ? AND part_of = ? AND body = ?",
            (json.dumps({**row, **values}), entity_set.name, row[entity_set.group], json.dumps(row)),
        )
        if changed.rowcount != 1:
            raise LookupError(f"{changed.rowcount} rows of {entity_set.name} are {row}")

    def remove(self, entity_set: EntitySet, row: Row) -> None:
        """Deletes a stored row."""
        self._connection.execute(
            "DELETE FROM row WHERE entity_set = ? AND part_of = ? AND body = ?",
            (entity_set.name, row[entity_set.group], json.dumps(row)),
        )

    def answer_of(self, request_id: str) -> str | None:
        """What was answered to a request of this id."""
        sql = "SELECT answer FROM request WHERE id = ?"
        row = self._connection.execute(sql, (request_id,)).fetchone()
        return str(row[0]) if row else None

    def remember(self, request_id: str, answer: str) -> None:
        """Keeps the answer to a request."""
        self._connection.execute("INSERT INTO request (id, answer) VALUES (?, ?)", (request_id, answer))

    def next_number(self, name: str, first: int) -> str:
        """The next number of a range that starts at `first`."""
        sql = (
            "INSERT INTO counter (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        )
        return str(self._connection.execute(sql, (name, first)).fetchone()[0])
