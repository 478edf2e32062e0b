"""The catalog without words: by name along an index, with the counts that are kept."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, case, func, select, text

from portal.catalog.asked import ANY_CONTRACT, MOST, Found, Here, Search, facets_of
from portal.catalog.categories import Tree
from portal.catalog.models import Offer
from portal.catalog.queries import contract_price, has_price_of
from portal.foundation.db import db
from portal.foundation.together import Columns
from portal.masterdata.listings import parent_categories

# As in a search, `misses` counts the filters that a kind of offer fails.
# The last value has what is asked next planned by its filters: a plan for all would look along the names.
COUNTS = text("""WITH failed AS (
    SELECT offer_count.*,
        CASE WHEN category <> ALL (CAST(:categories AS text[])) THEN 1 ELSE 0 END AS f1,
        CASE WHEN supplier_id <> CAST(:supplier AS bigint) THEN 1 ELSE 0 END AS f2,
        CASE WHEN manufacturer <> CAST(:manufacturer AS text) THEN 1 ELSE 0 END AS f3,
        CASE WHEN :lots AND NOT lot_tracked THEN 1 ELSE 0 END AS f7
    FROM offer_count
), judged AS MATERIALIZED (
    SELECT failed.*, f1 + f2 + f3 + f7 AS misses FROM failed
), facet AS (
    SELECT 'category' AS kind, category AS value, category AS label, sum(offers) AS offers
    FROM judged WHERE misses = f1 AND category <> '' GROUP BY category
    UNION ALL
    SELECT 'supplier', supplier.id::text, supplier.name, counted.offers
    FROM (
        SELECT supplier_id, sum(offers) AS offers FROM judged WHERE misses = f2 GROUP BY supplier_id
    ) AS counted
    JOIN supplier ON supplier.id = counted.supplier_id
    UNION ALL
    SELECT 'manufacturer', manufacturer, manufacturer, sum(offers)
    FROM judged WHERE misses = f3 AND manufacturer <> '' GROUP BY manufacturer
    UNION ALL
    SELECT 'lots', '', '', coalesce(sum(offers), 0) FROM judged WHERE misses = f7 AND lot_tracked
)
SELECT (SELECT coalesce(sum(offers), 0)::int FROM judged WHERE misses = 0),
    (SELECT jsonb_agg(jsonb_build_array(kind, value, label, offers)) FROM facet),
    set_config('plan_cache_mode', 'auto', true)
""")


def browse(search: Search, here: Here, *, number: int, per_page: int) -> Found:
    """Page `number` of all offers that pass the filters; only the first MOST can be paged through.

    Counts of facets do not know the filters by place and contract; they say how many there are at most.
    """
    tree = Tree(parent_categories())
    categories = tree.within(search.category) if search.category else []
    total, facets = _counts(search, categories)
    skip = (max(1, number) - 1) * per_page
    matching = _matching(search, here, categories)
    # A sort by price, or a filter without a kept count, looks at the first MOST by name.
    if _is_counted(search):
        is_least = total > MOST and search.sort in {"price", "-price"}
    else:
        total = db.session.scalar(select(func.count()).select_from(matching.limit(MOST + 1).subquery())) or 0
        is_least = total > MOST
    shown = _page(matching, search.sort, here, skip, min(per_page, max(0, MOST - skip)))
    return Found(
        ids=[offer_id for offer_id, _ in shown],
        item_ids=[item_id for _, item_id in shown],
        total=min(total, MOST) if is_least else total,
        facets={**facets_of(facets), **facets_of(_counts_here(here))},
        tree=tree,
        is_total_least=is_least,
    )


def _is_counted(search: Search) -> bool:
    return search.contract is None and not search.guide and not search.stocked


def _counts(search: Search, categories: list[str]) -> tuple[int, list[Any]]:
    values = {
        "categories": categories or None,
        "supplier": search.supplier_id,
        "manufacturer": search.manufacturer or None,
        "lots": search.lots,
    }
    total, facets, _ = db.session.execute(COUNTS, values).one()
    return total, facets or []


def _counts_here(here: Here) -> list[tuple[str, str, str, int]]:
    """How many offers there are of the items that the place knows."""
    kinds = {"guide": here.guide, "stocked": here.stocked}
    columns = [
        func.coalesce(func.sum(case((Offer.item_id.in_(items), 1), else_=0)), 0).cast(Integer)
        for items in kinds.values()
    ]
    counted = db.session.execute(select(*columns).where(Offer.active, Offer.item_id.in_(here.known))).one()
    return [(kind, "", "", count) for kind, count in zip(kinds, counted, strict=True)]


def _matching(search: Search, here: Here, categories: list[str]) -> Columns:
    items = search.only_items(here)
    filters = [
        (categories, Offer.category.in_(categories)),
        (search.supplier_id is not None, Offer.supplier_id == search.supplier_id),
        (search.manufacturer, Offer.manufacturer == search.manufacturer),
        (search.lots, Offer.lot_tracked),
        (items is not None, Offer.item_id.in_(items or ())),
        (search.contract is not None, _has_contract(search.contract or ANY_CONTRACT, here)),
    ]
    chosen = [condition for is_chosen, condition in filters if is_chosen]
    return select(Offer.id, Offer.item_id).where(Offer.active, *chosen).order_by(Offer.name, Offer.id)


def _has_contract(contract: int, here: Here) -> ColumnElement[bool]:
    if contract == ANY_CONTRACT:
        return contract_price(here.day).is_not(None)
    return has_price_of(contract, here.day)


def _page(matching: Columns, sort: str, here: Here, skip: int, rows: int) -> Sequence[Sequence[int]]:
    if sort in {"price", "-price"}:
        first = matching.limit(MOST).subquery()
        price = func.coalesce(contract_price(here.day), Offer.list_price) / Offer.factor
        matching = (
            select(Offer.id, Offer.item_id)
            .join(first, first.c.id == Offer.id)
            .order_by(price.desc() if sort == "-price" else price, Offer.name, Offer.id)
        )
    elif sort == "-name":
        matching = matching.order_by(None).order_by(Offer.name.desc(), Offer.id.desc())
    return [(row[0], row[1]) for row in db.session.execute(matching.limit(rows).offset(skip))]
