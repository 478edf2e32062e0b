"""The temporary tables through which rows pass on their way into a table, for one transaction."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Boolean, Column, Date, Integer, MetaData, Numeric, Table, Text, func, select, text

from portal.foundation.db import db
from portal.masterdata.schemas import Schema
from portal.masterdata.targets import TARGETS

WORK_MEMORY = "64MB"
"""For sorting and joining a million rows without writing them to disk, for one transaction."""


class TemporaryTables:
    """`staged` holds the cells as given, `resolved` the rows as they would be, `faulty` what is wrong.

    With a partner the rows are records of that ERP, else those of a file.
    """

    def __init__(self, schema: Schema, partner_id: int | None) -> None:
        self.schema = schema
        self.target = TARGETS[schema.kind]
        self.partner_id = partner_id
        self._metadata = MetaData()
        self.staged = self._table("import_staged", *(self._column(column.name) for column in schema.columns))
        self.resolved = self._table(
            "import_resolved",
            Column("existing_id", self.target.table.c.id.type),
            Column("action", Text),
            *(self._column(column.destination) for column in schema.columns),
        )
        self.faulty = self._table("import_fault", Column("column", Text), Column("sentence", Text))

    def _table(self, name: str, *columns: Column[Any]) -> Table:
        row: Column[Any] = Column("row", Integer)
        return Table(name, self._metadata, row, *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")

    def _column(self, name: str) -> Column[Any]:
        """Typed as in our table; enumerations and codes of other rows are text."""
        kept = self.target.table.c[name].type if name in self.target.table.c else None
        return Column(name, kept if isinstance(kept, Boolean | Date | Integer | Numeric) else Text())

    def create(self) -> None:
        """Creates the tables, empty, in place of those of an earlier import of the transaction."""
        connection = db.session.connection()
        connection.execute(select(func.set_config("work_mem", WORK_MEMORY, True)))
        self._metadata.drop_all(connection)
        self._metadata.create_all(connection)

    def analyze(self, table: Table) -> None:
        """Tells the planner how many rows a table has now, and how its rows are found."""
        keys = {column.destination for column in self.schema.key_columns} | set(self.schema.key)
        known = keys | {"row", "existing_id", "action"}
        names = ", ".join(f'"{column.name}"' for column in table.c if column.name in known)
        db.session.execute(text(f"ANALYZE {table.name} ({names})"))


def copy_rows(table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Fills a table by COPY."""
    with _copying(table, [column.name for column in table.c]) as copy:
        for row in rows:
            copy.write_row(row)


def copy_text(table: Table, names: Iterable[str], text: str) -> None:
    """Fills the named columns of a table by COPY from lines in its text format."""
    with _copying(table, names) as copy:
        copy.write(text)


@contextmanager
def _copying(table: Table, names: Iterable[str]) -> Iterator[Any]:
    driver: Any = db.session.connection().connection.driver_connection
    quoted = ", ".join(f'"{name}"' for name in names)
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({quoted}) FROM STDIN") as copy:
        yield copy
