"""Finding partners and messages, and what is due."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, exists, func, select, text
from sqlalchemy.orm import aliased, joinedload, undefer

from portal.exchange.models import Message, Partner, WorkItem
from portal.exchange.rules import DUE_STATES, UNFINISHED_STATES, Direction, MessageState
from portal.foundation import clock
from portal.foundation.db import db, enter_organization

MOST_AT_ONCE = 4  # calls to one partner at the same time, so that a slow one cannot hold every worker


def enter_by_sender(domain: str, identity: str, to: str) -> Partner | None:
    """The partner that sends under this identity to this recipient, in whose organization we now are."""
    organization_id = db.session.scalar(
        text("SELECT portal_organization_of_sender(:domain, :identity, :to)"),
        {"domain": domain.lower(), "identity": identity, "to": to},
    )
    if organization_id is None:
        return None
    enter_organization(organization_id)
    return db.session.scalar(
        select(Partner).where(
            Partner.inbound_domain == domain.lower(),
            Partner.inbound_identity == identity,
            Partner.inbound_to == to,
        )
    )


def is_due() -> ColumnElement[bool]:
    """A message that waits for its time, or whose worker let the lease run out."""
    return and_(Message.state.in_(DUE_STATES), Message.available_at <= clock.now())


def is_deliverable(partner_id: int) -> ColumnElement[bool]:
    """A due message to this partner, in turn among those about the same subject."""
    older = aliased(Message)
    busy = aliased(Message)
    in_turn = ~exists().where(
        older.partner_id == partner_id,
        older.direction == Direction.OUTBOUND,
        older.subject_type == Message.subject_type,
        older.subject_id == Message.subject_id,
        older.id < Message.id,
        older.state.in_(UNFINISHED_STATES),
    )
    calls = (
        select(func.count())
        .where(
            busy.partner_id == partner_id,
            busy.direction == Direction.OUTBOUND,
            busy.state == MessageState.WORKING,
            busy.available_at > clock.now(),
        )
        .scalar_subquery()
    )
    paused = exists().where(Partner.id == partner_id, Partner.paused_at.is_not(None))
    return and_(
        Message.partner_id == partner_id,
        Message.direction == Direction.OUTBOUND,
        is_due(),
        in_turn,
        calls < MOST_AT_ONCE,
        ~paused,
    )


def locked(message_id: int, *, with_raw: bool = False) -> Message | None:
    """The message with its partner, locked until the transaction ends."""
    statement = select(Message).where(Message.id == message_id).options(joinedload(Message.partner))
    if with_raw:
        statement = statement.options(undefer(Message.raw))
    return db.session.scalar(statement.with_for_update(of=Message).execution_options(populate_existing=True))


def locked_all(message_ids: Collection[int]) -> dict[int, Message]:
    """Messages by id, locked in one order until the transaction ends."""
    statement = select(Message).where(Message.id.in_(message_ids)).order_by(Message.id)
    rows = db.session.scalars(statement.with_for_update().execution_options(populate_existing=True))
    return {row.id: row for row in rows}


def open_items_about(subject_type: str, subject_id: int) -> list[WorkItem]:
    """Open work items about a row, oldest first."""
    return list(
        db.session.scalars(
            select(WorkItem)
            .where(
                WorkItem.subject_type == subject_type,
                WorkItem.subject_id == subject_id,
                WorkItem.resolved_at.is_(None),
            )
            .order_by(WorkItem.id)
        )
    )


def messages_about(subject_type: str, subject_id: int) -> list[Message]:
    """Messages about a row with their partner, newest first."""
    return list(
        db.session.scalars(
            select(Message)
            .where(Message.subject_type == subject_type, Message.subject_id == subject_id)
            .options(joinedload(Message.partner))
            .order_by(Message.id.desc())
        )
    )


def sent_as(key: str) -> Message | None:
    """The outbound message with this key, for a partner that names nothing else."""
    return db.session.scalar(
        select(Message).where(Message.direction == Direction.OUTBOUND, Message.key == key).limit(1)
    )
