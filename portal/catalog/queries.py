"""Finding offers: by words, numbers and barcodes, with the price of the day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, case, func, literal, select, text
from sqlalchemy.orm import joinedload

from portal.catalog.models import Offer, OrderGuideLine, Substitute, Synonym
from portal.foundation.db import db
from portal.masterdata.models import ContractLine, Item, ItemPackaging
from portal.masterdata.queries import prices_on


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


def search_statement(words: str) -> Select[Any]:
    """Offers that match, best first: exact numbers and barcodes, then words, then similar spellings."""
    statement = (
        select(Offer)
        .join(Offer.item)
        .where(Offer.active)
        .options(joinedload(Offer.item), joinedload(Offer.supplier))
    )
    words = words.strip()
    if not words:
        return statement.order_by(Item.name, Offer.id)
    exact = _exact_item_ids(words)
    query = func.websearch_to_tsquery(text("'english'"), with_synonyms(words))
    similar = Offer.words.bool_op("%>")(words)
    rank = case(
        (Offer.item_id.in_(exact), literal(2.0)),
        (Offer.search.bool_op("@@")(query), literal(1.0) + func.ts_rank(Offer.search, query)),
        else_=func.word_similarity(words, Offer.words),
    )
    matches = Offer.item_id.in_(exact) | Offer.search.bool_op("@@")(query) | similar
    return statement.where(matches).order_by(rank.desc(), Item.name, Offer.id)


def with_synonyms(words: str) -> str:
    """The words, each known synonym offered as an alternative: chux -> chux or underpad."""
    meanings = db.session.scalars(select(Synonym.meaning).where(Synonym.word.in_(words.lower().split())))
    return " or ".join([words, *meanings])


def _exact_item_ids(words: str) -> list[int]:
    number = words.removeprefix("(01)")
    return list(
        db.session.scalars(
            select(Item.id)
            .where((func.upper(Item.code) == number.upper()) | (Item.manufacturer_part == number))
            .union(
                select(ItemPackaging.item_id).where(
                    ItemPackaging.gtin.in_([number, number.zfill(14)]), ItemPackaging.gtin != ""
                ),
                select(Offer.item_id).where(Offer.supplier_part == number),
            )
        )
    )


def priced(offers: Sequence[Offer], day: date, quantity: Decimal = Decimal(1)) -> list[PricedOffer]:
    """The offers with their price of the day, in one query."""
    keys = [(offer.item_id, offer.supplier_id, offer.uom, quantity) for offer in offers]
    prices = prices_on(day, keys)
    return [PricedOffer(offer, prices.get(key)) for offer, key in zip(offers, keys, strict=True)]


def find_offer(offer_id: int) -> Offer | None:
    """The offer with item and supplier."""
    return db.session.scalar(
        select(Offer).where(Offer.id == offer_id).options(joinedload(Offer.item), joinedload(Offer.supplier))
    )


def offers_of(item_ids: Iterable[int]) -> list[Offer]:
    """Active offers of the items with item and supplier."""
    return list(
        db.session.scalars(
            select(Offer)
            .where(Offer.item_id.in_(set(item_ids)), Offer.active)
            .options(joinedload(Offer.item), joinedload(Offer.supplier))
            .order_by(Offer.item_id, Offer.id)
        )
    )


def guide_of(location_id: int) -> list[OrderGuideLine]:
    """The order guide of a location, in its own order, items loaded."""
    return list(
        db.session.scalars(
            select(OrderGuideLine)
            .where(OrderGuideLine.location_id == location_id)
            .options(joinedload(OrderGuideLine.item))
            .order_by(OrderGuideLine.position, OrderGuideLine.id)
        )
    )


def substitutes_of(item_id: int) -> list[tuple[Item, str]]:
    """Items that may stand in, with the clinical note."""
    rows = db.session.execute(
        select(Item, Substitute.note)
        .join(Substitute, Substitute.substitute_id == Item.id)
        .where(Substitute.item_id == item_id)
        .order_by(Item.name)
    )
    return [(item, note) for item, note in rows]
