"""Key rotation: everything sealed is sealed again under the first key of the ring, in small steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Table, select, true, type_coerce, update

from portal.exchange.bodies import CONTEXT
from portal.exchange.models import Message
from portal.exchange.rules import SEALED_KINDS
from portal.foundation.db import Base, db, enter_organization, transaction
from portal.foundation.sealed import Sealed, keyring

BATCH = 500


@dataclass(frozen=True)
class Place:
    """A sealed column of a table, its context and which rows are sealed."""

    table: Table
    column: str
    context: str
    rows: ColumnElement[bool]


def places() -> list[Place]:
    """Every sealed column there is."""
    found = [
        Place(table, column.name, column.type.context, true())
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Sealed)
    ]
    messages = Base.metadata.tables[Message.__tablename__]
    return [*found, Place(messages, "raw", CONTEXT, messages.c.kind.in_(SEALED_KINDS))]


def reseal(organization_id: int) -> tuple[int, int]:
    """Seals what older keys hold again; returns (values read, values sealed again). May be interrupted.

    Raises ValueError when a value opens under none of the keys.
    """
    read = changed = 0
    for place in places():
        for some_read, some_changed in _batches(organization_id, place):
            read += some_read
            changed += some_changed
    return read, changed


def _batches(organization_id: int, place: Place) -> Iterator[tuple[int, int]]:
    last = 0
    while True:
        enter_organization(organization_id)
        with transaction():
            ids, changed = _one(place, last)
        if not ids:
            return
        last = ids[-1]
        yield len(ids), changed


def _one(place: Place, after: int) -> tuple[list[int], int]:
    """Ciphertext is read and written as it is, whatever the type of the column says."""
    table = place.table
    column: Any = table.c[place.column]
    rows = db.session.execute(
        select(table.c.id, type_coerce(column, LargeBinary))
        .where(table.c.id > after, column.is_not(None), place.rows)
        .order_by(table.c.id)
        .limit(BATCH)
        .with_for_update()
    ).all()
    changed = 0
    for row_id, sealed in rows:
        again = keyring().resealed(bytes(sealed), context=place.context)
        if again is not None:
            values = {place.column: type_coerce(again, LargeBinary)}
            db.session.execute(update(table).where(table.c.id == row_id).values(values))
            changed += 1
    return [row[0] for row in rows], changed
