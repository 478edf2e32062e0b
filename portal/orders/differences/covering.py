"""How long a place lasts without what it waits for."""

from collections.abc import Collection

from sqlalchemy import select

from portal.exchange.models import WorkItem
from portal.foundation.db import db
from portal.foundation.hooks import Collector
from portal.orders.differences.queries import LINE_ID
from portal.orders.differences.rules import KINDS, Cover
from portal.orders.models import PurchaseOrder, PurchaseOrderLine

covers: Collector[[int, Collection[int]], Cover] = Collector()
"""Higher features say how long the items (by id) on the shelf of a location (by id) last."""


def of_location(location_id: int, item_ids: Collection[int]) -> dict[int, Cover]:
    """What is known of each item; nothing of what nobody uses."""
    return {one.item_id: one for one in covers(location_id, item_ids)} if item_ids else {}


def days_left(location_id: int, item_ids: Collection[int]) -> dict[int, int]:
    """Days until the shelf is empty, by item."""
    return {item_id: one.days for item_id, one in of_location(location_id, item_ids).items()}


def refresh() -> None:
    """Reckons the days of cover of all open differences anew: stock, usage and cases move on."""
    rows = db.session.execute(
        select(WorkItem, PurchaseOrder.location_id, PurchaseOrderLine.item_id)
        .join(
            PurchaseOrderLine,
            PurchaseOrderLine.id == LINE_ID,
        )
        .join(PurchaseOrderLine.order)
        .where(
            WorkItem.kind.in_(KINDS),
            WorkItem.subject_type == PurchaseOrder.__tablename__,
            WorkItem.resolved_at.is_(None),
        )
        .order_by(WorkItem.id)
    ).all()
    wanted: dict[int, set[int]] = {}
    for _, location_id, item_id in rows:
        wanted.setdefault(location_id, set()).add(item_id)
    known = {location_id: days_left(location_id, items) for location_id, items in wanted.items()}
    for item, location_id, item_id in rows:
        item.cover_days = known[location_id].get(item_id)
