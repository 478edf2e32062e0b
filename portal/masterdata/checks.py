"""What only the database can say about imported rows: selects (row, column, sentence) of every fault."""

from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, func, literal, or_, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on

from portal.masterdata.models import Contract, ContractLine, Item, ItemPackaging
from portal.masterdata.schemas import Column, Schema

AGAIN = "Remove one of the two."


def _fault(row: ColumnElement[Any], column: str, *sentence: Any) -> Select[Any]:
    return select(row.label("row"), literal(column).label("column"), func.concat(*sentence).label("sentence"))


def duplicates(schema: Schema, staged: Table) -> Select[Any]:
    """Rows whose key stands in an earlier row."""
    keys = [staged.c[name] for name in schema.key]
    first = func.min(staged.c.row).over(partition_by=keys)
    known = and_(*(key.is_not(None) for key in keys))
    seen = select(staged.c.row, first.label("first")).where(known).subquery()
    words = " and ".join(schema.key)
    return _fault(
        seen.c.row, schema.key[-1], "Row ", seen.c.first, f" has the same {words} already. {AGAIN}"
    ).where(seen.c.row != seen.c.first)


def unknown(column: Column, noun: str, staged: Table, resolved: Table) -> Select[Any]:
    """Rows that name something that does not exist."""
    cell = staged.c[column.name]
    return (
        _fault(
            staged.c.row, column.name,
            f'There is no {noun} "', cell, '". Import it first, or correct the code.',
        )
        .join_from(staged, resolved, staged.c.row == resolved.c.row)
        .where(cell != "", resolved.c[column.destination].is_(None))
    )  # fmt: skip


def base_unit_changed(staged: Table, resolved: Table) -> Select[Any]:
    """Stock, prices and packs count in the base unit, so that it cannot change under them."""
    return (
        _fault(
            resolved.c.row, "base_uom",
            "This item is counted in ", Item.base_uom, "; its base unit cannot change. Give it a new code.",
        )
        .join_from(resolved, Item, Item.id == resolved.c.existing_id)
        .where(Item.base_uom != resolved.c.base_uom)
    )  # fmt: skip


def base_unit_is_one(staged: Table, resolved: Table) -> Select[Any]:
    """The base unit has factor 1."""
    return (
        _fault(resolved.c.row, "factor", Item.base_uom, " is the base unit of this item; its factor is 1.")
        .join_from(resolved, Item, Item.id == resolved.c.item_id)
        .where(Item.base_uom == resolved.c.uom, resolved.c.factor != 1)
    )


def base_gtin_taken(staged: Table, resolved: Table) -> Select[Any]:
    """A GTIN that means another pack here."""
    own = and_(ItemPackaging.item_id == resolved.c.existing_id, ItemPackaging.uom == resolved.c.base_uom)
    return _gtin_taken(resolved, "base_gtin", own)


def pack_gtin_taken(staged: Table, resolved: Table) -> Select[Any]:
    """A GTIN that means another pack here."""
    own = and_(ItemPackaging.item_id == resolved.c.item_id, ItemPackaging.uom == resolved.c.uom)
    return _gtin_taken(resolved, "gtin", own)


def identifier_taken(staged: Table, resolved: Table) -> Select[Any]:
    """A GTIN that stands in the packaging of another pack."""
    own = and_(ItemPackaging.item_id == resolved.c.item_id, ItemPackaging.uom == resolved.c.uom)
    return _gtin_taken(resolved, "identifier", own)


def _gtin_taken(resolved: Table, column: str, own: ColumnElement[bool]) -> Select[Any]:
    return (
        _fault(
            resolved.c.row, column,
            "GTIN ", resolved.c[column], " means item ", Item.code, " (", ItemPackaging.uom, ") already.",
        )
        .join_from(resolved, ItemPackaging, ItemPackaging.gtin == resolved.c[column])
        .join(Item, Item.id == ItemPackaging.item_id)
        .where(resolved.c[column] != "", func.coalesce(own, False).is_(False))
    )  # fmt: skip


def base_gtin_repeated(staged: Table, resolved: Table) -> Select[Any]:
    """A GTIN that stands in an earlier row."""
    return _gtin_repeated(staged, "base_gtin")


def pack_gtin_repeated(staged: Table, resolved: Table) -> Select[Any]:
    """A GTIN that stands in an earlier row."""
    return _gtin_repeated(staged, "gtin")


def _gtin_repeated(staged: Table, column: str) -> Select[Any]:
    first = func.min(staged.c.row).over(partition_by=staged.c[column]).label("first")
    seen = select(staged.c.row, first).where(staged.c[column] != "").subquery()
    return _fault(
        seen.c.row, column, "Row ", seen.c.first, " has the same GTIN. A GTIN names one pack only."
    ).where(seen.c.row != seen.c.first)


def unit_unknown(staged: Table, resolved: Table) -> Select[Any]:
    """A unit the item does not come in."""
    pack = select(ItemPackaging.id).where(
        ItemPackaging.item_id == resolved.c.item_id, ItemPackaging.uom == resolved.c.uom
    )
    return (
        _fault(
            resolved.c.row, "uom",
            "Item ", Item.code, " has no unit ", resolved.c.uom, ". Import its packaging first.",
        )
        .join_from(resolved, Item, Item.id == resolved.c.item_id)
        .where(~pack.exists())
    )  # fmt: skip


def outside_contract(staged: Table, resolved: Table) -> Select[Any]:
    """A price that never counts, because its contract is not valid on any of its days."""
    return (
        _fault(
            resolved.c.row, "valid_from",
            "Contract ", Contract.number, " is valid from ", Contract.valid_from, " to ", Contract.valid_to,
            "; this price lies outside.",
        )
        .join_from(resolved, Contract, Contract.id == resolved.c.contract_id)
        .where(
            or_(resolved.c.valid_from > Contract.valid_to, resolved.c.valid_to < Contract.valid_from)
        )
    )  # fmt: skip


def overlapping(staged: Table, resolved: Table) -> Select[Any]:
    """Two prices for the same contract, item, unit and quantity on the same day, in the file or here."""
    names = ("contract_id", "item_id", "uom", "minimum_quantity", "valid_from", "valid_to")
    replaced = select(resolved.c.existing_id).where(resolved.c.existing_id.is_not(None))
    here = select(literal(0).label("row"), *(getattr(ContractLine, name) for name in names)).where(
        ContractLine.contract_id.in_(select(resolved.c.contract_id)), ContractLine.id.not_in(replaced)
    )
    other = here.union_all(select(resolved.c.row, *(resolved.c[name] for name in names))).subquery()
    same = tuple_(*(resolved.c[name] for name in names[:4])) == tuple_(*(other.c[name] for name in names[:4]))
    return (
        _fault(
            resolved.c.row, "valid_from",
            "From ", other.c.valid_from, " to ", other.c.valid_to,
            " there is another price for this contract, "
            "item, unit and quantity. Let one end before the other begins.",
        )
        .ext(distinct_on(resolved.c.row))
        .join_from(resolved, other, same)
        .where(
            other.c.row < resolved.c.row,
            other.c.valid_from != resolved.c.valid_from,
            other.c.valid_from <= resolved.c.valid_to,
            other.c.valid_to >= resolved.c.valid_from,
        )
        .order_by(resolved.c.row, other.c.valid_from)
    )  # fmt: skip
