"""Keeps offers in line with the master data they come from."""

from sqlalchemy import func, or_, select, update

from portal.catalog.models import Offer
from portal.foundation.db import db
from portal.masterdata.models import Item, ItemPackaging, Supplier
from portal.masterdata.rules import ImportKind

SEEN_IN_OFFERS = frozenset({ImportKind.ITEMS, ImportKind.ITEM_PACKAGING, ImportKind.SUPPLIERS})


def follow_import(kind: ImportKind) -> None:
    """After items, packs or suppliers changed."""
    if kind in SEEN_IN_OFFERS:
        align_offers()


def align_offers() -> None:
    """Writes anew what a search looks at and the pack size of every offer that differs; one statement."""
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
    packs = (
        select(
            Offer.id,
            words.label("words"),
            func.coalesce(ItemPackaging.factor, Offer.factor).label("factor"),
        )
        .join(Item, Item.id == Offer.item_id)
        .join(Supplier, Supplier.id == Offer.supplier_id)
        .outerjoin(gtins, gtins.c.item_id == Offer.item_id)
        .outerjoin(
            ItemPackaging,
            (ItemPackaging.item_id == Offer.item_id) & (ItemPackaging.uom == Offer.uom),
        )
        .subquery()
    )
    db.session.execute(
        update(Offer)
        .where(
            Offer.id == packs.c.id,
            or_(Offer.words != packs.c.words, Offer.factor != packs.c.factor),
        )
        .values(words=packs.c.words, factor=packs.c.factor)
        .execution_options(synchronize_session=False)
    )
