"""Writes resolved rows into their table, each step by one statement for all rows."""

from sqlalchemy import Insert, and_, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from portal.foundation.db import db
from portal.masterdata.comparing import CROSSWALKED, external_id
from portal.masterdata.models import Crosswalk, Item, ItemPackaging
from portal.masterdata.rules import ImportKind
from portal.masterdata.temporary import TemporaryTables

BASE_PACKAGING = ["item_id", "uom", "factor", "gtin"]
AS_IS = {"synchronize_session": False}


def merge(tables: TemporaryTables) -> None:
    """Adds what is new, changes what differs, leaves out what was refused."""
    if tables.schema.kind is ImportKind.ITEMS:
        _add_items(tables)
        _change(tables)
        _write_base_packaging(tables)
    else:
        db.session.execute(_added(tables))
        _change(tables)
    if tables.partner_id is not None and tables.schema.kind in CROSSWALKED:
        _learn_ids(tables)
        _write_crosswalk(tables, tables.partner_id)


def _columns(tables: TemporaryTables) -> list[str]:
    names = (column.destination for column in tables.schema.columns)
    return [name for name in names if name in tables.target.table.c]


def _added(tables: TemporaryTables) -> Insert:
    names, resolved = _columns(tables), tables.resolved
    rows = select(*(resolved.c[name] for name in names)).where(resolved.c.action == "added")
    return insert(tables.target.table).from_select(names, rows.order_by(resolved.c.row))


def _add_items(tables: TemporaryTables) -> None:
    """New items with their base unit, which nobody else can have written yet."""
    resolved = tables.resolved
    added = _added(tables).returning(Item.id, Item.code, Item.base_uom).cte("added")
    rows = select(added.c.id, added.c.base_uom, literal(1), resolved.c.base_gtin).join_from(
        added, resolved, (resolved.c.code == added.c.code) & (resolved.c.action == "added")
    )
    db.session.execute(insert(ItemPackaging).from_select(BASE_PACKAGING, rows), execution_options=AS_IS)


def _change(tables: TemporaryTables) -> None:
    table, resolved = tables.target.table, tables.resolved
    key = {column.destination for column in tables.schema.key_columns}
    values = {name: resolved.c[name] for name in _columns(tables) if name not in key}
    if values:
        db.session.execute(
            update(table)
            .where(table.c.id == resolved.c.existing_id, resolved.c.action == "changed")
            .values(values)
        )


def _learn_ids(tables: TemporaryTables) -> None:
    table, resolved = tables.target.table, tables.resolved
    names = [column.destination for column in tables.schema.key_columns]
    same = and_(*(table.c[name] == resolved.c[name] for name in names))
    db.session.execute(
        update(resolved).where(same, resolved.c.action == "added").values(existing_id=table.c.id)
    )


def _write_base_packaging(tables: TemporaryTables) -> None:
    """The base unit is a packaging level of factor 1 and carries the GTIN of the single piece."""
    resolved = tables.resolved
    rows = (
        select(Item.id, Item.base_uom, literal(1), resolved.c.base_gtin)
        .join_from(resolved, Item, Item.id == resolved.c.existing_id)
        .where(resolved.c.action == "changed")
    )
    statement = upsert(ItemPackaging).from_select(BASE_PACKAGING, rows)
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["item_id", "uom"], set_={"gtin": statement.excluded.gtin}
        )
    )


def _write_crosswalk(tables: TemporaryTables, partner_id: int) -> None:
    resolved, staged, entity = tables.resolved, tables.staged, tables.target.table.name
    rows = (
        select(
            literal(partner_id),
            literal(entity),
            resolved.c.existing_id,
            external_id(tables),
        )
        .join_from(resolved, staged, staged.c.row == resolved.c.row)
        .where(resolved.c.action != "refused")
    )
    names = ["partner_id", "entity", "entity_id", "external_id"]
    db.session.execute(upsert(Crosswalk).from_select(names, rows).on_conflict_do_nothing())
