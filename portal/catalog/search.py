"""The search: numbers and barcodes, then words, what the place keeps first; similar spellings if none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import func, select, text

from portal.catalog.asked import MOST, Found, Here, Search, facets_of
from portal.catalog.browsing import browse
from portal.catalog.categories import Tree
from portal.catalog.listed import Listed, listed
from portal.catalog.models import Offer, OfferWord
from portal.catalog.queries import find_offers
from portal.catalog.readings import readings_of
from portal.catalog.rules import (
    MOST_BEGINNINGS,
    beginning_of,
    may_be_misspelled,
    one_letter_off,
    query_of,
    words_of,
)
from portal.foundation.db import db
from portal.foundation.together import planned_once, read_together
from portal.masterdata.scanning import meant, read

LONGEST_SEARCH = 200

# portal_catalog_search (migrations/catalog_search.py) finds; the rest sees only its few rows. `misses`
# counts the filters a match fails: a facet counts what fails none but its own.
PAGE = """WITH hit AS MATERIALIZED (
    SELECT found.*, price.contract_id, price.number,
        coalesce(price.unit_price, found.list_price) / found.factor AS each_price,
        found.item_id = ANY (CAST(:guide AS bigint[])) AS on_guide,
        found.item_id = ANY (CAST(:stocked AS bigint[])) AS is_stocked,
        found.rank + CASE WHEN found.item_id = ANY (CAST(:scanned AS bigint[]))
            AND found.uom = ANY (CAST(:units AS text[])) THEN 10 ELSE 0 END AS score
    FROM portal_catalog_search(
        to_tsquery('english', :query), :number, CAST(:numbered AS bigint[]), CAST(:known AS bigint[]), :most,
        CAST(:day AS date), CAST(:categories AS text[]), CAST(:supplier AS bigint),
        CAST(:manufacturer AS text), :lots, CAST(:items AS bigint[]), CAST(:contract AS bigint)
    ) AS found
    LEFT JOIN LATERAL (
        SELECT line.unit_price, contract.id AS contract_id, contract.number
        FROM contract_line line JOIN contract ON contract.id = line.contract_id
        WHERE line.item_id = found.item_id AND line.uom = found.uom AND line.minimum_quantity <= 1
            AND contract.supplier_id = found.supplier_id
            AND CAST(:day AS date) BETWEEN line.valid_from AND line.valid_to
            AND CAST(:day AS date) BETWEEN contract.valid_from AND contract.valid_to
        ORDER BY line.minimum_quantity DESC, line.unit_price, line.id LIMIT 1
    ) AS price ON true
), failed AS (
    SELECT hit.*,
        CASE WHEN category <> ALL (CAST(:categories AS text[])) THEN 1 ELSE 0 END AS f1,
        CASE WHEN supplier_id <> CAST(:supplier AS bigint) THEN 1 ELSE 0 END AS f2,
        CASE WHEN manufacturer <> CAST(:manufacturer AS text) THEN 1 ELSE 0 END AS f3,
        CASE WHEN CAST(:contract AS bigint) = 0 AND contract_id IS NULL
            OR CAST(:contract AS bigint) > 0 AND contract_id IS DISTINCT FROM CAST(:contract AS bigint)
            THEN 1 ELSE 0 END AS f4,
        CASE WHEN :only_guide AND NOT on_guide THEN 1 ELSE 0 END AS f5,
        CASE WHEN :only_stocked AND NOT is_stocked THEN 1 ELSE 0 END AS f6,
        CASE WHEN :lots AND NOT lot_tracked THEN 1 ELSE 0 END AS f7
    FROM hit
), judged AS MATERIALIZED (
    SELECT failed.*, f1 + f2 + f3 + f4 + f5 + f6 + f7 AS misses FROM failed
), facet AS (
    SELECT 'category' AS kind, category AS value, category AS label, count(*) AS offers
    FROM judged WHERE misses = f1 AND category <> '' GROUP BY category
    UNION ALL
    SELECT 'supplier', supplier.id::text, supplier.name, counted.offers
    FROM (
        SELECT supplier_id, count(*) AS offers FROM judged WHERE misses = f2 GROUP BY supplier_id
    ) AS counted
    JOIN supplier ON supplier.id = counted.supplier_id
    UNION ALL
    SELECT 'manufacturer', manufacturer, manufacturer, count(*)
    FROM judged WHERE misses = f3 AND manufacturer <> '' GROUP BY manufacturer
    UNION ALL
    SELECT 'contract', contract_id::text, number, count(*)
    FROM judged WHERE misses = f4 AND contract_id IS NOT NULL GROUP BY contract_id, number
    UNION ALL
    SELECT 'guide', '', '', count(*) FROM judged WHERE misses = f5 AND on_guide
    UNION ALL
    SELECT 'stocked', '', '', count(*) FROM judged WHERE misses = f6 AND is_stocked
    UNION ALL
    SELECT 'lots', '', '', count(*) FROM judged WHERE misses = f7 AND lot_tracked
)
SELECT (SELECT count(*) FROM hit), (SELECT count(*) FROM judged WHERE misses = 0),
    ARRAY(
        SELECT ARRAY[id, item_id] FROM judged WHERE misses = 0 ORDER BY {order} LIMIT :per_page OFFSET :skip
    ),
    (SELECT jsonb_agg(jsonb_build_array(kind, value, label, offers)) FROM facet),
    set_config('plan_cache_mode', 'auto', true)
