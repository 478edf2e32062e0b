"""Finds the row that each staged row means and what it would change, by one statement for all rows."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Insert,
    and_,
    case,
    func,
    insert,
    literal,
    null,
    or_,
    select,
)

from portal.masterdata.models import Crosswalk, ItemPackaging
from portal.masterdata.rules import ImportKind
from portal.masterdata.schemas import Column
from portal.masterdata.targets import TARGETS
from portal.masterdata.temporary import TemporaryTables

CROSSWALKED = frozenset(
    {
        ImportKind.FACILITIES, ImportKind.LOCATIONS, ImportKind.COST_CENTERS, ImportKind.GL_ACCOUNTS,
        ImportKind.SUPPLIERS, ImportKind.ITEMS,
    }
)  # fmt: skip
"""The kinds whose rows other systems know by names of their own."""

# An ERP keeps short names (a storage location 16 characters); ours, if it goes on from there, says more.
CUT_OFF = 15


def resolve(tables: TemporaryTables) -> Insert:
    """Fills the resolved rows: which row is meant, its values as they would be, and the action."""
    comparison = _Comparison(tables)
    values = [comparison.value(column) for column in tables.schema.columns]
    names = [column.destination for column in tables.schema.columns]
    statement = select(
        tables.staged.c.row, comparison.existing.c.id, comparison.action(), *values
    ).select_from(comparison.joined)
    return insert(tables.resolved).from_select(["row", "existing_id", "action", *names], statement)


def external_id(tables: TemporaryTables) -> ColumnElement[str]:
    """What the partner calls a staged row: its key, with slashes between the parts."""
    return func.concat_ws("/", *(tables.staged.c[name] for name in tables.schema.key))


class _Comparison:
    """The joins and expressions of `resolve`."""

    def __init__(self, tables: TemporaryTables) -> None:
        self._tables = tables
        self._staged = tables.staged
        self.joined: FromClause = tables.staged
        self._references = {
            column.name: self._reference(column, column.refers_to)
            for column in tables.schema.columns
            if column.refers_to is not None
        }
        self.existing = tables.target.table.alias("existing")
        self._join_existing()
        self._base = ItemPackaging.__table__.alias("base")
        if tables.schema.kind is ImportKind.ITEMS:
            condition = and_(
                self._base.c.item_id == self.existing.c.id, self._base.c.uom == self.existing.c.base_uom
            )
            self.joined = self.joined.outerjoin(self._base, condition)

    def _reference(self, column: Column, kind: ImportKind) -> ColumnElement[int]:
        """Joins the row a cell names by its code; returns its id."""
        target = TARGETS[kind]
        row = target.table.alias(f"of_{column.name}")
        cell = self._staged.c[column.name]
        self.joined = self.joined.outerjoin(row, row.c[target.code] == cell)
        known = self._known(target.table.name, cell, f"known_{column.name}")
        return row.c.id if known is None else func.coalesce(known, row.c.id)

    def _known(self, entity: str, external: ColumnElement[str], name: str) -> ColumnElement[int] | None:
        """Joins the crosswalk of the partner, if there is one; returns the id it gives."""
        if self._tables.partner_id is None:
            return None
        known = Crosswalk.__table__.alias(name)
        condition = and_(
            known.c.partner_id == self._tables.partner_id,
            known.c.entity == entity,
            known.c.external_id == external,
        )
        self.joined = self.joined.outerjoin(known, condition)
        return known.c.entity_id

    def _join_existing(self) -> None:
        table = self._tables.target.table
        known = None
        if self._tables.schema.kind in CROSSWALKED:
            known = self._known(table.name, external_id(self._tables), "known")
        if known is None:
            self.joined = self.joined.outerjoin(self.existing, self._same_key(self.existing))
            return
        by_key = table.alias("by_key")
        self.joined = self.joined.outerjoin(by_key, self._same_key(by_key)).outerjoin(
            self.existing, self.existing.c.id == func.coalesce(known, by_key.c.id)
        )

    def _same_key(self, table: FromClause) -> ColumnElement[bool]:
        return and_(
            *(
                table.c[column.destination] == self._references.get(column.name, self._staged.c[column.name])
                for column in self._tables.schema.key_columns
            )
        )

    def _old(self, column: Column) -> ColumnElement[Any]:
        if column.name == "base_gtin":
            return self._base.c.gtin
        return self.existing.c[column.destination]

    def value(self, column: Column) -> ColumnElement[Any]:
        """The value as it would be: as given, else as it is, else as an empty cell means."""
        cell, old = self._staged.c[column.name], self._old(column)
        given = self._references.get(column.name, cell)
        if column.name in self._tables.schema.key:
            return func.coalesce(old, given)
        if column.refers_to is not None:
            return case((cell.is_(None), old), (cell == "", null()), else_=given)
        if column.name == "name" and self._tables.partner_id is not None:
            cut_off = and_(func.char_length(cell) >= CUT_OFF, func.starts_with(old, cell))
            return case((cut_off, old), else_=func.coalesce(cell, old))
        empty = () if column.required else (literal(column.empty, cell.type),)
        return func.coalesce(cell, old, *empty)

    def action(self) -> ColumnElement[str]:
        """added, changed or unchanged."""
        differs = (
            self.value(column).is_distinct_from(self._old(column))
            for column in self._tables.schema.columns
            if column.name not in self._tables.schema.key
        )
        return case((self.existing.c.id.is_(None), "added"), (or_(*differs), "changed"), else_="unchanged")
