"""The audit trail: who did what, when, before, after, on which evidence; append-only and sealed."""

import hashlib
import json
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import Json, TenantRow, db
from portal.foundation.trace import current_trace


class AuditEvent(TenantRow):
    """One change of state; the table refuses UPDATE and DELETE."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_subject", "subject_type", "subject_id"),
        Index("ix_audit_event_at", "at"),
    )

    at: Mapped[datetime] = mapped_column(default=clock.now)
    account_id: Mapped[int | None] = mapped_column(index=True)
    actor: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    action: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[int | None]
    subject: Mapped[str] = mapped_column(default="")
    before: Mapped[Json | None]
    after: Mapped[Json | None]
    evidence: Mapped[Json | None]
    trace_id: Mapped[str] = mapped_column(default=current_trace, index=True)


class AuditSeal(TenantRow):
    """A link of the hash chain over the events up to `last_event_id`."""

    __tablename__ = "audit_seal"

    sealed_at: Mapped[datetime] = mapped_column(default=clock.now)
    first_event_id: Mapped[int]
    last_event_id: Mapped[int] = mapped_column(ForeignKey("audit_event.id"))
    digest: Mapped[str]


def record(
    actor: Actor,
    action: str,
    subject: Any,
    *,
    before: Json | None = None,
    after: Json | None = None,
    evidence: Json | None = None,
) -> None:
    """Writes one event in the current transaction; `subject` is a row with an id (and maybe a number)."""
    db.session.add(AuditEvent(**event(actor, action, subject, before=before, after=after, evidence=evidence)))


def event(
    actor: Actor,
    action: str,
    subject: Any,
    *,
    before: Json | None = None,
    after: Json | None = None,
    evidence: Json | None = None,
) -> dict[str, Any]:
    """As record: the values of the event, for who writes it with other rows in one statement."""
    return {
        "account_id": actor.account_id,
        "actor": actor.name,
        "reason": actor.system_reason,
        "action": action,
        "subject_type": type(subject).__tablename__,
        "subject_id": subject.id,
        "subject": str(getattr(subject, "number", "") or getattr(subject, "code", "")),
        "before": _plain(before),
        "after": _plain(after),
        "evidence": _plain(evidence),
        "trace_id": current_trace(),  # now: it may be written with those of other messages
    }


def _plain(value: Json | None) -> Json | None:
    return None if value is None else json.loads(json.dumps(value, default=str))


def seal(before: datetime | None = None) -> int:
    """Seals the events of the current organization not sealed yet; returns how many.

    While others write, give an instant `before` which every running transaction began: an event of an
    older one could otherwise appear later inside what is sealed.
    """
    last = db.session.scalar(select(AuditSeal).order_by(AuditSeal.id.desc()).limit(1))
    events = _events_after(last.last_event_id if last else 0)
    if before is not None:
        events = list(takewhile(lambda event: event.at < before, events))
    if not events:
        return 0
    db.session.add(
        AuditSeal(
            first_event_id=events[0].id,
            last_event_id=events[-1].id,
            digest=_digest(last.digest if last else "", events),
        )
    )
    return len(events)


def broken_seals() -> list[int]:
    """Ids of the seals of the current organization whose events no longer give their digest."""
    broken: list[int] = []
    previous = ""
    for link in db.session.scalars(select(AuditSeal).order_by(AuditSeal.id)):
        events = db.session.scalars(
            select(AuditEvent)
            .where(AuditEvent.id.between(link.first_event_id, link.last_event_id))
            .order_by(AuditEvent.id)
        ).all()
        if _digest(previous, events) != link.digest:
            broken.append(link.id)
        previous = link.digest
    return broken


def _events_after(event_id: int) -> list[AuditEvent]:
    statement = select(AuditEvent).where(AuditEvent.id > event_id).order_by(AuditEvent.id).limit(10_000)
    return list(db.session.scalars(statement))


def _digest(previous: str, events: Any) -> str:
    digest = hashlib.sha256(previous.encode())
    for event in events:
        values = (
            event.id, event.at.isoformat(), event.account_id, event.actor, event.reason, event.action,
            event.subject_type, event.subject_id, event.subject, event.before, event.after, event.evidence,
        )  # fmt: skip
        digest.update(json.dumps(values, sort_keys=True).encode())
    return digest.hexdigest()


def history_of(subject_type: str, subject_id: int) -> list[AuditEvent]:
    """The events of one row, newest first."""
    return list(
        db.session.scalars(
            select(AuditEvent)
            .where(AuditEvent.subject_type == subject_type, AuditEvent.subject_id == subject_id)
            .order_by(AuditEvent.id.desc())
            .limit(100)
        )
    )
