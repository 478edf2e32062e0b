"""Reading par levels, policies and suggestions, and which offer fills an item up."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from portal.catalog.models import OrderGuideLine
from portal.catalog.queries import PricedOffer, offers_of, priced
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.inventory.models import ParLevel, Stock
from portal.inventory.rules import Condition, ParMethod
from portal.masterdata.models import Item, Location
from portal.replenishment import facts
from portal.replenishment.models import ReplenishmentPolicy, Suggestion, SuggestionLine
from portal.replenishment.rules import SuggestionState

REFUSED_FOR = timedelta(days=7)


def levels_at(location_id: int) -> list[ParLevel]:
    """The par levels of a location, of items that may be requested."""
    statement = (
        select(ParLevel)
        .join(ParLevel.item)
        .where(ParLevel.location_id == location_id)
        .options(joinedload(ParLevel.item))
        .order_by(Item.name, Item.id)
    )
    return list(db.session.scalars(statement))


def levels(location_id: int, words: str, *, low_only: bool) -> Select[ParLevel]:
    """Par levels of a location by the item's name, those with certain words, or with too little on hand."""
    held = (
        select(func.coalesce(func.sum(Stock.on_hand), 0))
        .where(
            Stock.location_id == ParLevel.location_id,
            Stock.item_id == ParLevel.item_id,
            Stock.condition == Condition.AVAILABLE,
        )
        .correlate(ParLevel)
        .scalar_subquery()
    )
    statement = (
        select(ParLevel)
        .join(ParLevel.item)
        .where(ParLevel.location_id == location_id)
        .options(contains_eager(ParLevel.item))
        .order_by(Item.name, Item.id)
    )
    words = words.replace("\0", "").strip()
    if words:
        named = Item.name.icontains(words, autoescape=True)
        statement = statement.where(named | (func.upper(Item.code) == words.upper()))
    return statement.where(held < ParLevel.minimum) if low_only else statement


def in_bins(location_id: int) -> list[ParLevel]:
    """The par levels of a location that are kept in two bins."""
    statement = levels(location_id, "", low_only=False).where(ParLevel.method == ParMethod.KANBAN)
    return list(db.session.scalars(statement))


def par_ids(location_id: int, item_ids: Collection[int]) -> dict[int, int]:
    """Ids of the par levels of items at a location, by item."""
    rows = db.session.execute(
        select(ParLevel.item_id, ParLevel.id).where(
            ParLevel.location_id == location_id, ParLevel.item_id.in_(item_ids)
        )
    )
    return {row[0]: row[1] for row in rows}


def level(par_id: int, *, lock: bool = False) -> ParLevel:
    """A par level with its item and place; `lock` as for the location. Raises NotFound."""
    statement = (
        select(ParLevel)
        .where(ParLevel.id == par_id)
        .options(joinedload(ParLevel.item), joinedload(ParLevel.location).joinedload(Location.facility))
    )
    row = found(db.session.scalar(statement), "par level")
    if lock:
        location(row.location_id, lock=True)
        db.session.refresh(row, ["bin_empty_since", "snoozed_until", "snooze_reason"])
    return row


def locations_with_levels() -> list[int]:
    """Ids of the locations that have something to keep."""
    return list(db.session.scalars(select(ParLevel.location_id).distinct().order_by(ParLevel.location_id)))


def location(location_id: int, *, lock: bool = False) -> Location:
    """The location with its facility; `lock` makes others who fill it up wait, not who moves its stock."""
    statement = select(Location).where(Location.id == location_id).options(joinedload(Location.facility))
    statement = statement.with_for_update(key_share=True, of=Location) if lock else statement
    return found(db.session.scalar(statement), "location")


def policy_of(location_id: int) -> ReplenishmentPolicy | None:
    """How the location is filled up, if somebody said so."""
    return db.session.scalar(
        select(ReplenishmentPolicy)
        .where(ReplenishmentPolicy.location_id == location_id)
        .options(joinedload(ReplenishmentPolicy.requester))
    )


