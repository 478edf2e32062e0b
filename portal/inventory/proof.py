"""Proves that what is on hand is the sum of its movements."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, select, union_all

from portal.foundation.db import db
from portal.inventory.models import Stock, StockMovement


@dataclass(frozen=True)
class Discrepancy:
    """A place whose book and movements differ, in base units."""

    location_id: int
    item_id: int
    lot: str
    serial: str
    on_hand: Decimal
    moved: Decimal


def discrepancies() -> list[Discrepancy]:
    """The wrong places of the current organization; none, unless somebody wrote past the portal."""
    places = ("location_id", "item_id", "lot", "serial", "owner", "condition")
    held = select(
        *(getattr(Stock, name) for name in places),
        Stock.on_hand.label("held"),
        (Stock.on_hand * 0).label("moved"),
    )
    moved = select(
        *(getattr(StockMovement, name) for name in places),
        (StockMovement.quantity * 0).label("held"),
        StockMovement.quantity.label("moved"),
    )
    both = union_all(held, moved).subquery()
    sums = func.sum(both.c.held), func.sum(both.c.moved)
    rows = db.session.execute(
        select(both.c.location_id, both.c.item_id, both.c.lot, both.c.serial, *sums)
        .group_by(*(both.c[name] for name in places))
        .having(sums[0] != sums[1])
        .limit(100)
    )
    return [Discrepancy(*row) for row in rows]
