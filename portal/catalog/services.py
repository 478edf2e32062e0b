"""Keeps offers in line with the master data they come from."""

from typing import Any

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from integrations.canonical import Lifecycle
from portal.catalog.models import Offer, OfferCount, OfferWord
from portal.catalog.rules import SHORTEST_SIMILAR
from portal.foundation.db import db
from portal.masterdata.models import Item, ItemPackaging, Supplier
from portal.masterdata.rules import ImportKind

SEEN_IN_OFFERS = frozenset({ImportKind.ITEMS, ImportKind.ITEM_PACKAGING, ImportKind.SUPPLIERS})

COPIED = ("name", "category", "manufacturer", "lot_tracked", "requestable", "words", "factor")


def follow_import(kind: ImportKind) -> None:
    """After items, packs or suppliers changed."""
    if kind in SEEN_IN_OFFERS:
        align_offers()


def align_offers() -> None:
    """Writes anew what a search looks at, in every offer where it differs; then counts and words."""
    # Right after an import there are no statistics, and PostgreSQL would loop over whole tables.
    db.session.execute(select(func.set_config("enable_nestloop", "off", True)))
    right = _right().subquery()
    copied = {name: right.c[name] for name in COPIED}
    changed = (
        update(Offer)
        .where(
            Offer.id == right.c.id,
            or_(*(getattr(Offer, name).is_distinct_from(value) for name, value in copied.items())),
        )
        .values(copied)
        .returning(Offer.words)
        .cte("changed")
    )
    # Letters only: what people misspell, not numbers.
    word = func.regexp_split_to_table(func.lower(changed.c.words), "[^[:alpha:]]+").label("word")
    words = select(word).distinct().subquery()
    db.session.execute(
        insert(OfferWord)
        .from_select(["word"], select(words.c.word).where(func.length(words.c.word) >= SHORTEST_SIMILAR))
        .on_conflict_do_nothing(),
        execution_options={"synchronize_session": False},
    )
    db.session.execute(select(func.set_config("enable_nestloop", "on", True)))
    _count_offers()


def _right() -> Select[Any]:
    """Each offer as its item, pack and supplier have it."""
    gtins = (
        select(ItemPackaging.item_id, func.string_agg(ItemPackaging.gtin, " ").label("gtins"))
        .where(ItemPackaging.gtin != "")
        .group_by(ItemPackaging.item_id)
        .subquery()
    )
    words = func.concat_ws(
        " ",
        Item.code,
        Item.name,
        Item.category,
        Item.manufacturer,
        Item.manufacturer_part,
        Supplier.name,
        Offer.supplier_part,
        gtins.c.gtins,
    )
    pack = (ItemPackaging.item_id == Offer.item_id) & (ItemPackaging.uom == Offer.uom)
    return (
        select(
            Offer.id,
            Item.name,
            Item.category,
            Item.manufacturer,
            Item.lot_tracked,
            (Item.lifecycle == Lifecycle.ACTIVE).label("requestable"),
            words.label("words"),
            func.coalesce(ItemPackaging.factor, Offer.factor).label("factor"),
        )
        .join(Item, Item.id == Offer.item_id)
        .join(Supplier, Supplier.id == Offer.supplier_id)
        .outerjoin(gtins, gtins.c.item_id == Offer.item_id)
        .outerjoin(ItemPackaging, pack)
    )


def _count_offers() -> None:
    kind = (Offer.category, Offer.supplier_id, Offer.manufacturer, Offer.lot_tracked)
    counted = select(*kind, func.count()).where(Offer.active).group_by(*kind)
    db.session.execute(delete(OfferCount))
    names = [*(column.key for column in kind), OfferCount.offers.key]
    db.session.execute(insert(OfferCount).from_select(names, counted))
