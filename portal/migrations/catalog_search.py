"""The functions that search the catalog: full text and similarity find no index under row-level security."""

from alembic import op

from portal.migrations.tenancy import ROLE

# The operators @@ and % are not leakproof, so under a policy PostgreSQL reads every row. These functions
# run as the owner and ask for the organization of the transaction themselves.

# Every leg is bounded: what has the number, what the place keeps, the first `most` with the words, and the
# first `most` that also pass the filters, which need not be among those before.
SEARCH = """
CREATE FUNCTION portal_catalog_search(
    asked tsquery, number text, numbered bigint[], kept bigint[], most integer, on_day date,
    of_category text, of_supplier bigint, of_manufacturer text, lots boolean, of_items bigint[],
    of_contract bigint
) RETURNS TABLE (
    id bigint, rank real, item_id bigint, name text, category text, manufacturer text, supplier_id bigint,
    uom text, factor numeric, list_price numeric, lot_tracked boolean, requestable boolean
) LANGUAGE plpgsql
STABLE SECURITY DEFINER SET search_path = public
SET plan_cache_mode = force_custom_plan SET synchronize_seqscans = off SET jit = off
ROWS 1000 AS $$
DECLARE
    mine bigint := current_setting('app.organization_id')::bigint;
    is_narrowed boolean := num_nonnulls(of_category, of_supplier, of_manufacturer, of_items, of_contract) > 0
        OR lots;
BEGIN
    RETURN QUERY
    WITH leg AS MATERIALIZED (
        SELECT o.id, 10::real AS rank FROM offer o
        WHERE o.organization_id = mine AND o.active AND o.item_id = ANY (numbered)
        UNION ALL
        SELECT o.id, 10 FROM offer o WHERE o.organization_id = mine AND o.active AND o.part_key = number
        UNION ALL
        SELECT o.id, 1 + ts_rank(o.search, asked) FROM offer o
        WHERE o.organization_id = mine AND o.active AND o.item_id = ANY (kept) AND o.search @@ asked
        UNION ALL
        (SELECT o.id, ts_rank(o.search, asked) FROM offer o
        WHERE o.organization_id = mine AND o.active AND o.search @@ asked LIMIT most)
        UNION ALL
        (SELECT o.id, ts_rank(o.search, asked) FROM offer o
        WHERE is_narrowed AND o.organization_id = mine AND o.active AND o.search @@ asked
            AND (of_category IS NULL OR o.category = of_category)
            AND (of_supplier IS NULL OR o.supplier_id = of_supplier)
            AND (of_manufacturer IS NULL OR o.manufacturer = of_manufacturer)
            AND (NOT lots OR o.lot_tracked)
            AND (of_items IS NULL OR o.item_id = ANY (of_items))
            AND (of_contract IS NULL OR EXISTS (
                SELECT FROM contract_line l JOIN contract c ON c.id = l.contract_id
                WHERE l.item_id = o.item_id AND l.uom = o.uom AND l.minimum_quantity <= 1
                    AND c.supplier_id = o.supplier_id AND of_contract IN (0, c.id)
                    AND on_day BETWEEN l.valid_from AND l.valid_to
                    AND on_day BETWEEN c.valid_from AND c.valid_to))
        LIMIT most)
    ), best AS (SELECT leg.id, max(leg.rank) AS rank FROM leg GROUP BY leg.id)
    SELECT o.id, best.rank::real, o.item_id, o.name, o.category, o.manufacturer, o.supplier_id, o.uom,
        o.factor, o.list_price, o.lot_tracked, o.requestable
    FROM best JOIN offer o ON o.id = best.id;
END
$$
"""
SEARCH_SIGNATURE = (
    "portal_catalog_search(tsquery, text, bigint[], bigint[], integer, date, text, bigint, text, boolean, "
    "bigint[], bigint)"
)

# `word % wanted` narrows by the index; 0.35 is a little stricter than its own 0.3.
SIMILAR_WORDS = """
CREATE FUNCTION portal_similar_words(wanted text[])
RETURNS TABLE (wanted_word text, word text) LANGUAGE sql
STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT one.word, near.word
    FROM unnest(wanted) AS one (word), LATERAL (
        SELECT known.word FROM offer_word known
        WHERE known.organization_id = current_setting('app.organization_id')::bigint AND known.word % one.word
            AND similarity(known.word, one.word) >= 0.35
        ORDER BY similarity(known.word, one.word) DESC, known.word LIMIT 3
    ) AS near
$$
"""
SIMILAR_SIGNATURE = "portal_similar_words(text[])"


def create_search() -> None:
    """Creates the functions for the application role."""
    _create(SEARCH_SIGNATURE, SEARCH)
    _create(SIMILAR_SIGNATURE, SIMILAR_WORDS)


def _create(signature: str, statement: str) -> None:
    op.execute(statement)
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM public")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {ROLE}")


def drop_search() -> None:
    """Drops them."""
    for signature in (SEARCH_SIGNATURE, SIMILAR_SIGNATURE):
        op.execute(f"DROP FUNCTION {signature}")


# Migration 0002: a category with all that stands below it, so several names instead of one.
OF_CATEGORIES = SEARCH.replace("of_category text", "of_category text[]").replace(
    "o.category = of_category", "o.category = ANY (of_category)"
)
OF_CATEGORIES_SIGNATURE = SEARCH_SIGNATURE.replace("date, text,", "date, text[],")


def search_by_categories() -> None:
    """Puts the function that takes several categories in the place of the one that takes one."""
    op.execute(f"DROP FUNCTION {SEARCH_SIGNATURE}")
    _create(OF_CATEGORIES_SIGNATURE, OF_CATEGORIES)


def search_by_category() -> None:
    """Takes that back."""
    op.execute(f"DROP FUNCTION {OF_CATEGORIES_SIGNATURE}")
    _create(SEARCH_SIGNATURE, SEARCH)


# Migration 0003: the words that begin so, one for each that a search tells apart. A beginning in a full-text
# query reads all that begins so before it looks at the other words. NULL where there are more than `most`.
WORDS_BEGINNING = """
CREATE FUNCTION portal_words_beginning(beginning text, most integer) RETURNS text[] LANGUAGE sql
STABLE STRICT SECURITY DEFINER SET search_path = public AS $$
    SELECT CASE WHEN count(*) <= most THEN coalesce(array_agg(one.word), '{}') END
    FROM (
        SELECT min(word) AS word FROM offer_word
        WHERE organization_id = current_setting('app.organization_id')::bigint AND word LIKE beginning || '%'
        GROUP BY to_tsvector('english', word)
        HAVING to_tsvector('english', word) <> to_tsvector('english', beginning)
        LIMIT most + 1
    ) AS one
$$
"""
WORDS_BEGINNING_SIGNATURE = "portal_words_beginning(text, integer)"


def create_beginnings() -> None:
    """Creates that function."""
    _create(WORDS_BEGINNING_SIGNATURE, WORDS_BEGINNING)


def drop_beginnings() -> None:
    """Drops it."""
    op.execute(f"DROP FUNCTION {WORDS_BEGINNING_SIGNATURE}")
