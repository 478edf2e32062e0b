"""Several reads, or rows of a table, in one statement: one way to the database and back."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from sqlalchemy import Enum, Select, Text, bindparam, cast, column, event, func, select, true, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate
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


# By keys, a plan is as good for all values, and to make it anew each time takes longer than running it.
PLAN_ONCE = func.set_config("plan_cache_mode", "force_generic_plan", true(), type_=Text)
_PLANNED_ONCE = select(PLAN_ONCE)


def planned_once() -> Read[None]:
    """From here on until the end of the transaction everything is asked by keys."""
    return Read(_PLANNED_ONCE, {}, lambda _: None)


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
    if db.session.autoflush:
        db.session.flush()
    row = db.session.connection().execute(_combined(statements), values).one()
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


@dataclass(frozen=True)
class Write:
    """Rows of a table with the same columns, to be inserted or, by their ids, changed.

    With a `key` (columns of a unique constraint) an inserted row takes the place of the one that has it.
    """

    model: type[TenantRow]
    rows: Sequence[Mapping[str, Any]]
    is_change: bool = False
    key: tuple[str, ...] = ()

    @property
    def shape(self) -> "Shape":
        """What its statement depends on."""
        return self.model, tuple(self.rows[0]), self.is_change, self.key


Shape = tuple[type[TenantRow], tuple[str, ...], bool, tuple[str, ...]]


def inserting(
    model: type[TenantRow], rows: Sequence[Mapping[str, Any]], *, key: tuple[str, ...] = ()
) -> Write:
    """New rows; what is not said has the column's default."""
    said = rows[0] if rows else {}
    usual = {
        one.name: one.default.arg(None) if one.default.is_callable else one.default.arg
        for one in model.__table__.columns
        if one.default is not None and one.name not in said
    }
    return Write(model, [{**usual, **row} for row in rows], key=key)


def changing(changes: Sequence[tuple[TenantRow, Mapping[str, Any]]]) -> Write:
    """New values of loaded rows of one table: these have them at once, the database when it is written."""
    for row, values in changes:
        for name, value in values.items():
            set_committed_value(row, name, value)
    rows = [row for row, _ in changes]
    db.session().info.setdefault(_CHANGED, WeakSet()).update(rows)
    return Write(type(rows[0]), [{"id": row.id, **values} for row, values in changes], is_change=True)


_CHANGED = "changed past the session"


@event.listens_for(Session, "after_soft_rollback")
def _undo(session: Session, previous: SessionTransaction) -> None:
    """What was undone in the database is read anew, as the session does with what it wrote itself."""
    for row in session.info.pop(_CHANGED, ()):
        if row in session:
            session.expire(row)


def write_together(*writes: Write) -> list[list[int]]:
    """Writes all in one statement; the ids of each, in order.

    Past the session: what it has to write stays unwritten.
    """
    some = [one for one in writes if one.rows]
    if not some:
        return [[] for _ in writes]
    sent = {f"rows_{at}": json.dumps(one.rows, default=str) for at, one in enumerate(some)}
    found = iter(db.session.connection().execute(_written(tuple(one.shape for one in some)), sent).one())
    return [sorted(next(found)) if one.rows else [] for one in writes]


@lru_cache(maxsize=64)
def _written(shapes: tuple[Shape, ...]) -> Columns:
    written = [_one(shape, f"rows_{at}").cte(f"written_{at}") for at, shape in enumerate(shapes)]
    return select(*(select(func.array_agg(one.c.id)).scalar_subquery() for one in written))


def _one(shape: Shape, name: str) -> ReturningInsert[int] | ReturningUpdate[int]:
    # All rows as one value: a tenth of the time that as many parameters take.
    model, names, is_change, key = shape
    table = db.metadata.tables[model.__tablename__]
    sent = (
        func.jsonb_to_recordset(cast(bindparam(name, type_=Text), JSONB))
        .table_valued(*(column(one, _sent_as(table.c[one].type)) for one in names), name=f"sent_{name}")
        .render_derived(with_types=True)
    )
    if is_change:
        values = {one: sent.c[one] for one in names if one != "id"}
        return update(table).where(table.c.id == sent.c.id).values(values).returning(table.c.id)
    new = insert(table).from_select(names, select(*sent.c), include_defaults=False)
    if key:
        new = new.on_conflict_do_update(index_elements=key, set_={one: new.excluded[one] for one in names})
    return new.returning(table.c.id)


def _sent_as(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    return Text() if isinstance(kind, Enum) else kind
