"""What makes a tenant's rows invisible to others, and the few functions that look past it."""

from alembic import op

ROLE = "portal_app"

CREATE_ROLE = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
        CREATE ROLE {ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
    EXECUTE format('GRANT {ROLE} TO %I', current_user);
END $$
"""


def create_role() -> None:
    """Creates the role that web and workers use, which owns nothing and bypasses nothing."""
    op.execute(CREATE_ROLE)
    op.execute(f"GRANT USAGE ON SCHEMA public TO {ROLE}")


def protect(table: str, column: str = "organization_id") -> None:
    """Lets the application role see and write only rows of the organization of its transaction."""
    mine = f"{column} = nullif(current_setting('app.organization_id', true), '')::bigint"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON {table} TO {ROLE} USING ({mine}) WITH CHECK ({mine})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {ROLE}")


def make_append_only(table: str) -> None:
    """Refuses UPDATE and DELETE, for the owner too."""
    op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {ROLE}")
    op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
               "EXECUTE FUNCTION portal_refuse_change()")  # fmt: skip


REFUSE_CHANGE = """
CREATE FUNCTION portal_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
"""


def look_past(signature: str, returns: str, query: str) -> None:
    """Creates a function that answers one question across organizations (SECURITY DEFINER)."""
    op.execute(
        f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE sql STABLE SECURITY DEFINER "
        f"SET search_path = public AS $$ {query} $$"
    )
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM public")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {ROLE}")
