"""Reading stock: on hand by item, lots at a location, par."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, or_, select

from portal.catalog.rules import Shelf
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.paging import ordered
from portal.inventory.models import ParLevel, Stock
from portal.masterdata.models import Item


@dataclass(frozen=True)
class StockRow:
    """An item at a location with its par level, in base units."""

    item_id: int
    code: str
    name: str
    uom: str
    on_hand: Decimal
    minimum: Decimal | None
    maximum: Decimal | None

    @property
    def is_low(self) -> bool:
        """Below par."""
        return self.minimum is not None and self.on_hand < self.minimum


@dataclass(frozen=True)
class Wanted:
    """Which items are looked for; `expiring_by` keeps those with a lot that expires by the day.

    `sort` is name, on_hand or par, or one of them after a minus.
    """

    words: str = ""
    low_only: bool = False
    expiring_by: date | None = None
    sort: str = ""


def on_hand(location_id: int, item_ids: Iterable[int]) -> dict[int, Decimal]:
    """On hand in base units by item; items without stock are absent."""
    rows = db.session.execute(
        select(Stock.item_id, func.sum(Stock.on_hand))
        .where(Stock.location_id == location_id, Stock.item_id.in_(set(item_ids)))
        .group_by(Stock.item_id)
    )
    return {row[0]: row[1] for row in rows}


def shelf(actor: Actor, location_id: int, item_ids: Collection[int]) -> Sequence[Shelf]:
    """On hand and par of items at a location, for the pages of the catalog."""
    held = on_hand(location_id, item_ids)
    pars = db.session.execute(
        select(ParLevel.item_id, ParLevel.minimum, ParLevel.maximum).where(
            ParLevel.location_id == location_id, ParLevel.item_id.in_(set(item_ids))
        )
    )
    stocked = [Shelf(item_id, on_hand=quantity) for item_id, quantity in held.items()]
    return [*stocked, *(Shelf(row[0], minimum=row[1], maximum=row[2]) for row in pars)]


def stock_at(location_id: int, wanted: Wanted) -> Select[Any]:
    """Items with stock or par at a location, in StockRow's order of columns."""
    held = (
        select(Stock.item_id, func.sum(Stock.on_hand).label("on_hand"))
        .where(Stock.location_id == location_id)
        .group_by(Stock.item_id)
        .subquery()
    )
    quantity = func.coalesce(held.c.on_hand, 0)
    statement: Any = (
        select(Item.id, Item.code, Item.name, Item.base_uom, quantity, ParLevel.minimum, ParLevel.maximum)
        .outerjoin(held, held.c.item_id == Item.id)
        .outerjoin(ParLevel, (ParLevel.item_id == Item.id) & (ParLevel.location_id == location_id))
        .where(or_(held.c.item_id.is_not(None), ParLevel.id.is_not(None)))
    )
    words = wanted.words.replace("\0", "").strip()
    if words:
        named = Item.name.icontains(words, autoescape=True)
        statement = statement.where(named | (func.upper(Item.code) == words.upper()))
    if wanted.low_only:
        statement = statement.where(quantity < ParLevel.minimum)
    if wanted.expiring_by is not None:
        expiring = select(Stock.item_id).where(
            Stock.location_id == location_id, Stock.on_hand > 0, Stock.expires_on <= wanted.expiring_by
        )
        statement = statement.where(Item.id.in_(expiring))
    sorts = {"name": Item.name, "on_hand": quantity, "par": ParLevel.minimum}
    return ordered(statement, wanted.sort, sorts, [Item.name, Item.id])


def rows_at(statement: Select[Any]) -> list[StockRow]:
    """All rows of a statement made by `stock_at`."""
    return [StockRow(*columns) for columns in db.session.execute(statement)]


def lots_at(location_id: int, item_ids: Iterable[int]) -> list[Stock]:
    """Lots with stock, the first to expire first."""
    return list(
        db.session.scalars(
            select(Stock)
            .where(Stock.location_id == location_id, Stock.item_id.in_(set(item_ids)), Stock.on_hand != 0)
            .order_by(Stock.item_id, Stock.expires_on.nulls_last(), Stock.lot)
        )
    )
