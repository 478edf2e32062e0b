"""Reading counts, and what is to be counted next."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.inventory.models import CountLine, CountSheet, ParLevel, Stock
from portal.inventory.rules import CountState
from portal.masterdata.models import Item, Location

AT_ONCE = 25
MOST_LINES = 1000
Place = tuple[int, int, str, str, str, str]


class Which(StrEnum):
    """Which items are counted."""

    LONGEST_AGO = "longest_ago"
    BELOW_ZERO = "below_zero"
    ALL = "all"


def location(location_id: int) -> Location:
    """The location with its facility; raises NotFound."""
    statement = select(Location).where(Location.id == location_id).options(joinedload(Location.facility))
    return found(db.session.scalar(statement), "location")


def sheet(sheet_id: int, *, lock: bool = False) -> CountSheet:
    """A count with its lines by the item's name; raises NotFound. `lock` makes others wait who change it."""
    if lock:
        db.session.execute(select(CountSheet.id).where(CountSheet.id == sheet_id).with_for_update())
    statement = (
        select(CountSheet)
        .where(CountSheet.id == sheet_id)
        .options(
            joinedload(CountSheet.location).joinedload(Location.facility),
            selectinload(CountSheet.lines).joinedload(CountLine.item),
        )
        .execution_options(populate_existing=True)
    )
    return found(db.session.scalar(statement), "count")


def listing(actor: Actor) -> Select[CountSheet]:
    """Counts of the person's facilities, the open ones first, then the newest."""
    statement = (
        select(CountSheet)
        .join(CountSheet.location)
        .options(contains_eager(CountSheet.location), selectinload(CountSheet.lines))
        .order_by(CountSheet.ended_at.is_not(None), CountSheet.started_at.desc(), CountSheet.id.desc())
    )
    facilities = actor.facility_ids(Permission.COUNT_STOCK)
    return statement if facilities is None else statement.where(Location.facility_id.in_(facilities))


def place_of(sheet: CountSheet, line: CountLine) -> Place:
    """The stock row a line is about."""
    return (sheet.location_id, line.item_id, line.lot, line.serial, line.owner, line.condition)


def book_of(sheet: CountSheet) -> dict[Place, Decimal]:
    """What the book says now of the items of a count."""
    item_ids = {line.item_id for line in sheet.lines}
    rows = db.session.scalars(
        select(Stock)
        .where(Stock.location_id == sheet.location_id, Stock.item_id.in_(item_ids))
        .execution_options(populate_existing=True)
    )
    return {
        (row.location_id, row.item_id, row.lot, row.serial, row.owner, row.condition): row.on_hand
        for row in rows
    }


def to_count(location_id: int, which: Which) -> list[CountLine]:
    """Fresh lines for a count: every lot of the chosen items, and items with a par level but no stock."""
    item_ids = db.session.scalars(_items(location_id, which)).all()
    rows = db.session.scalars(
        select(Stock)
        .where(Stock.location_id == location_id, Stock.item_id.in_(item_ids), Stock.on_hand != 0)
        .order_by(Stock.item_id, Stock.expires_on.nulls_last(), Stock.lot, Stock.serial)
        .limit(MOST_LINES)
    ).all()
    lines = [_line(row) for row in rows]
    bare = [item_id for item_id in item_ids if item_id not in {row.item_id for row in rows}]
    return lines + [CountLine(item_id=item_id) for item_id in bare[: MOST_LINES - len(lines)]]


def _line(row: Stock) -> CountLine:
    return CountLine(
        item_id=row.item_id, lot=row.lot, serial=row.serial, expires_on=row.expires_on, owner=row.owner,
        condition=row.condition,
    )  # fmt: skip


def _items(location_id: int, which: Which) -> Select[Any]:
    held = select(Stock.item_id).where(Stock.location_id == location_id)
    if which is Which.BELOW_ZERO:
        return held.where(Stock.on_hand < 0).distinct()
    kept = select(ParLevel.item_id).where(ParLevel.location_id == location_id)
    items = select(Item.id).where(Item.id.in_(held.where(Stock.on_hand != 0).union(kept)))
    if which is Which.ALL:
        return items.order_by(Item.name)
    last = (
        select(func.max(CountSheet.ended_at))
        .join(CountSheet.lines)
        .where(
            CountLine.item_id == Item.id,
            CountSheet.location_id == location_id,
            CountSheet.state == CountState.POSTED,
        )
        .correlate(Item)
        .scalar_subquery()
    )
    return items.order_by(last.asc().nulls_first(), Item.name).limit(AT_ONCE)


def lines_in_order(sheet: CountSheet) -> Sequence[CountLine]:
    """The lines as the sheet shows them."""
    return sorted(sheet.lines, key=lambda line: (line.item.name, line.item_id, line.id))
