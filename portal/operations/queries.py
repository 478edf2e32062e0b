"""Reading messages and partners of one organization."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, extract, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import InstrumentedAttribute, contains_eager, defer, joinedload, undefer

from portal.exchange.models import Attempt, Message, Partner, WorkItem
from portal.exchange.rules import Direction, MessageState, Outcome
from portal.foundation import clock
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db, found
from portal.identity.models import Organization
from portal.orders.models import PurchaseOrder

MOST_EFFECTS = 30
DOCUMENT_KIND: ColumnElement[str] = func.coalesce(Message.canonical["kind"].astext, Message.kind)


@dataclass(frozen=True)
class Span:
    """Days from `since` to `until`, both included, of the organization's zone; None is open."""

    since: date | None = None
    until: date | None = None

    def of(self, column: InstrumentedAttribute[datetime]) -> list[ColumnElement[bool]]:
        """The conditions on a time column."""
        zone = ZoneInfo(time_zone())
        conditions = []
        if self.since is not None:
            conditions.append(column >= datetime.combine(self.since, time(), zone))
        if self.until is not None and self.until < date.max:
            conditions.append(column < datetime.combine(self.until + timedelta(days=1), time(), zone))
        return conditions


@dataclass(frozen=True)
class MessageFilter:
    """What the list of messages shows; empty means any."""

    partner_id: int | None = None
    direction: str = ""
    kind: str = ""
    state: str = ""
    number: str = ""
    span: Span = field(default_factory=Span)


def time_zone() -> str:
    """The zone of the organization (IANA); UTC outside of one, as on an error page."""
    return db.session.scalar(select(Organization.time_zone)) or "UTC"


def partners() -> Sequence[Partner]:
    """Every partner by name."""
    return db.session.scalars(select(Partner).order_by(Partner.name, Partner.id)).all()


def partner(partner_id: int, *, lock: bool = False) -> Partner:
    """One partner; raises NotFound."""
    statement = select(Partner).where(Partner.id == partner_id)
    return found(db.session.scalar(statement.with_for_update() if lock else statement), "partner")


MESSAGE_ORDERS: dict[str, ColumnElement[Any]] = {
    "age": Message.created_at.desc(),
    "-age": Message.created_at.asc(),
    "number": Message.number.asc(),
    "-number": Message.number.desc(),
    "tries": Message.tries.asc(),
    "-tries": Message.tries.desc(),
}


def messages(wanted: MessageFilter, sort: str = "") -> Select[Any]:
    """Rows of (message with partner, kind of document, number of attempts)."""
    attempts = select(func.count()).where(Attempt.message_id == Message.id).scalar_subquery()
    statement = (
        select(Message, DOCUMENT_KIND.label("kind"), attempts.label("attempts"))
        .join(Message.partner)
        .options(contains_eager(Message.partner), defer(Message.canonical))
        .where(*wanted.span.of(Message.created_at))
        .order_by(MESSAGE_ORDERS.get(sort, Message.created_at.desc()), Message.id.desc())
    )
    for value, column in (
        (wanted.partner_id, Message.partner_id),
        (wanted.direction, Message.direction),
        (wanted.kind, DOCUMENT_KIND),
        (wanted.state, Message.state),
    ):
        if value:
            statement = statement.where(column == value)
    return statement.where(_is_about(wanted.number)) if wanted.number else statement


def _is_about(number: str) -> ColumnElement[bool]:
    """A message that bears the number, or is about the order that bears it."""
    orders = select(PurchaseOrder.id).where(
        or_(
            PurchaseOrder.number.istartswith(number, autoescape=True),
            PurchaseOrder.erp_number.istartswith(number, autoescape=True),
        )
    )
    return or_(
        Message.number.istartswith(number, autoescape=True),
        Message.reference.istartswith(number, autoescape=True),
        Message.key == number,
        Message.canonical["order_number"].astext == number,
        and_(Message.subject_type == "purchase_order", Message.subject_id.in_(orders)),
    )


def message(message_id: int) -> Message:
    """One message with its partner and what was received; raises NotFound."""
    statement = (
        select(Message)
        .where(Message.id == message_id)
        .options(joinedload(Message.partner), undefer(Message.raw))
    )
    return found(db.session.scalar(statement), "message")


