"""Which items a location keeps."""

from sqlalchemy import select, union

from portal.foundation.db import db
from portal.inventory.models import ParLevel, Stock


def kept_items(location_id: int) -> list[int]:
    """Ids of the items with a par level or stock on hand, in any condition."""
    par = select(ParLevel.item_id).where(ParLevel.location_id == location_id)
    held = select(Stock.item_id).where(Stock.location_id == location_id, Stock.on_hand > 0)
    return list(db.session.scalars(union(par, held)))
