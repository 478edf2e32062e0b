"""Long lists as CSV, written while they are read."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

from portal.exchange.models import Message, WorkItem
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db
from portal.foundation.spreadsheets import lines
from portal.operations.rules import ITEM_LABELS
from portal.operations.words import listed

BATCH = 500

AUDIT_HEADER = (
    "at", "by", "reason", "action", "about", "id", "number", "before", "after", "evidence", "trace",
)  # fmt: skip


def audit(statement: Select[Any]) -> Iterator[str]:
    """The audit trail."""
    return lines(AUDIT_HEADER, (_audit_cells(row[0]) for row in _streamed(statement)))


def _audit_cells(event: AuditEvent) -> Sequence[object]:
    return (
        event.at.isoformat(), event.actor, event.reason, event.action, event.subject_type,
        event.subject_id, event.subject, listed(event.before or {}), listed(event.after or {}),
        listed(event.evidence or {}), event.trace_id,
    )  # fmt: skip


MESSAGE_HEADER = (
    "created", "direction", "partner", "document", "number", "message id", "state", "attempts", "cause",
    "partner's reference", "trace",
)  # fmt: skip


def messages(statement: Select[Any]) -> Iterator[str]:
    """The list of messages."""
    return lines(MESSAGE_HEADER, (_message_cells(row[0], row[1], row[2]) for row in _streamed(statement)))


def _message_cells(message: Message, kind: str, attempts: int) -> Sequence[object]:
    return (
        message.created_at.isoformat(), message.direction, message.partner.name, kind, message.number,
        message.key, message.state, attempts, message.cause, message.reference, message.trace_id,
    )  # fmt: skip


ITEM_HEADER = (
    "opened",
    "type",
    "about",
    "sentence",
    "suggestion",
    "at stake",
    "days of cover",
    "owner",
    "resolved",
    "resolution",
)


def work_items(statement: Select[Any]) -> Iterator[str]:
    """The list of work items."""
    return lines(ITEM_HEADER, (_item_cells(row[0], row[1], row[2]) for row in _streamed(statement)))


def _item_cells(item: WorkItem, at_stake: object, owner: str | None) -> Sequence[object]:
    return (
        item.opened_at.isoformat(), ITEM_LABELS[item.kind], item.subject, item.sentence, item.suggestion,
        at_stake, item.cover_days, owner,
        item.resolved_at.isoformat() if item.resolved_at else "", item.resolution,
    )  # fmt: skip


def _streamed(statement: Select[Any]) -> Iterator[Any]:
    """Rows read in a session of their own: the transaction of the request ends before the answer is sent."""
    own = Session(db.engine, info={"organization_id": db.session().info["organization_id"]})

    def rows() -> Iterator[Any]:
        with own:
            yield from own.execute(statement.execution_options(yield_per=BATCH))

    return rows()
