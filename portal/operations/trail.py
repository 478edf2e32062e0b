"""Reading the audit trail and the state of its seals."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, cast, func, or_, select

from portal.foundation.audit import AuditEvent, AuditSeal
from portal.foundation.db import db
from portal.identity.models import Account
from portal.operations.queries import Span


@dataclass(frozen=True)
class AuditFilter:
    """What the audit trail shows; empty means any."""

    account_id: int | None = None
    action: str = ""
    subject: str = ""
    span: Span = field(default_factory=Span)


def events(wanted: AuditFilter) -> Select[AuditEvent]:
    """The audit trail, newest first."""
    statement = (
        select(AuditEvent)
        .where(*wanted.span.of(AuditEvent.at))
        .order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
    )
    if wanted.account_id is not None:
        statement = statement.where(AuditEvent.account_id == wanted.account_id)
    if wanted.action:
        statement = statement.where(AuditEvent.action.istartswith(wanted.action, autoescape=True))
    if wanted.subject:
        statement = statement.where(
            or_(
                AuditEvent.subject.istartswith(wanted.subject, autoescape=True),
                AuditEvent.subject_type == wanted.subject.lower().replace(" ", "_"),
                cast(AuditEvent.subject_id, Text) == wanted.subject,
            )
        )
    return statement


def accounts() -> Sequence[Any]:
    """Rows of (id, name) of everybody, by name."""
    return db.session.execute(select(Account.id, Account.name).order_by(Account.name, Account.id)).all()


@dataclass(frozen=True)
class Seals:
    """How far the trail is sealed; `last_at` is None before the first seal."""

    count: int
    last_at: datetime | None
    unsealed: int


def seals() -> Seals:
    """The state of the hash chain, without recomputing it."""
    count, last_at, last_event_id = db.session.execute(
        select(func.count(AuditSeal.id), func.max(AuditSeal.sealed_at), func.max(AuditSeal.last_event_id))
    ).one()
    unsealed = db.session.scalar(
        select(func.count(AuditEvent.id)).where(AuditEvent.id > (last_event_id or 0))
    )
    return Seals(count, last_at, unsealed or 0)
