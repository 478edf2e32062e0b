"""Which items a location keeps, and how much of one it uses."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Date, func, select, union

from portal.foundation.db import db
from portal.inventory.models import ParLevel, Stock, StockMovement
from portal.inventory.rules import MovementKind


def kept_items(location_id: int) -> list[int]:
    """Ids of the items with a par level or stock on hand, in any condition."""
    par = select(ParLevel.item_id).where(ParLevel.location_id == location_id)
    held = select(Stock.item_id).where(Stock.location_id == location_id, Stock.on_hand > 0)
    return list(db.session.scalars(union(par, held)))


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
