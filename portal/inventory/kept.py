"""Which items a location keeps, and how much of one it uses."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache

from sqlalchemy import Date, DateTime, bindparam, case, func, select, union

from portal.catalog.queries import SHELF_ITEMS, SHELF_PLACE, shelf_values
from portal.catalog.rules import Shelf
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.together import Columns, Read, Rows
from portal.inventory.models import ParLevel, Stock, StockMovement
from portal.inventory.rules import CONSUMING, MovementKind

RECENT = timedelta(weeks=4)
LEAST_DAYS = 7  # a rate from fewer days would be a guess


def kept_items(location_id: int) -> Sequence[Read[list[int]]]:
    """Ids of the items with a par level or stock on hand, in any condition."""
    values = {"shelf_place": location_id}
    return [Read(_kept_items(), values, lambda rows: [item_id for (item_id,) in rows])]


@cache
def _kept_items() -> Columns:
    par = select(ParLevel.item_id).where(ParLevel.location_id == SHELF_PLACE)
    held = select(Stock.item_id).where(Stock.location_id == SHELF_PLACE, Stock.on_hand > 0)
    return select(union(par, held).subquery().c.item_id)


def used_by_month(location_id: int, item_id: int, since: datetime) -> list[tuple[date, Decimal]]:
    """What was used of an item less what was taken back, by month (its first day), in base units."""
    month = func.date_trunc("month", StockMovement.at).cast(Date)
    used = func.sum(-StockMovement.quantity)
    rows = db.session.execute(
        select(month, used)
        .where(
            StockMovement.location_id == location_id,
            StockMovement.item_id == item_id,
            StockMovement.at >= since,
            StockMovement.kind.in_((MovementKind.USAGE, MovementKind.USAGE_REVERSAL)),
        )
        .group_by(month)
    )
    return [(row[0], row[1]) for row in rows]


def used_a_day(location_id: int, item_ids: Collection[int]) -> Sequence[Shelf]:
    """Base units a day over the last weeks, or since the first movement; items nobody uses are absent."""
    return [shelf for read in usage(location_id, item_ids) for shelf in read.now()]


def usage(location_id: int, item_ids: Collection[int]) -> Sequence[Read[list[Shelf]]]:
    """The same, to be read together with other facts."""
    now = clock.now()

    def rate(rows: Rows) -> list[Shelf]:
        return [
            Shelf(item_id, daily_usage=used / max((now - first).days + 1, LEAST_DAYS))
            for item_id, used, first in rows
            if used > 0
        ]

    return [Read(_used(), {**shelf_values(location_id, item_ids), "used_since": now - RECENT}, rate)]


@cache
def _used() -> Columns:
    consumed = -func.sum(case((StockMovement.kind.in_(CONSUMING), StockMovement.quantity), else_=0))
    return (
        select(StockMovement.item_id, consumed, func.min(StockMovement.at))
        .where(
            StockMovement.location_id == SHELF_PLACE,
            StockMovement.item_id == SHELF_ITEMS,
            StockMovement.at >= bindparam("used_since", type_=DateTime(timezone=True)),
        )
        .group_by(StockMovement.item_id)
    )
