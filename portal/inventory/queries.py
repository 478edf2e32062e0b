"""Reading stock: on hand by item, lots at a location, par."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, or_, select

from portal.foundation.db import db
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


def on_hand(location_id: int, item_ids: Iterable[int]) -> dict[int, Decimal]:
    """On hand in base units by item; items without stock are absent."""
    rows = db.session.execute(
        select(Stock.item_id, func.sum(Stock.on_hand))
        .where(Stock.location_id == location_id, Stock.item_id.in_(set(item_ids)))
        .group_by(Stock.item_id)
    )
    return {row[0]: row[1] for row in rows}


def stock_at(location_id: int, *, words: str = "", low_only: bool = False) -> Select[Any]:
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
        .order_by(Item.name, Item.id)
    )
    if words:
        statement = statement.where(Item.name.icontains(words, autoescape=True) | (Item.code == words))
    if low_only:
        statement = statement.where(quantity < ParLevel.minimum)
    rows: Select[Any] = statement
    return rows


def lots_at(location_id: int, item_ids: Iterable[int]) -> list[Stock]:
    """Lots with stock, the first to expire first."""
    return list(
        db.session.scalars(
            select(Stock)
            .where(Stock.location_id == location_id, Stock.item_id.in_(set(item_ids)), Stock.on_hand != 0)
            .order_by(Stock.item_id, Stock.expires_on.nulls_last(), Stock.lot)
        )
    )
