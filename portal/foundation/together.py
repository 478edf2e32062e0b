"""Several reads, or rows of a table, in one statement: one way to the database and back."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import Enum, Insert, Select, Text, bindparam, cast, column, func, insert, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import NullType, TypeEngine

from portal.foundation.db import TenantRow, db

T = TypeVar("T", covariant=True)
Columns = Select[*tuple[Any, ...]]
Rows = Sequence[Sequence[Any]]
_FROM_JSON: dict[type, Callable[[Any], Any]] = {
    Decimal: Decimal,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
}


@dataclass(frozen=True, eq=False)
class Read(Generic[T]):
    """A SELECT of columns, built once, the values of its parameters, and what its rows mean."""

    statement: Columns
    values: Mapping[str, Any]
    meaning: Callable[[Rows], T]

    def now(self) -> T:
        """What is read by itself."""
        return self.meaning(db.session.execute(self.statement, self.values).all())


class Known:
    """What was read together, by read."""

    def __init__(self, rows: Mapping[Read[Any], Rows]) -> None:
        self._rows = rows

    def __getitem__(self, read: Read[T]) -> T:
        return read.meaning(self._rows[read])


def read_together(*reads: Read[Any]) -> Known:
    """Reads all in one statement; parameters of one name must have one value."""
    values: dict[str, Any] = {}
    for read in reads:
        clash = {name for name, value in read.values.items() if values.setdefault(name, value) != value}
        if clash:
            raise ValueError(f"Two values for {', '.join(sorted(clash))}.")
    statements = tuple(read.statement for read in reads)
    row = db.session.execute(_combined(statements), values).one()
    return Known(
        {
            read: _rows(read.statement, json.loads(found, parse_float=Decimal) if found else [])
            for read, found in zip(reads, row, strict=True)
        }
    )


@lru_cache(maxsize=128)
def _combined(statements: tuple[Columns, ...]) -> Columns:
    # Kept, as building it takes longer than running it.
    subqueries = [one.subquery(f"read_{number}") for number, one in enumerate(statements)]
    return select(
        *(
            select(cast(func.json_agg(func.json_build_array(*one.c)), Text)).scalar_subquery()
            for one in subqueries
        )
    )


def _rows(statement: Columns, found: list[list[Any]]) -> Rows:
    converters = _converters(statement)
    for row in found:
        for position, convert in converters:
            if row[position] is not None:
                row[position] = convert(row[position])
    return found


@lru_cache(maxsize=128)
def _converters(statement: Columns) -> list[tuple[int, Callable[[Any], Any]]]:
    """Which columns JSON does not give as Python has them."""
    found = [_converter(column.type) for column in statement.selected_columns]
    return [(position, convert) for position, convert in enumerate(found) if convert is not None]


def _converter(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    if isinstance(kind, Enum) and kind.enum_class is not None:
        return kind.enum_class
    if isinstance(kind, NullType):
        raise TypeError("Say the type of every column: JSON does not keep it.")
    return _FROM_JSON.get(kind.python_type)


def write_together(model: type[TenantRow], rows: Sequence[Mapping[str, Any]], **same: Any) -> list[int]:
    """Inserts rows with the same columns, and with values that all have; their ids, in order.

    What is not said has the column's default. Past the session: what it has to write stays unwritten.
    """
    if not rows:
        return []
    said = {**rows[0], **same}
    for one in model.__table__.columns:
        if one.name not in said and one.default is not None:
            same[one.name] = one.default.arg(None) if one.default.is_callable else one.default.arg
    statement = _insertion(model, tuple(rows[0]), tuple(same))
    sent = {**same, "rows": json.dumps([dict(row) for row in rows], default=str)}
    return sorted(db.session.connection().scalars(statement, sent))


@lru_cache(maxsize=64)
def _insertion(model: type[TenantRow], names: tuple[str, ...], same: tuple[str, ...]) -> Insert:
    # All rows as one value: a tenth of the time that as many parameters take.
    table = db.metadata.tables[model.__tablename__]
    sent = func.jsonb_to_recordset(cast(bindparam("rows", type_=Text), JSONB)).table_valued(
        *(column(name, _sent_as(table.c[name].type)) for name in names), name="sent"
    )
    values = [bindparam(name, type_=table.c[name].type) for name in same]
    read = select(*values, *sent.render_derived(with_types=True).c)
    written = insert(table).from_select([*same, *names], read, include_defaults=False)
    return written.returning(table.c.id)


def _sent_as(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    return Text() if isinstance(kind, Enum) else kind
