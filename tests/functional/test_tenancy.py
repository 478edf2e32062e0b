"""Row-level security, proved by raw SQL as the role of the application, for every table there is."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any, LiteralString

import psycopg
import pytest
from flask import Flask
from psycopg.errors import InsufficientPrivilege, RaiseException
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Json
from sqlalchemy import Column, Table, text

from portal.foundation import clock
from portal.foundation.db import APPLICATION_ROLE, Base, db
from portal.settings import load
from tests.hospital import Hospital

TABLES = {table.name: table for table in Base.metadata.sorted_tables if "organization_id" in table.c}
APPEND_ONLY = (
    "audit_event",
    "budget_entry",
    "stock_movement",
    "access_record",
    "approval_decision",
    "order_version",
    "rule_version",
    "check_record",
)
NEVER_CHANGED = (*APPEND_ONLY, "audit_seal")  # by the application
NOT_OF_A_TENANT = {"alembic_version"}
# What may look past the policies, each answering one question; see portal/migrations/tenancy.py.
LOOKING_PAST = {
    "portal_feed_addresses",
    "portal_organization_of_iss",
    "portal_organizations_of_feed",
    "portal_organization_ids",
    "portal_organization_of_calendar",
    "portal_organization_of_email",
    "portal_organization_of_sender",
    "portal_organization_of_session",
    "portal_organization_of_slug",
    "portal_catalog_search",  # for the index alone: it keeps to the organization of the transaction
    "portal_similar_words",
    "portal_words_beginning",
}
OURS, THEIRS = 900_000_001, 900_000_002
Connection = psycopg.Connection[tuple[Any, ...]]
numbers = count(900_000_100)
every_table = pytest.mark.parametrize("name", sorted(TABLES))

MAKERS: dict[type, Callable[[], Any]] = {
    int: lambda: next(numbers),
    str: lambda: f"text {next(numbers)}",
    bool: lambda: True,
    date: clock.today,
    datetime: clock.now,
    Decimal: lambda: Decimal(1),
    bytes: lambda: b"bytes",
    object: lambda: Json({}),  # JSONB
}


def value_of(column: Column[Any]) -> Any:
    """Anything that the column takes."""
    choices = getattr(column.type, "enums", None)
    kind = getattr(column.type, "impl", column.type)  # of a sealed text: bytes
    return choices[0] if choices else MAKERS[kind.python_type]()


def row_of(table: Table, organization_id: int) -> dict[str, Any]:
    """A row of the organization with something in every column that needs it."""
    needed = [
        column
        for column in table.c
        if not column.nullable and column.server_default is None and column.identity is None
    ]
    return {column.name: value_of(column) for column in needed} | {"organization_id": organization_id}


def run(connection: Connection, statement: LiteralString, table: str, *values: Any) -> psycopg.Cursor[Any]:
    """Carries out one statement about a table."""
    return connection.execute(SQL(statement).format(Identifier(table)), values)


def value(connection: Connection, statement: LiteralString, table: str = "", *values: Any) -> Any:
    """The first value of the first row of an answer."""
    row = run(connection, statement, table, *values).fetchone()
    assert row is not None
    return row[0]


def insert(connection: Connection, table: Table, organization_id: int) -> None:
    """Inserts a row of an organization."""
    row = row_of(table, organization_id)
    statement = SQL("INSERT INTO {} ({}) VALUES ({})").format(
        Identifier(table.name),
        SQL(", ").join(map(Identifier, row)),
        SQL(", ").join([SQL("%s")] * len(row)),
    )
    connection.execute(statement, list(row.values()))


def enter(connection: Connection, organization_id: object) -> None:
    """Sets the organization of the transaction."""
    connection.execute("SELECT set_config('app.organization_id', %s, true)", (str(organization_id),))


@pytest.fixture(scope="module")
def as_owner(app: Flask) -> Iterator[Connection]:
    """A transaction of the owner, never committed, with one row of two organizations in every table."""
    with psycopg.connect(load().database_url) as connection:
        # Foreign keys are checked by triggers; a replica skips them, so rows need no parents.
        connection.execute("SET LOCAL session_replication_role = replica")
        for organization_id in (OURS, THEIRS):
            connection.execute(
                "INSERT INTO organization (id, slug, name, currency, time_zone) VALUES (%s, %s, '', '', '')",
                (organization_id, f"tenant-{organization_id}"),
            )
            for table in TABLES.values():
                insert(connection, table, organization_id)
        yield connection
        connection.rollback()


@pytest.fixture
def owner(as_owner: Connection) -> Iterator[Connection]:
    """The owner's transaction; what a test does is undone."""
    with as_owner.transaction(force_rollback=True):
        yield as_owner


@pytest.fixture
def nobody(owner: Connection) -> Connection:
    """The application's role without an organization."""
    owner.execute(SQL("SET LOCAL ROLE {}").format(Identifier(APPLICATION_ROLE)))
    return owner


@pytest.fixture
def us(nobody: Connection) -> Connection:
    """The application's role inside our organization."""
    enter(nobody, OURS)
    return nobody


def test_every_table_of_the_database_belongs_to_a_tenant(owner: Connection) -> None:
    rows = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert {name for (name,) in rows} - set(TABLES) == {"organization"} | NOT_OF_A_TENANT, (
        "Derive the model from TenantRow, or name the table in NOT_OF_A_TENANT with a reason."
    )


