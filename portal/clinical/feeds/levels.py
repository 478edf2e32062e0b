"""Stock levels of a materials system (MFN^M15, IVT of MFN^M16): par levels taken over, counts asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from integrations.clinical import ItemMaster, StockLevel
from portal.clinical.encounters import System, location_id
from portal.clinical.models import Feed
from portal.exchange import services as exchange
from portal.exchange.rules import WorkItemKind
from portal.exchange.services import About
from portal.foundation import audit
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.foundation.quantity import plain
from portal.inventory.models import ParLevel, Stock
from portal.inventory.rules import ParMethod
from portal.masterdata.models import Item, Location
from portal.replenishment import par_services
from portal.replenishment.par_services import Levels

MOST_NAMED = 5


@dataclass(frozen=True)
class Told:
    """What is said of an item at a place; `factor` is base units in the unit that is counted in."""

    item: Item
    location_id: int
    factor: Decimal
    level: StockLevel


def apply_levels(actor: Actor, feed: Feed, said: ItemMaster, system: System) -> None:
    """Takes over par levels; what lies on a shelf is never corrected by a message, only counted.

    What names no item, unit or place of ours becomes a work item. Raises Invalid where the interface tells
    nothing but levels and may not.
    """
    if not any(record.levels for record in said.records):
        return
    if not feed.settings.get("levels"):
        if all(record.levels_only for record in said.records):
            raise Invalid(
                f"The interface {feed.name} may not tell stock levels. Allow it on its page, or withdraw it."
            )
        return
    unknown: list[str] = []
    told = list(_known(said, system, unknown))
    refused = [sentence for one in told if (sentence := _set_par(actor, one))]
    _ask_for_counts(actor, feed, told)
    _report(feed, [*unknown, *refused])
    after = {"levels": len(told), "not taken": len(unknown) + len(refused)}
    audit.record(actor, "feed.levels", feed, after=after)


def _known(said: ItemMaster, system: System, unknown: list[str]) -> Iterator[Told]:
    codes = {record.item.code for record in said.records if record.levels}
    items = select(Item).where(Item.code.in_(codes)).options(selectinload(Item.packaging))
    by_code = {item.code: item for item in db.session.scalars(items)}
    for record in said.records:
        item = by_code.get(record.item.code)
        for level in record.levels:
            place = location_id(system, level.location_code)
            factor = _factor(item, level.uom) if item else None
            if item is None or place is None or factor is None:
                unknown.append(f"item {record.item.code}, {level.uom}, at {level.location_code}")
            else:
                yield Told(item, place, factor, level)


def _factor(item: Item, uom: str) -> Decimal | None:
    if uom.upper() == item.base_uom:
        return Decimal(1)
    return next((pack.factor for pack in item.packaging if pack.uom == uom.upper()), None)


def _set_par(actor: Actor, told: Told) -> str:
    """Takes over minimum and maximum; returns why not, if it cannot be."""
    level, factor = told.level, told.factor
    most = level.par if level.par is not None else _together(level.reorder_point, level.reorder_quantity)
    if most is None:
        return ""
    least = most if level.reorder_point is None else level.reorder_point
    known = db.session.scalar(
        select(ParLevel).where(ParLevel.location_id == told.location_id, ParLevel.item_id == told.item.id)
    )
    levels = replace(_levels(known), minimum=least * factor, maximum=most * factor)
    levels = replace(levels, critical=min(levels.critical, levels.minimum))
    if levels == _levels(known):
        return ""
    try:
        with db.session.begin_nested():
            if known is None:
                par_services.add(actor, told.location_id, told.item.code, levels)
            else:
                par_services.change(actor, known.id, levels)
    except Invalid as error:
        return f"item {told.item.code} at {level.location_code}: {error}"
    return ""


def _together(point: Decimal | None, quantity: Decimal | None) -> Decimal | None:
    return None if point is None or quantity is None else point + quantity


def _levels(known: ParLevel | None) -> Levels:
    """What is kept now; of an item that was not kept, nothing."""
    if known is None:
        return Levels(ParMethod.LEVEL, Decimal(), Decimal(), Decimal(), None, may_round_to_zero=False)
    return Levels(
        known.method, known.minimum, known.maximum, known.critical, known.round_up_from,
        may_round_to_zero=known.may_round_to_zero,
    )  # fmt: skip


def _ask_for_counts(actor: Actor, feed: Feed, told: list[Told]) -> None:
    """One work item a place lists what differs from the book; it closes when nothing does any more."""
    counted = [one for one in told if one.level.on_hand is not None]
    places = {one.location_id for one in counted}
    names = {row[0]: row[1] for row in db.session.execute(
        select(Location.id, Location.name).where(Location.id.in_(places)))}  # fmt: skip
    book = _book(counted)
    for place in sorted(places):
        words = [said for one in counted if one.location_id == place and (said := _difference(one, book))]
        key = f"feed-{feed.id}-levels-{place}"
        if not words:
            exchange.resolve_by_system(actor, key, "The stock is alike again.")
            continue
        exchange.open_item(
            WorkItemKind.STOCK_DIFFERS,
            key=key,
            sentence=f"{feed.name} has other stock at {names[place]} than the book: {_some(words)}.",
            suggestion="Count these there. The book follows the count, not the interface.",
            subject=About("location", place, names[place]),
        )


def _book(told: list[Told]) -> dict[tuple[int, int, str], Decimal]:
    """What the book says by place, item and lot ("": all lots together), in base units."""
    statement = (
        select(Stock.location_id, Stock.item_id, Stock.lot, func.sum(Stock.on_hand))
        .where(
            Stock.location_id.in_({one.location_id for one in told}),
            Stock.item_id.in_({one.item.id for one in told}),
        )
        .group_by(Stock.location_id, Stock.item_id, Stock.lot)
    )
    book: dict[tuple[int, int, str], Decimal] = {}
    for place, item, lot, on_hand in db.session.execute(statement):
        book[place, item, ""] = book.get((place, item, ""), Decimal()) + on_hand
        if lot:
            book[place, item, lot] = on_hand
    return book


def _difference(told: Told, book: dict[tuple[int, int, str], Decimal]) -> str:
    theirs = (told.level.on_hand or Decimal()) * told.factor
    ours = book.get((told.location_id, told.item.id, told.level.lot), Decimal())
    lot = f" of lot {told.level.lot}" if told.level.lot else ""
    return f"{told.item.name}{lot} {plain(theirs)}, not {plain(ours)}" if theirs != ours else ""


def _report(feed: Feed, unknown: list[str]) -> None:
    if unknown:
        exchange.open_item(
            WorkItemKind.NOT_APPLIED,
            key=f"feed-{feed.id}-levels",
            sentence=f"{feed.name} told stock levels that could not be taken: {_some(unknown)}.",
            suggestion="Add the item, its unit or the place under these codes; then have it sent again.",
            subject=About("feed", feed.id, feed.code),
        )


def _some(words: list[str]) -> str:
    more = len(words) - MOST_NAMED
    return "; ".join(words[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
