"""The search: exact numbers and barcodes first, then words with synonyms; similar spellings if nothing is."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, func, literal, or_, select, text, union
from sqlalchemy.orm import joinedload

from integrations.canonical import Lifecycle
from portal.catalog.models import Offer, Synonym
from portal.catalog.queries import contract_price
from portal.foundation.db import db
from portal.masterdata.models import Item, Supplier
from portal.masterdata.scanning import meant, read

LONGEST_SEARCH = 200
MOST_WORDS = 8
SIMILAR = 0.35  # oxigen and oxygen share 4 of 10 three-letter pieces
SHORTEST_SIMILAR = 4
ENGLISH = text("'english'")
WORD = re.compile(r"[^\W_]+(?:[.-][^\W_]+)*")


@dataclass(frozen=True)
class Search:
    """What a person looks for; `sort` is empty (best match), name, price, -name or -price."""

    words: str = ""
    category: str = ""
    supplier_id: int | None = None
    on_contract: bool = False
    sort: str = ""


@dataclass(frozen=True)
class _Asked:
    """The words, the words with synonyms in their place, and what they name if they are a barcode."""

    words: str
    variants: tuple[tuple[str, ...], ...] = ()
    di: str | None = None


class CatalogSearch:
    """One search on one day; synonyms are looked up once."""

    def __init__(self, search: Search, day: date, *, similar: bool = False) -> None:
        self.is_similar = similar
        self._search = search
        self._price = contract_price(day)
        self._asked = _asked(search.words)
        self._holds_all = _holds_all_or_similar if similar else _holds_all

    def offers(self) -> Select[Any]:
        """Active offers that match, with item and supplier; what may be requested comes first."""
        found = self._by_supplier(self._by_category(self._matching()))
        return found.options(joinedload(Offer.item), joinedload(Offer.supplier)).order_by(*self._order())

    def categories(self) -> list[tuple[str, int]]:
        """Categories among the matches, with their counts."""
        found = self._by_supplier(self._matching()).with_only_columns(Item.category, func.count(Offer.id))
        grouped = found.group_by(Item.category).order_by(Item.category)
        return [(row[0], row[1]) for row in db.session.execute(grouped)]

    def suppliers(self) -> list[tuple[int, str, int]]:
        """Suppliers among the matches (id, name), with their counts."""
        columns = (Supplier.id, Supplier.name, func.count(Offer.id))
        found = self._by_category(self._matching()).join(Offer.supplier).with_only_columns(*columns)
        grouped = found.group_by(Supplier.id, Supplier.name).order_by(Supplier.name, Supplier.id)
        return [(row[0], row[1], row[2]) for row in db.session.execute(grouped)]

    def _matching(self) -> Select[Any]:
        found = select(Offer).join(Offer.item).where(Offer.active)
        if self._search.on_contract:
            found = found.where(self._price.is_not(None))
        if self._asked.words:
            found = found.where(or_(_is_exact(self._asked), *map(self._holds_all, self._asked.variants)))
        return found

    def _by_category(self, found: Select[Any]) -> Select[Any]:
        return found.where(Item.category == self._search.category) if self._search.category else found

    def _by_supplier(self, found: Select[Any]) -> Select[Any]:
        supplier_id = self._search.supplier_id
        return found.where(Offer.supplier_id == supplier_id) if supplier_id is not None else found

    def _order(self) -> list[ColumnElement[Any]]:
        each_price = func.coalesce(self._price, Offer.list_price) / Offer.factor
        chosen: dict[str, ColumnElement[Any]] = {
            "name": Item.name.asc(),
            "-name": Item.name.desc(),
            "price": each_price.asc(),
            "-price": each_price.desc(),
        }
        may_be_requested = (Item.lifecycle == Lifecycle.ACTIVE).desc()
        best = [_rank(self._asked).desc()] if self._asked.words else []
        order = [chosen[self._search.sort]] if self._search.sort in chosen else [may_be_requested, *best]
        return [*order, Item.name, Offer.factor, Offer.id]


def _asked(words: str) -> _Asked:
    scan, _ = read(words)
    # PostgreSQL holds no NUL, and nobody means one.
    words = " ".join(words.replace("\0", "").split())[:LONGEST_SEARCH]
    if not words:
        return _Asked("")
    lower = f" {words.lower()} "
    known = db.session.execute(
        select(func.lower(Synonym.word), Synonym.meaning).where(
            func.strpos(lower, literal(" ") + func.lower(Synonym.word) + " ") > 0
        )
    )
    phrases = [lower, *(lower.replace(f" {word} ", f" {meaning} ") for word, meaning in known)]
    variants = (tuple(WORD.findall(variant)[:MOST_WORDS]) for variant in phrases)
    return _Asked(words, tuple(dict.fromkeys(filter(None, variants))), scan.di if scan else None)


def _rank(asked: _Asked) -> ColumnElement[Any]:
    named = meant(asked.di, asked.words).subquery()
    same_pack = and_(named.c.by_barcode, named.c.item_id == Offer.item_id, named.c.uom == Offer.uom)
    scanned_pack = select(named.c.item_id).where(same_pack).correlate(Offer).exists()
    ranks = [func.ts_rank(Offer.search, _query(variant)) for variant in asked.variants]
    similar = func.word_similarity(asked.words, Offer.words)
    return case(
        (scanned_pack, literal(20)),
        (_is_exact(asked), literal(10)),
        else_=similar + (func.greatest(*ranks) if ranks else literal(0)),
    )


def _is_exact(asked: _Asked) -> ColumnElement[bool]:
    """An item number, a manufacturer's or supplier's part number, or a barcode, exactly."""
    return Offer.item_id.in_(
        union(
            select(meant(asked.di, asked.words).subquery().c.item_id),
            select(Offer.item_id).where(func.upper(Offer.supplier_part) == asked.words.upper()),
        )
    )


def _holds_all(words: tuple[str, ...]) -> ColumnElement[bool]:
    return and_(*(_holds(word) for word in words))


def _holds_all_or_similar(words: tuple[str, ...]) -> ColumnElement[bool]:
    return and_(*(or_(_holds(word), _is_similar(word)) for word in words))


def _holds(word: str) -> ColumnElement[bool]:
    """Whether a word or its beginning stands in the offer; stop words always do."""
    query = _query((word,))
    return or_(Offer.search.bool_op("@@")(query), func.numnode(query) == 0)


def _is_similar(word: str) -> ColumnElement[bool]:
    """Whether a spelling like it stands in the offer; numbers and short words are meant as they are."""
    if len(word) < SHORTEST_SIMILAR or not word.isalpha():
        return false()
    return func.word_similarity(word, Offer.words) >= SIMILAR


def _query(words: tuple[str, ...]) -> ColumnElement[Any]:
    # The words hold letters, digits, points and hyphens only, so quotes cannot be broken out of.
    return func.to_tsquery(ENGLISH, " & ".join(f"'{word}':*" for word in words))
