"""What a page asks the database, to be asked again by plain psycopg."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import event

from portal.foundation.db import db
from portal.identity.rules import Role
from tests.bench.ground import Ground
from tests.hospital import PASSWORD
from tests.visitor import Visitor

READS = ("SELECT", "WITH")


@dataclass(frozen=True)
class Statement:
    """One statement with its values, as the driver gets them."""

    sql: str
    values: Any


def visitor(ground: Ground, role: Role) -> Visitor:
    """A person of the hospital, signed in, in this process."""
    client = Visitor(ground.app, ground.app.response_class)
    client.sign_in(ground.emails[role], PASSWORD)
    return client


def reads_of(ground: Ground, client: Visitor, path: str, query: dict[str, str]) -> list[Statement]:
    """The statements of one page that only read."""
    with ground.app.app_context(), _recorded() as statements:
        answer = client.get(path, query_string=query)
    assert answer.status_code == 200, f"{path} answered {answer.status_code}"
    return [one for one in statements if one.sql.startswith(READS)]


@contextmanager
def _recorded() -> Iterator[list[Statement]]:
    statements: list[Statement] = []

    def listen(*arguments: Any) -> None:
        statements.append(Statement(arguments[2], arguments[3]))

    event.listen(db.engine, "before_cursor_execute", listen)
    try:
        yield statements
    finally:
        event.remove(db.engine, "before_cursor_execute", listen)


def ask(connection: psycopg.Connection, statements: Sequence[Statement]) -> None:
    """Runs the statements in one transaction and fetches every row."""
    with connection.transaction():
        for one in statements:
            connection.execute(one.sql, one.values).fetchall()
