"""Rows by plain psycopg: one INSERT a table, what a row does not say has the model's default."""

import enum
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from portal.foundation.audit import AuditEvent
from portal.foundation.db import TenantRow


class BareRows:
    """Writes on one connection; the statements are made once per shape."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self._defaults: dict[type[TenantRow], dict[str, Any]] = {}
        self._statements: dict[tuple[type[TenantRow], tuple[str, ...], int], str] = {}

    def add(self, model: type[TenantRow], *rows: dict[str, Any]) -> list[int]:
        """Inserts the rows, which all have the same columns; their ids."""
        defaults = self._defaults.setdefault(model, _defaults(model))
        full = [{**defaults, **row} for row in rows]
        shape = (model, tuple(full[0]), len(full))
        statement = self._statements.get(shape) or self._statements.setdefault(shape, _insert(*shape))
        values = [value for row in full for value in row.values()]
        return [row[0] for row in self.connection.execute(statement, values).fetchall()]

    def note(self, action: str, model: type[TenantRow], row_id: int) -> None:
        """One event of the audit trail."""
        self.add(
            AuditEvent,
            {"actor": "Bench", "action": action, "subject_type": model.__tablename__, "subject_id": row_id},
        )


def _insert(model: type[TenantRow], columns: tuple[str, ...], count: int) -> str:
    places = f"({', '.join(['%s'] * len(columns))})"
    return (
        f"INSERT INTO {model.__tablename__} ({', '.join(columns)}) "  # noqa: S608  # names of the models only
        f"VALUES {', '.join([places] * count)} RETURNING id"
    )


def _defaults(model: type[TenantRow]) -> dict[str, Any]:
    return {
        column.name: _default(column)
        for column in model.__table__.columns
        if not column.nullable and column.server_default is None and column.default is not None
    }


def _default(column: Any) -> Any:
    default: Any = column.default
    value = default.arg(None) if default.is_callable else default.arg
    if isinstance(value, enum.Enum):
        return value.value
    return Jsonb(value) if isinstance(value, list | dict) else value
