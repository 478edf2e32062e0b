"""What is known around the lines of a cart: last orders, what is on its way, what may stand in."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, column, func, select, text, true

from integrations.canonical import Lifecycle
from portal.catalog import queries as catalog
from portal.catalog.models import Offer, Substitute
from portal.catalog.queries import PricedOffer
from portal.catalog.rules import Shelf, pack
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.hooks import Collector
from portal.foundation.together import Columns, Read, Rows
from portal.masterdata.models import Item, ItemPackaging
from portal.requisitions.checks.facts import LastOrder, RecallFacts
from portal.requisitions.checks.words import spoken_price
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import RequisitionState

on_order: Collector[[Collection[int], Collection[int]], Read[list[tuple[int, Shelf]]]] = Collector()
"""Orders say what is ordered for locations (location ids, item ids)."""
recalls: Collector[[Collection[int]], Read[list[tuple[int, RecallFacts]]]] = Collector()
"""Recalls say which items they name, open ones only (item ids)."""

MOST_EQUIVALENTS = 3
# Written out, so that the partial indexes over such lines are used.
ORDERED = text("requisition_line.ordered_quantity > 0")
WANTED = text(
    "requisition_line.state <> 'rejected' AND requisition_line.ordered_quantity + "
    "requisition_line.closed_quantity < requisition_line.quantity"
)


def last_orders(offer_ids: Iterable[int]) -> Read[dict[int, LastOrder]]:
    """What each offer cost when it was last ordered."""
    return Read(
        _last_orders(),
        {"offer_ids": sorted(set(offer_ids))},
        lambda rows: {offer_id: LastOrder(price, at.date(), number) for offer_id, price, at, number in rows},
    )


@cache
def _last_orders() -> Columns:
    # Kept, as building it takes longer than running it.
    offer_ids = bindparam("offer_ids", type_=ARRAY(BigInteger))
    ask = func.unnest(offer_ids).table_valued(column("offer_id", BigInteger), name="ask").render_derived()
    last = (
        select(RequisitionLine.unit_price, RequisitionLine.requisition_id)
        .where(RequisitionLine.offer_id == ask.c.offer_id, ORDERED)
        .order_by(RequisitionLine.id.desc())
        .limit(1)
        .lateral("last")
    )
    # As a look for each, so that never all requisitions are gone through.
    submitted_at, number = (
        select(one).where(Requisition.id == last.c.requisition_id).scalar_subquery()
        for one in (Requisition.submitted_at, Requisition.number)
    )
    return select(ask.c.offer_id, last.c.unit_price, submitted_at, number).select_from(ask.join(last, true()))


Here = tuple[int, int]
"""A location and an item that is wanted there."""


def asked_already(
    location_ids: Collection[int], item_ids: Collection[int]
) -> Read[dict[Here, list[tuple[str, Decimal]]]]:
    """Submitted requisitions of locations that still want an item, with their open base units."""
    values = {"asked_at": sorted(location_ids), "asked_items": sorted(item_ids)}
    return Read(_asked_already(), values, _asked_by_place)


@cache
def _asked_already() -> Columns:
    line = RequisitionLine
    # As a look for each line, so that never all requisitions are gone through.
    asked = (
        select(Requisition.id, Requisition.number, Requisition.location_id)
        .where(
            Requisition.id == line.requisition_id,
            Requisition.state.in_((RequisitionState.SUBMITTED, RequisitionState.DECIDED)),
        )
        .limit(1)
        .lateral("asked")
    )
    place = func.coalesce(line.location_id, asked.c.location_id)
    open_units = (line.quantity - line.ordered_quantity - line.closed_quantity) * Offer.factor
    return (
        select(place, line.item_id, asked.c.number, func.sum(open_units))
        .select_from(line)
        .join(line.offer)
        .join(asked, true())
        .where(
            line.item_id == any_(bindparam("asked_items", type_=ARRAY(BigInteger))),
            WANTED,
            place == any_(bindparam("asked_at", type_=ARRAY(BigInteger))),
        )
        .group_by(place, line.item_id, asked.c.id, asked.c.number)
        .order_by(asked.c.id)
    )


def _asked_by_place(rows: Rows) -> dict[Here, list[tuple[str, Decimal]]]:
    found: dict[Here, list[tuple[str, Decimal]]] = defaultdict(list)
    for location_id, item_id, number, units in rows:
        found[location_id, item_id].append((number or "", units))
    return found


def shelves_of(actor: Actor, lines: Iterable[RequisitionLine], *, usage: bool = False) -> dict[int, Shelf]:
    """What stands where each line (by id) is delivered; a look for each place. `usage` as catalog.shelves."""
    places: dict[int, list[RequisitionLine]] = defaultdict(list)
    for line in lines:
        places[line.ship_to.id].append(line)
    found: dict[int, Shelf] = {}
    for location_id, here in places.items():
        known = catalog.shelves(actor, location_id, {line.item_id for line in here}, usage=usage)
        found |= {line.id: known[line.item_id] for line in here}
    return found


def packed(item_ids: Collection[int]) -> Read[dict[tuple[int, str], Decimal]]:
    """Base units in each unit of the items, as their packaging says."""
    return Read(
        _packed(),
        {"packed_items": sorted(item_ids)},
        lambda rows: {(item_id, uom): factor for item_id, uom, factor in rows},
    )


@cache
def _packed() -> Columns:
    item_ids = bindparam("packed_items", type_=ARRAY(BigInteger))
    return select(ItemPackaging.item_id, ItemPackaging.uom, ItemPackaging.factor).where(
        ItemPackaging.item_id == any_(item_ids)
    )


@dataclass(frozen=True)
class Instead:
    """What may stand in for items: active substitutes, and what is on contract, both in words."""

    replacements: Mapping[int, list[str]]
    equivalents: Mapping[int, list[str]]


def instead_of(item_ids: Collection[int], day: date, currency: str) -> Instead:
    """What may stand in for items, in three queries; none for no items."""
    if not item_ids:
        return Instead({}, {})
    stand_ins = _stand_ins(item_ids)
    wanted = {*item_ids, *(item.id for items in stand_ins.values() for item in items)}
    offers: dict[int, list[PricedOffer]] = defaultdict(list)
    for one in catalog.priced(catalog.offers_of(wanted), day):
        if one.contract_line is not None and _may_be_requested(one.offer):
            offers[one.offer.item_id].append(one)
    return Instead(
        {item_id: [f"{one.code} {one.name}" for one in items] for item_id, items in stand_ins.items()},
        {item_id: _in_words(item_id, stand_ins.get(item_id, []), offers, currency) for item_id in item_ids},
    )


def _stand_ins(item_ids: Collection[int]) -> dict[int, list[Item]]:
    rows = db.session.execute(
        select(Substitute.item_id, Item)
        .join(Item, Item.id == Substitute.substitute_id)
        .where(Substitute.item_id.in_(item_ids), Item.lifecycle == Lifecycle.ACTIVE)
        .order_by(Substitute.item_id, Item.code)
    )
    found: dict[int, list[Item]] = defaultdict(list)
    for item_id, item in rows:
        found[item_id].append(item)
    return found


def _may_be_requested(offer: Offer) -> bool:
    return offer.item.lifecycle is Lifecycle.ACTIVE and not offer.supplier.blocked


def _in_words(
    item_id: int, stand_ins: Collection[Item], offers: Mapping[int, list[PricedOffer]], currency: str
) -> list[str]:
    """The cheapest by the price of a base unit, the item's own offers first."""
    own = sorted(offers.get(item_id, []), key=lambda one: one.each_price)
    others = [one for item in stand_ins for one in offers.get(item.id, [])]
    ranked = [*own, *sorted(others, key=lambda one: one.each_price)]
    return [_described(one, currency, own=one in own) for one in ranked[:MOST_EQUIVALENTS]]


def _described(one: PricedOffer, currency: str, *, own: bool) -> str:
    offer, item = one.offer, one.offer.item
    price = spoken_price(one.each_price.quantize(Decimal("0.0001")), currency)
    name = "" if own else f"{item.name}, "
    words = pack(offer.uom, offer.factor, item.base_uom)
    return f"{name}{words} from {offer.supplier.name}, {price} per {item.base_uom}"
