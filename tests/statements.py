"""Counts what a piece of code asks the database, and comes in between."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import current_app
from sqlalchemy import event

from portal.foundation.db import db, enter_organization


@contextmanager
def recorded() -> Iterator[list[str]]:
    """The SQL statements run inside the block, without those that set the organization."""
    statements: list[str] = []

    def listen(*arguments: Any) -> None:
        if "set_config" not in arguments[2]:
            statements.append(arguments[2])

    event.listen(db.engine, "before_cursor_execute", listen)
    try:
        yield statements
    finally:
        event.remove(db.engine, "before_cursor_execute", listen)


@contextmanager
def interrupted(by: Callable[[], object], *, after: str) -> Iterator[None]:
    """Does something in a transaction of its own, once, right after a statement that names a table."""
    app, organization_id = current_app, db.session().info["organization_id"]
    waiting = [by]

    def listen(*arguments: Any) -> None:
        if after in arguments[2] and waiting:
            come = waiting.pop()
            with app.app_context():
                enter_organization(organization_id)
                come()

    event.listen(db.engine, "after_cursor_execute", listen)
    try:
        yield
    finally:
        event.remove(db.engine, "after_cursor_execute", listen)
    assert not waiting, f"nothing read {after}"