"""
# Its plan is kept: making one takes longer than most searches, and what is asked for does not change it, as
# the function plans for itself. PAGE sets this back.
FIRST = text("""SELECT set_config('plan_cache_mode', 'force_generic_plan', true),
    ARRAY(
        SELECT ARRAY[lower(word), meaning] FROM synonym
        WHERE strpos(CAST(:lower AS text), ' ' || lower(word) || ' ') > 0
    ),
    (SELECT jsonb_object_agg(name, parent) FROM item_category WHERE parent <> ''),
    portal_words_beginning(CAST(:beginning AS text), :most)
""")
# What may be requested comes first unless a person sorts.
BEST = "requestable DESC, score DESC, name, factor, id"
ORDERS = {
    "name": "name, factor, id",
    "-name": "name DESC, factor, id",
    "price": "each_price, name, id",
    "-price": "each_price DESC, name, id",
}
PAGES = {sort: text(PAGE.replace("{order}", order)) for sort, order in {"": BEST, **ORDERS}.items()}
SIMILAR = text("SELECT wanted_word, word FROM portal_similar_words(CAST(:words AS text[]))")


@dataclass(frozen=True)
class _Asked:
    """The words, the words with synonyms in their place, what the last one may be the beginning of (by it),
    the tree, the items a number or barcode names.
    """

    words: str
    variants: tuple[tuple[str, ...], ...]
    begun: Mapping[str, Sequence[str]]
    tree: Tree
    numbered: tuple[int, ...] = ()
    scanned: tuple[tuple[int, str], ...] = ()


def find(search: Search, here: Here, *, number: int, per_page: int) -> tuple[Found, Sequence[Listed]]:
    """Page `number` (from 1) of what matches as it is written; when nothing does, of what is spelled like it.

    With the offers of the page. Without words everything matches, by name. What was found is kept as long as
    the catalog stays as it is.
    """
    organization_id = db.session().info.get("organization_id")
    if here.state is None or organization_id is None:
        return _find_offers(search, here, number, per_page)
    return _kept(search, here, number, per_page, organization_id)


@lru_cache(maxsize=500)
def _kept(
    search: Search, here: Here, number: int, per_page: int, organization_id: int
) -> tuple[Found, Sequence[Listed]]:
    return _find_offers(search, here, number, per_page)


def _find_offers(search: Search, here: Here, number: int, per_page: int) -> tuple[Found, Sequence[Listed]]:
    found = _find(search, here, number, per_page)
    offers = listed(found.ids, here.day)
    return found, read_together(offers, planned_once())[offers]


def _find(search: Search, here: Here, number: int, per_page: int) -> Found:
    words = _tidy(search.words)
    if not words:
        return browse(search, here, number=number, per_page=per_page)
    asked = _asked(words)
    values = {
        **_values(search, here, asked),
        "per_page": per_page,
        "skip": (max(1, number) - 1) * per_page,
    }
    matches, found = _run(search.sort, {**values, "query": query_of(asked.variants, asked.begun)})
    meant_words = {} if matches else _similar(asked.variants)
    if not meant_words:
        return replace(found, tree=asked.tree)
    _, similar = _run(
        search.sort, {**values, "query": query_of(asked.variants, {**asked.begun, **meant_words})}
    )
    return replace(similar, tree=asked.tree, is_similar=similar.total > 0)


def named(words: str, day: date, most: int) -> list[Offer]:
    """The best matches of words or a number, with item and supplier."""
    found = _find(Search(words), Here(day), 1, most) if _tidy(words) else Found((), (), 0)
    return in_order(found.ids)


def in_order(offer_ids: Sequence[int]) -> list[Offer]:
    """The offers with these ids in this order, with item and supplier."""
    known = {offer.id: offer for offer in find_offers(offer_ids)}
    return [known[offer_id] for offer_id in offer_ids if offer_id in known]


def _tidy(words: str) -> str:
    # PostgreSQL holds no NUL, and nobody means one.
    return " ".join(words.replace("\0", "").split())[:LONGEST_SEARCH]


def _asked(words: str) -> _Asked:
    lower = f" {words.lower()} "
    scan, _ = read(words)
    packs = db.session.execute(meant(scan.di if scan else None, words)).all()
    beginning = beginning_of(words_of(lower))
    values = {"lower": lower, "beginning": beginning, "most": MOST_BEGINNINGS}
    _, known, above, begun = db.session.execute(FIRST, values).one()
    return _Asked(
        words,
        readings_of(words, known),
        {beginning: begun} if beginning and begun is not None else {},
        Tree(above or {}),
        numbered=tuple({pack.item_id for pack in packs}),
        scanned=tuple((pack.item_id, pack.uom) for pack in packs if pack.by_barcode),
    )


def _values(search: Search, here: Here, asked: _Asked) -> dict[str, Any]:
    return {
        "number": asked.words.upper(),
        "numbered": list(asked.numbered),
        "scanned": [item_id for item_id, _ in asked.scanned],
        "units": [uom for _, uom in asked.scanned],
        "known": here.known,
        "guide": list(here.guide),
        "stocked": list(here.stocked),
        "most": MOST + 1,
        "day": here.day,
        "categories": asked.tree.within(search.category) if search.category else None,
        "supplier": search.supplier_id,
        "manufacturer": search.manufacturer or None,
        "contract": search.contract,
        "lots": search.lots,
        "items": search.only_items(here),
        "only_guide": search.guide,
        "only_stocked": search.stocked,
    }


def _run(sort: str, values: dict[str, Any]) -> tuple[int, Found]:
    """How many match before the filters, and the page after them."""
    matches, total, shown, facets, _ = db.session.execute(PAGES.get(sort, PAGES[""]), values).one()
    found = Found(
        ids=[offer_id for offer_id, _ in shown],
        item_ids=[item_id for _, item_id in shown],
        total=min(total, MOST),
        facets=facets_of(facets or ()),
        is_total_least=total > MOST,
        are_counts_least=matches > MOST,
    )
    return matches, found


def _similar(variants: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Words of the catalog that are one letter off the asked ones, or else look like them."""
    wanted = sorted({word.lower() for variant in variants for word in variant if may_be_misspelled(word)})
    similar = _one_letter_off(wanted)
    others = [word for word in wanted if word not in similar]
    for word, other in db.session.execute(SIMILAR, {"words": others}) if others else ():
        similar.setdefault(word, []).append(other)
    return similar


def _one_letter_off(wanted: Sequence[str]) -> dict[str, list[str]]:
    # A trigram index does not see that glvoe is glove: letters that changed places leave hardly a trigram.
    near = {word: one_letter_off(word) for word in wanted}
    spellings = sorted(set().union(*near.values()))
    known = set(db.session.scalars(select(OfferWord.word).where(OfferWord.word == func.any(spellings))))
    return {word: sorted(known & spelled) for word, spelled in near.items() if known & spelled}
