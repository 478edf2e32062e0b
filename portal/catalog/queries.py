"""Finding offers: by words, numbers and barcodes, with the price of the day and what is on the shelf."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Select, any_, bindparam, func, select
from sqlalchemy.orm import contains_eager, joinedload

from portal.catalog.asked import Here
from portal.catalog.models import CatalogChange, Offer, OrderGuideLine, Substitute
from portal.catalog.rules import Shelf
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.hooks import Collector
from portal.foundation.together import Columns, Read, planned_once, read_together
from portal.masterdata.models import Contract, ContractLine, Item
from portal.masterdata.queries import effective_on, prices_on

stocked_items: Collector[[int], Read[list[int]]] = Collector()
"""Higher features say which items a location keeps (location id)."""
used_by_month: Collector[[int, int, datetime], tuple[date, Decimal]] = Collector()
"""Higher features say what a location used of an item by month (location id, item id, since)."""
shelf_facts: Collector[[Actor, int, Collection[int]], Read[list[Shelf]]] = Collector()
"""Higher features say what they know of items at a location (actor, location id, item ids)."""

usage_facts: Collector[[int, Collection[int]], Read[list[Shelf]]] = Collector()
"""Higher features say what a location uses of items a day (location id, item ids)."""

SHELF_PLACE = bindparam("shelf_place", type_=BigInteger)
SHELF_ITEMS = any_(bindparam("shelf_items", type_=ARRAY(BigInteger)))
"""How such a read names the location and its items."""


def shelf_values(location_id: int, item_ids: Collection[int]) -> dict[str, Any]:
    """The values of SHELF_PLACE and SHELF_ITEMS."""
    return {"shelf_place": location_id, "shelf_items": sorted(item_ids)}


HISTORY = timedelta(days=730)


@dataclass(frozen=True)
class PricedOffer:
    """An offer with the contract line effective on the day, if any."""

    offer: Offer
    contract_line: ContractLine | None

    @property
    def unit_price(self) -> Decimal:
        """The contract price, else the list price, per order unit."""
        return self.contract_line.unit_price if self.contract_line else self.offer.list_price

    @property
    def each_price(self) -> Decimal:
        """The price of one base unit."""
        return self.unit_price / self.offer.factor


def priced(offers: Sequence[Offer], day: date, quantity: Decimal = Decimal(1)) -> list[PricedOffer]:
    """The offers with their price of the day, in one query."""
    keys = [(offer.item_id, offer.supplier_id, offer.uom, quantity) for offer in offers]
    prices = prices_on(day, keys)
    return [PricedOffer(offer, prices.get(key)) for offer, key in zip(offers, keys, strict=True)]


def shelves(
    actor: Actor, location_id: int, item_ids: Iterable[int], *, usage: bool = False
) -> dict[int, Shelf]:
    """What stands at a location of each item, as far as other features know it; `usage` what is used, too."""
    wanted = set(item_ids)
    reads = [*shelf_facts(actor, location_id, wanted), *(usage_facts(location_id, wanted) if usage else ())]
    known = read_together(*reads) if wanted and reads else None
    return shelves_of(wanted, (fact for read in reads for fact in known[read]) if known else ())


def shelves_of(item_ids: Iterable[int], facts: Iterable[Shelf]) -> dict[int, Shelf]:
    """All that is known of each item put together."""
    known = {item_id: Shelf(item_id) for item_id in item_ids}
    for fact in facts:
        known[fact.item_id] = known[fact.item_id].with_facts(fact)
    return known


def offers_of(item_ids: Iterable[int]) -> list[Offer]:
    """Active offers of the items with item and supplier."""
    return list(db.session.scalars(_offers_of_items(), {"item_ids": sorted(set(item_ids))}))


@cache
def _offers_of_items() -> Select[Offer]:
    is_wanted = Offer.item_id == any_(bindparam("item_ids", type_=ARRAY(BigInteger)))
    return _offers().where(is_wanted, Offer.active).order_by(Offer.item_id, Offer.id)


def find_offers(offer_ids: Iterable[int]) -> list[Offer]:
    """The offers with these ids, with item and supplier."""
    return list(db.session.scalars(_offers_by_id(), {"offer_ids": sorted(set(offer_ids))}))


@cache
def _offers_by_id() -> Select[Offer]:
    # Kept, as building it takes longer than running it.
    is_wanted = Offer.id == any_(bindparam("offer_ids", type_=ARRAY(BigInteger)))
    return _offers().where(is_wanted).order_by(Offer.id)


def _offers() -> Select[Offer]:
    return select(Offer).options(joinedload(Offer.item), joinedload(Offer.supplier))


def guide_of(location_id: int) -> list[OrderGuideLine]:
    """The order guides of a location, in their own order, items loaded."""
    return list(
        db.session.scalars(
            select(OrderGuideLine)
            .where(OrderGuideLine.location_id == location_id)
            .options(joinedload(OrderGuideLine.item))
            .order_by(OrderGuideLine.name, OrderGuideLine.position, OrderGuideLine.id)
        )
    )


def here(location_id: int, day: date) -> Here:
    """What the location deals with, and the state of the catalog."""
    guide = Read(_on_guide(), {"shelf_place": location_id}, lambda rows: [item_id for (item_id,) in rows])
    state: Read[int] = Read(_state(), {}, lambda rows: rows[0][0])
    stocked = stocked_items(location_id)
    known = read_together(guide, state, *stocked, planned_once())
    kept = {item_id for read in stocked for item_id in known[read]}
    return Here(day, tuple(sorted(known[guide])), tuple(sorted(kept)), known[state])


@cache
def _on_guide() -> Columns:
    return select(OrderGuideLine.item_id).where(OrderGuideLine.location_id == SHELF_PLACE).distinct()


@cache
def _state() -> Columns:
    return select(func.coalesce(func.bit_xor(CatalogChange.mark), 0, type_=BigInteger))


def substitutes_of(item_id: int) -> list[tuple[Item, str]]:
    """Items that may stand in, with the clinical note."""
    rows = db.session.execute(
        select(Item, Substitute.note)
        .join(Substitute, Substitute.substitute_id == Item.id)
        .where(Substitute.item_id == item_id)
        .order_by(Item.name)
    )
    return [(item, note) for item, note in rows]


def contract_lines_of(item_id: int, day: date) -> list[ContractLine]:
    """Price lines of an item with their contract, by unit and tier: the last two years, today and later."""
    since = day - HISTORY
    return list(
        db.session.scalars(
            select(ContractLine)
            .join(ContractLine.contract)
            .where(
                ContractLine.item_id == item_id, ContractLine.valid_to >= since, Contract.valid_to >= since
            )
            .options(contains_eager(ContractLine.contract).joinedload(Contract.supplier))
            .order_by(ContractLine.valid_from, ContractLine.uom, ContractLine.minimum_quantity)
        )
    )


def contract_price(day: date) -> ColumnElement[Decimal]:
    """The price of one order unit by the contract line effective on the day; NULL without a contract."""
    return (
        select(ContractLine.unit_price)
        .join(ContractLine.contract)
        .where(
            ContractLine.item_id == Offer.item_id,
            ContractLine.uom == Offer.uom,
            ContractLine.minimum_quantity <= 1,
            Contract.supplier_id == Offer.supplier_id,
            effective_on(day),
        )
        .order_by(ContractLine.minimum_quantity.desc(), ContractLine.unit_price, ContractLine.id)
        .limit(1)
        .correlate(Offer)
        .scalar_subquery()
    )


def has_price_of(contract_id: int, day: date) -> ColumnElement[bool]:
    """Whether the contract has a price of the offer that is effective on the day."""
    return (
        select(ContractLine.id)
        .join(ContractLine.contract)
        .where(
            ContractLine.item_id == Offer.item_id,
            ContractLine.uom == Offer.uom,
            ContractLine.minimum_quantity <= 1,
            Contract.id == contract_id,
            Contract.supplier_id == Offer.supplier_id,
            effective_on(day),
        )
        .correlate(Offer)
        .exists()
    )
