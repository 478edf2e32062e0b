"""Several reads, or rows of a table, in one statement: one way to the database and back."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Enum,
    Select,
    Text,
    any_,
    bindparam,
    cast,
    column,
    event,
    func,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by, insert
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
    statements = tuple(dict.fromkeys(read.statement for read in reads))
    if db.session.autoflush:
        db.session.flush()
    row = db.session.connection().execute(_combined(statements), values).one()
    rows = {
        statement: _rows(statement, json.loads(found, parse_float=Decimal) if found else [])
        for statement, found in zip(statements, row, strict=True)
    }
    return Known({read: rows[read.statement] for read in reads})


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


@dataclass(frozen=True, eq=False)
class Write:
    """Rows of a table with the same columns, to be inserted or, by their ids, changed.

    With a `key` (columns of a unique constraint) an inserted row takes the place of the one that has it.
    """

    model: type[TenantRow]
    rows: Sequence[Mapping[str, Any]]
    is_change: bool = False
    key: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class New:
    """A value of a row: the id that a row of an earlier write of the same statement gets."""

    write: Write
    row: int


@dataclass(frozen=True)
class Shape:
    """What the statement of a write depends on; `new` are the columns with ids of other writes (by place)."""

    model: type[TenantRow]
    names: tuple[str, ...]
    is_change: bool
    key: tuple[str, ...]
    new: tuple[tuple[str, int], ...]


def _shape(one: Write, writes: Sequence[Write]) -> Shape:
    first = one.rows[0]
    new = tuple((name, writes.index(value.write)) for name, value in first.items() if isinstance(value, New))
    return Shape(one.model, tuple(first), one.is_change, one.key, new)


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
    sent: dict[str, Any] = {f"rows_{at}": _as_json(one.rows) for at, one in enumerate(some)}
    sent |= {f"ids_{at}": [row["id"] for row in one.rows] for at, one in enumerate(some) if one.is_change}
    statement = _written(tuple(_shape(one, some) for one in some))
    found = iter(db.session.connection().execute(statement, sent).one())
    return [sorted(next(found)) if one.rows else [] for one in writes]


def _as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, default=_sent, separators=(",", ":"))


def _sent(value: object) -> Any:
    return value.row + 1 if isinstance(value, New) else str(value)


@lru_cache(maxsize=64)
def _written(shapes: tuple[Shape, ...]) -> Columns:
    written: list[CTE] = []
    for at, shape in enumerate(shapes):
        written.append(_one(shape, at, written).cte(f"written_{at}"))
    return select(*(select(func.array_agg(one.c.id)).scalar_subquery() for one in written))


def _one(shape: Shape, at: int, written: Sequence[CTE]) -> ReturningInsert[int] | ReturningUpdate[int]:
    # All rows as one value: a tenth of the time that as many parameters take.
    table = db.metadata.tables[shape.model.__tablename__]
    sent = (
        func.jsonb_to_recordset(cast(bindparam(f"rows_{at}", type_=Text), JSONB))
        .table_valued(*(column(one, _sent_as(table.c[one].type)) for one in shape.names), name=f"sent_{at}")
        .render_derived(with_types=True)
    )
    values: dict[str, ColumnElement[Any]] = {one: sent.c[one] for one in shape.names}
    for name, other in shape.new:
        in_order = aggregate_order_by(written[other].c.id, written[other].c.id)
        ids = select(func.array_agg(in_order, type_=ARRAY(BigInteger))).scalar_subquery()
        values[name] = ids[sent.c[name]]
    if shape.is_change:
        # Said again, so that the rows are looked up: by those sent alone it goes through the table.
        is_sent = table.c.id == any_(bindparam(f"ids_{at}", type_=ARRAY(BigInteger)))
        changed = update(table).where(is_sent, table.c.id == sent.c.id)
        return changed.values({one: values[one] for one in shape.names if one != "id"}).returning(table.c.id)
    new = insert(table).from_select(shape.names, select(*values.values()), include_defaults=False)
    if shape.key:
        replaced = {one: new.excluded[one] for one in shape.names}
        new = new.on_conflict_do_update(index_elements=shape.key, set_=replaced)
    return new.returning(table.c.id)


def _sent_as(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    return Text() if isinstance(kind, Enum) else kind
