"""Keeps offers in line with the master data they come from."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.schema import CreateTable, DropTable

from integrations.canonical import Lifecycle
from portal.catalog.models import CatalogChange, Offer, OfferCount, OfferWord
from portal.catalog.rules import SHORTEST_SIMILAR
from portal.foundation.db import db
from portal.masterdata.models import Item, ItemPackaging, Supplier
from portal.masterdata.rules import ImportKind

SEEN_IN_OFFERS = frozenset({ImportKind.ITEMS, ImportKind.ITEM_PACKAGING, ImportKind.SUPPLIERS})

COPIED = ("name", "category", "manufacturer", "lot_tracked", "requestable", "words", "factor")
SLICE = 50_000
"""How many offers one statement writes, so that it is as short among a million."""

DIFFERING = Table(
    "offer_differing",
    MetaData(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    *(Column(name, Offer.__table__.c[name].type) for name in ("id", *COPIED)),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
"""The offers to write, with what they should say, by name: most indexes of offers begin with it, so that
one slice touches few of their pages."""


def follow_import(kind: ImportKind) -> None:
    """After items, packs or suppliers changed."""
    if kind in SEEN_IN_OFFERS:
        align_offers()


def align_offers(only: Collection[int] = ()) -> None:
    """Writes anew what a search looks at, in every offer (or `only` some) where it differs; counts, words."""
    connection = db.session.connection()
    connection.execute(DropTable(DIFFERING, if_exists=True))
    connection.execute(CreateTable(DIFFERING))
    # Right after an import there are no statistics, and PostgreSQL would loop over whole tables.
    db.session.execute(select(func.set_config("enable_nestloop", "on" if only else "off", True)))
    differing = _differing().where(Offer.id.in_(only)) if only else _differing()
    db.session.execute(insert(DIFFERING).from_select(DIFFERING.c.keys(), differing))
    last = db.session.scalar(select(func.max(DIFFERING.c.position))) or 0
    for first in range(1, last + 1, SLICE):
        _write(DIFFERING.c.position.between(first, first + SLICE - 1))
    db.session.execute(select(func.set_config("enable_nestloop", "on", True)))
    _count_offers()


def _differing() -> Select[Any]:
    right = _right().subquery()
    position = func.row_number().over(order_by=(right.c.name, right.c.id))
    differs = or_(*(getattr(Offer, name).is_distinct_from(right.c[name]) for name in COPIED))
    return select(position, *right.c).join(Offer, Offer.id == right.c.id).where(differs)


def _write(slice_: ColumnElement[bool]) -> None:
    copied = {name: DIFFERING.c[name] for name in COPIED}
    db.session.execute(
        update(Offer).where(Offer.id == DIFFERING.c.id, slice_).values(copied),
        execution_options={"synchronize_session": False},
    )
    # First what stands between blanks, which is cheap; then letters only: what people misspell, not numbers.
    part = func.string_to_table(func.lower(DIFFERING.c.words), " ").label("part")
    parts = select(part).where(slice_).distinct().subquery()
    word = func.regexp_split_to_table(parts.c.part, "[^[:alpha:]]+").label("word")
    words = select(word).distinct().subquery()
    db.session.execute(
        insert(OfferWord)
        .from_select(["word"], select(words.c.word).where(func.length(words.c.word) >= SHORTEST_SIMILAR))
        .on_conflict_do_nothing(),
        execution_options={"synchronize_session": False},
    )


def _right() -> Select[Any]:
    """Each offer as its item, pack and supplier have it."""
    by_age: Any = aggregate_order_by(literal_column("' '"), ItemPackaging.id)
    gtins = (
        select(ItemPackaging.item_id, func.string_agg(ItemPackaging.gtin, by_age).label("gtins"))
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
    _forget_changes()


def _forget_changes() -> None:
    """The mark of this transaction alone names the new state, so the older ones may go."""
    this = func.pg_current_xact_id().cast(Text).cast(BigInteger)
    db.session.execute(delete(CatalogChange).where(CatalogChange.transaction != this))
