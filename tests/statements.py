"""Counts what a piece of code asks the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from portal.foundation.db import db


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