def attempts(message_id: int) -> Sequence[Attempt]:
    """The tries of a message, oldest first."""
    statement = select(Attempt).where(Attempt.message_id == message_id).order_by(Attempt.number)
    return db.session.scalars(statement).all()


def wire(attempt_id: int) -> list[dict[str, Any]]:
    """What went over the wire in one try."""
    return db.session.scalar(select(Attempt.wire).where(Attempt.id == attempt_id)) or []


def effects(message: Message) -> Sequence[AuditEvent]:
    """What was changed in the same trace since the message came into being, oldest first."""
    statement = (
        select(AuditEvent)
        .where(
            or_(
                and_(
                    AuditEvent.trace_id == message.trace_id,
                    AuditEvent.trace_id != "",
                    AuditEvent.at >= message.created_at,
                ),
                AuditEvent.evidence["message_id"].astext == str(message.id),
                and_(AuditEvent.subject_type == "message", AuditEvent.subject_id == message.id),
            )
        )
        .order_by(AuditEvent.at, AuditEvent.id)
        .limit(MOST_EFFECTS)
    )
    return db.session.scalars(statement).all()


def items_of(message_id: int) -> Sequence[WorkItem]:
    """The open work items about a message."""
    return db.session.scalars(
        select(WorkItem)
        .where(WorkItem.message_id == message_id, WorkItem.resolved_at.is_(None))
        .order_by(WorkItem.id)
    ).all()


@dataclass(frozen=True)
class Backlog:
    """What waits for one partner; `oldest` is when the oldest of it came into being."""

    waiting: int = 0
    oldest: datetime | None = None
    late: int = 0
    attention: int = 0
    last_success: datetime | None = None
    median_seconds: float | None = None


LATE_AFTER = timedelta(minutes=1)


def backlogs() -> dict[int, Backlog]:
    """The backlog of every partner by its id."""
    open_states = (MessageState.WAITING, MessageState.WORKING)
    waiting = and_(Message.state.in_(open_states), Message.direction == Direction.OUTBOUND)
    late = and_(Message.state.in_(open_states), Message.available_at < clock.now() - LATE_AFTER)
    counts = (
        select(
            Message.partner_id,
            func.count().filter(waiting).label("waiting"),
            func.min(Message.created_at).filter(waiting).label("oldest"),
            func.count().filter(late).label("late"),
            func.count().filter(Message.state == MessageState.NEEDS_ATTENTION).label("attention"),
        )
        .where(Message.state.in_((*open_states, MessageState.NEEDS_ATTENTION)))
        .group_by(Message.partner_id)
        .subquery()
    )
    rows = db.session.execute(
        select(
            Partner.id, counts.c.waiting, counts.c.oldest, counts.c.late, counts.c.attention,
            _last_success(), _median_seconds(),
        ).outerjoin(counts, counts.c.partner_id == Partner.id)
    )  # fmt: skip
    return {row[0]: Backlog(row[1] or 0, row[2], row[3] or 0, row[4] or 0, row[5], row[6]) for row in rows}


def _last_success() -> Any:
    return (
        select(Message.finished_at)
        .where(Message.partner_id == Partner.id, Message.state == MessageState.DONE)
        .order_by(Message.created_at.desc())
        .limit(1)
        .correlate(Partner)
        .scalar_subquery()
    )


def _median_seconds() -> Any:
    took = extract("epoch", Attempt.finished_at - Attempt.started_at)
    return (
        select(func.percentile_cont(0.5).within_group(took))
        .join(Message, Message.id == Attempt.message_id)
        .where(
            Message.partner_id == Partner.id,
            Message.direction == Direction.OUTBOUND,
            Message.created_at > clock.now() - timedelta(days=1),
            Attempt.outcome == Outcome.DONE,
        )
        .correlate(Partner)
        .scalar_subquery()
    )


def last_checks() -> dict[int, AuditEvent]:
    """The newest check of every partner by its id."""
    statement = (
        select(AuditEvent)
        .where(AuditEvent.action == "partner.check", AuditEvent.subject_type == "partner")
        .ext(distinct_on(AuditEvent.subject_id))
        .order_by(AuditEvent.subject_id, AuditEvent.id.desc())
    )
    return {event.subject_id or 0: event for event in db.session.scalars(statement)}