@pytest.mark.parametrize("name", [*sorted(TABLES), "organization"])
def test_each_table_has_the_policy(owner: Connection, name: str) -> None:
    (protected,) = owner.execute(
        "SELECT relrowsecurity FROM pg_class WHERE oid = %s::regclass", (name,)
    ).fetchone() or (None,)
    policies = owner.execute(
        "SELECT roles::text, cmd, qual, with_check FROM pg_policies WHERE tablename = %s", (name,)
    ).fetchall()
    assert protected, f"Protect {name} in the migration (portal/migrations/tenancy.py)."
    assert len(policies) == 1
    roles, command, using, check = policies[0]
    assert (roles, command) == (f"{{{APPLICATION_ROLE}}}", "ALL")
    assert "app.organization_id" in using
    assert using == check


@every_table
def test_only_our_rows_are_read(us: Connection, name: str) -> None:
    assert run(us, "SELECT organization_id FROM {}", name).fetchall() == [(OURS,)]
    assert value(us, "SELECT count(*) FROM {} WHERE organization_id = %s", name, THEIRS) == 0


@every_table
def test_without_an_organization_nothing_is_read(nobody: Connection, name: str) -> None:
    assert value(nobody, "SELECT count(*) FROM {}", name) == 0
    enter(nobody, "")
    assert value(nobody, "SELECT count(*) FROM {}", name) == 0


@every_table
def test_a_row_of_another_organization_is_not_written(us: Connection, name: str) -> None:
    with pytest.raises(InsufficientPrivilege, match="row-level security"), us.transaction():
        insert(us, TABLES[name], THEIRS)


@every_table
def test_without_an_organization_nothing_is_written(nobody: Connection, name: str) -> None:
    with pytest.raises(InsufficientPrivilege, match="row-level security"), nobody.transaction():
        insert(nobody, TABLES[name], OURS)


@pytest.mark.parametrize("name", sorted(set(TABLES) - set(NEVER_CHANGED)))
def test_rows_of_another_organization_are_not_changed_taken_or_given(us: Connection, name: str) -> None:
    assert run(us, "UPDATE {} SET organization_id = organization_id", name).rowcount == 1
    theirs = "UPDATE {} SET organization_id = organization_id WHERE organization_id = %s"
    assert run(us, theirs, name, THEIRS).rowcount == 0
    assert run(us, "DELETE FROM {} WHERE organization_id = %s", name, THEIRS).rowcount == 0
    with pytest.raises(InsufficientPrivilege, match="row-level security"), us.transaction():
        run(us, "UPDATE {} SET organization_id = %s", name, THEIRS)
    with pytest.raises(InsufficientPrivilege, match="permission denied"), us.transaction():
        run(us, "TRUNCATE {}", name)


CHANGES: tuple[LiteralString, ...] = (
    "UPDATE {} SET organization_id = organization_id",
    "DELETE FROM {}",
    "TRUNCATE {} CASCADE",
)
every_change = pytest.mark.parametrize("statement", CHANGES)


@pytest.mark.parametrize("name", NEVER_CHANGED)
@every_change
def test_what_is_append_only_refuses_changes_of_the_application(
    us: Connection, name: str, statement: LiteralString
) -> None:
    with pytest.raises(InsufficientPrivilege, match="permission denied"), us.transaction():
        run(us, statement, name)


@pytest.mark.parametrize("name", APPEND_ONLY)
@every_change
def test_what_is_append_only_refuses_changes_of_the_owner_too(
    owner: Connection, name: str, statement: LiteralString
) -> None:
    owner.execute("SET LOCAL session_replication_role = origin")
    with pytest.raises(RaiseException, match="is append-only"), owner.transaction():
        run(owner, statement, name)


def test_the_organization_of_others_is_not_seen(us: Connection) -> None:
    assert us.execute("SELECT id FROM organization").fetchall() == [(OURS,)]


def test_the_organization_ends_with_the_transaction(hospital: Hospital) -> None:
    assert db.session.scalar(text("SELECT count(*) FROM account"))
    db.session.rollback()
    db.session.info.pop("organization_id")
    assert db.session.scalar(text("SELECT count(*) FROM account")) == 0


def test_the_application_runs_as_a_role_that_owns_and_bypasses_nothing(in_app: None) -> None:
    assert db.session.scalar(text("SELECT current_user")) == APPLICATION_ROLE
    rights = text(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
    )
    assert not any(db.session.execute(rights).one())
    owned = text(
        "SELECT count(*) FROM pg_class JOIN pg_roles owner ON owner.oid = relowner "
        "WHERE rolname = current_user"
    )
    assert db.session.scalar(owned) == 0


def test_only_known_functions_look_past_the_policies(owner: Connection) -> None:
    definers = owner.execute(
        "SELECT proname, proconfig::text, proacl::text FROM pg_proc "
        "WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    ).fetchall()
    assert {name for name, _, _ in definers} == LOOKING_PAST
    for name, settings, grants in definers:
        assert "search_path=public" in settings, name
        assert f"{APPLICATION_ROLE}=X" in grants, name
        assert "{=X" not in grants, f"everybody may call {name}"
        assert ",=X" not in grants, f"everybody may call {name}"
