"""Triggers that mark every change of what a search of the catalog reads."""

from alembic import op

# Everything that decides what a search finds, in which order, and how its filters count.
SEARCHED = (
    "contract",
    "contract_line",
    "device_identifier",
    "item",
    "item_category",
    "item_packaging",
    "offer",
    "offer_count",
    "offer_word",
    "supplier",
    "synonym",
)

# One row a transaction, with a new mark by each of its statements: no writer waits for another one. Who
# works outside of any organization, as a migration does, marks all of them.
MARK = """
CREATE FUNCTION portal_mark_catalog() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_change AS known (organization_id, transaction, mark)
    SELECT organization.id, pg_current_xact_id()::text::bigint, hashtextextended(gen_random_uuid()::text, 0)
    FROM organization
    WHERE organization.id
        = coalesce(nullif(current_setting('app.organization_id', true), '')::bigint, organization.id)
    ON CONFLICT (organization_id, transaction) DO UPDATE SET mark = excluded.mark;
    RETURN NULL;
END
$$
"""


def watch_catalog() -> None:
    """Creates the triggers."""
    op.execute(MARK)
    for table in SEARCHED:
        op.execute(
            f"CREATE TRIGGER mark_catalog AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            "EXECUTE FUNCTION portal_mark_catalog()"
        )


def unwatch_catalog() -> None:
    """Drops them."""
    for table in SEARCHED:
        op.execute(f"DROP TRIGGER mark_catalog ON {table}")
    op.execute("DROP FUNCTION portal_mark_catalog()")