def _suggestions() -> Select[Suggestion]:
    lines = selectinload(Suggestion.lines)
    return select(Suggestion).options(
        joinedload(Suggestion.supplier),
        joinedload(Suggestion.location).joinedload(Location.facility),
        lines.joinedload(SuggestionLine.item),
        lines.joinedload(SuggestionLine.offer),
    )


def open_at(location_id: int) -> list[Suggestion]:
    """The open suggestions of a location with their lines, as they are now."""
    statement = (
        _suggestions()
        .where(Suggestion.location_id == location_id, Suggestion.state == SuggestionState.OPEN)
        .order_by(Suggestion.id)
        .execution_options(populate_existing=True)
    )
    return list(db.session.scalars(statement))


def suggestion(suggestion_id: int) -> Suggestion:
    """A suggestion with its lines, as it is now; raises NotFound."""
    statement = _suggestions().where(Suggestion.id == suggestion_id)
    return found(db.session.scalar(statement.execution_options(populate_existing=True)), "suggestion")


def location_of(suggestion_id: int) -> int:
    """The location a suggestion is for; raises NotFound."""
    statement = select(Suggestion.location_id).where(Suggestion.id == suggestion_id)
    return found(db.session.scalar(statement), "suggestion")


def line(line_id: int) -> SuggestionLine:
    """A line of a suggestion; raises NotFound."""
    statement = select(SuggestionLine).where(SuggestionLine.id == line_id)
    return found(db.session.scalar(statement.options(joinedload(SuggestionLine.suggestion))), "suggestion")


def open_count(actor: Actor) -> Select[int]:
    """Selects how many suggestions wait for somebody like this person (for the navigation)."""
    statement = (
        select(func.count(Suggestion.id))
        .join(Suggestion.location)
        .where(Suggestion.state == SuggestionState.OPEN)
    )
    facilities = actor.facility_ids(Permission.MANAGE_PAR)
    if facilities is not None:
        statement = statement.where(Location.facility_id.in_(facilities))
    return statement


def waiting(actor: Actor) -> list[tuple[int, str, int]]:
    """Where suggestions wait for somebody like this person: (location id, name, how many)."""
    statement = (
        select(Location.id, Location.name, func.count(Suggestion.id))
        .join(Suggestion, Suggestion.location_id == Location.id)
        .where(Suggestion.state == SuggestionState.OPEN)
        .group_by(Location.id)
        .order_by(Location.name)
    )
    facilities = actor.facility_ids(Permission.MANAGE_PAR)
    if facilities is not None:
        statement = statement.where(Location.facility_id.in_(facilities))
    return [(row[0], row[1], row[2]) for row in db.session.execute(statement)]


def best_offers(location_id: int, item_ids: Collection[int], today: date) -> dict[int, PricedOffer]:
    """The offer that fills an item up: the unit of the order guide, on contract, then the cheapest."""
    candidates = [offer for offer in offers_of(item_ids) if not offer.supplier.blocked]
    guide = {
        (row[0], row[1])
        for row in db.session.execute(
            select(OrderGuideLine.item_id, OrderGuideLine.uom).where(
                OrderGuideLine.location_id == location_id, OrderGuideLine.item_id.in_(item_ids)
            )
        )
    }
    ranked = sorted(priced(candidates, today), key=lambda one: _rank(one, guide), reverse=True)
    return {one.offer.item_id: one for one in ranked}


def _rank(one: PricedOffer, guide: Collection[tuple[int, str]]) -> tuple[Any, ...]:
    in_guide = (one.offer.item_id, one.offer.uom) in guide
    return (not in_guide, one.contract_line is None, one.each_price, one.offer.id)


def refused_lately(location_id: int, today: date) -> set[int]:
    """Items that people did not want when the portal last asked for them by itself."""
    return set(db.session.scalars(facts.refused_since(location_id, today - REFUSED_FOR)))
