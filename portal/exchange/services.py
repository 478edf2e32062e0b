"""Puts messages into the outbox and the inbox, retries, replays, withdraws; opens and resolves work items."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from integrations.canonical import OutboundDocument
from portal.exchange import wake
from portal.exchange.models import Message, Partner, Route, WorkItem
from portal.exchange.rules import TRANSITIONS, Direction, MessageState, WorkItemKind
from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.trace import current_trace


@dataclass(frozen=True)
class About:
    """The row a message or work item is about; `number` is what people call it."""

    type: str
    id: int
    number: str
    trace_id: str = ""


def about(row: Any) -> About:
    """The About of any numbered row."""
    return About(row.__tablename__, row.id, row.number, getattr(row, "trace_id", ""))


def partners_for(document: str, supplier_id: int) -> list[int]:
    """Ids of the partners a document goes to, in order; a route of the supplier beats the general one."""
    routes = db.session.scalars(
        select(Route)
        .where(Route.document == document, (Route.supplier_id == supplier_id) | Route.supplier_id.is_(None))
        .order_by(Route.position)
    ).all()
    own = [route.partner_id for route in routes if route.supplier_id == supplier_id]
    return own or [route.partner_id for route in routes]


def send(kind: str, document: OutboundDocument, subject: About, *, partner_id: int, key: str) -> Message:
    """Puts a document into the outbox, in the transaction of the change it announces.

    `key` is the idempotency key: a second call with the same key returns the first message.
    """
    existing = db.session.scalar(
        select(Message).where(
            Message.partner_id == partner_id, Message.direction == Direction.OUTBOUND, Message.key == key
        )
    )
    if existing is not None:
        return existing
    message = Message(
        partner_id=partner_id,
        direction=Direction.OUTBOUND,
        kind=kind,
        key=key,
        number=subject.number,
        subject_type=subject.type,
        subject_id=subject.id,
        canonical=document.model_dump(mode="json"),
        trace_id=subject.trace_id or current_trace(),
    )
    db.session.add(message)
    db.session.flush()  # the organization is filled by the database and needed for the wake-up
    wake.deliver(message.organization_id, partner_id)
    return message


def receive(partner: Partner, *, kind: str, key: str, raw: bytes) -> bool:
    """Stores an inbound document durably; returns False when this key was received before.

    A repeat with other content is kept as a work item, since one of the two is wrong.
    """
    digest = hashlib.sha256(raw).hexdigest()
    message_id = db.session.scalar(
        insert(Message)
        .values(
            partner_id=partner.id,
            direction=Direction.INBOUND,
            kind=kind,
            key=key,
            raw=raw,
            digest=digest,
            state=MessageState.WAITING,
            trace_id=current_trace(),
        )
        .on_conflict_do_nothing(index_elements=["partner_id", "direction", "key"])
        .returning(Message.id)
    )
    if message_id is not None:
        wake.apply(partner.organization_id)
        return True
    _check_same_content(partner, key, digest)
    return False


def _check_same_content(partner: Partner, key: str, digest: str) -> None:
    first = db.session.execute(
        select(Message.id, Message.digest).where(
            Message.partner_id == partner.id, Message.direction == Direction.INBOUND, Message.key == key
        )
    ).one()
    if first.digest != digest:
        open_item(
            WorkItemKind.NOT_APPLIED,
            key=f"other-content-{first.id}",
            sentence=f"{partner.name} sent message {key} again with other content. The first one counts.",
            suggestion="Ask the partner which of the two is meant.",
            message_id=first.id,
        )


def move(message: Message, action: str) -> None:
    """Applies one action of the state table; raises Conflict when it does not fit."""
    state = TRANSITIONS.get((message.state, action))
    if state is None:
        raise Conflict(f"This message is {message.state.value.replace('_', ' ')}; it cannot {action} now.")
    message.state = state


def retry(actor: Actor, message: Message) -> None:
    """Tries again now; the partner is asked first where the effect is unknown."""
    _again(actor, message, "retry")


def replay(actor: Actor, message: Message) -> None:
    """Sends or applies a finished message again under its own key: a repeat without a second effect."""
    _again(actor, message, "replay")


def _again(actor: Actor, message: Message, action: str) -> None:
    before = message.state
    move(message, action)
    message.available_at = clock.now()
    message.tries = 0
    message.finished_at = None
    audit.record(
        actor, f"message.{action}", message, before={"state": before}, after={"state": message.state}
    )
    if message.direction == Direction.OUTBOUND:
        wake.deliver(message.organization_id, message.partner_id)
    else:
        wake.apply(message.organization_id)


def withdraw(actor: Actor, message: Message, reason: str) -> None:
    """Gives a message up; raises Invalid without a reason."""
    if not reason.strip():
        raise Invalid("Say why this message is withdrawn.", field="reason")
    before = message.state
    move(message, "withdraw")
    message.finished_at = clock.now()
    audit.record(
        actor,
        "message.withdraw",
        message,
        before={"state": before},
        after={"state": message.state, "reason": reason},
    )


def pause(actor: Actor, partner: Partner, *, paused: bool) -> None:
    """Stops or resumes deliveries to a partner; waiting messages stay."""
    before = partner.paused_at
    partner.paused_at = clock.now() if paused else None
    audit.record(
        actor, "partner.pause" if paused else "partner.resume", partner,
        before={"paused_at": before}, after={"paused_at": partner.paused_at},
    )  # fmt: skip
    if not paused:
        wake.deliver(partner.organization_id, partner.id)


def open_item(
    kind: WorkItemKind,
    *,
    key: str,
    sentence: str,
    suggestion: str = "",
    subject: About | None = None,
    message_id: int | None = None,
    at_stake: Decimal | None = None,
) -> None:
    """Opens a work item, unless one with this key is open already."""
    db.session.execute(
        insert(WorkItem)
        .values(
            kind=kind,
            key=key,
            sentence=sentence,
            suggestion=suggestion,
            subject_type=subject.type if subject else "",
            subject_id=subject.id if subject else None,
            subject=subject.number if subject else "",
            message_id=message_id,
            at_stake=at_stake,
            trace_id=(subject.trace_id if subject else "") or current_trace(),
        )
        .on_conflict_do_nothing()
    )


def take(actor: Actor, item: WorkItem) -> None:
    """Makes the person the owner of the item."""
    before = item.owner_id
    item.owner_id = actor.account_id
    audit.record(
        actor, "work_item.take", item, before={"owner_id": before}, after={"owner_id": item.owner_id}
    )


def resolve(actor: Actor, item: WorkItem, comment: str) -> None:
    """Closes the item with a comment; raises Conflict when it is closed, Invalid without a comment."""
    if item.resolved_at is not None:
        raise Conflict("This work item is resolved already.")
    if not comment.strip():
        raise Invalid("Say how this was resolved.", field="comment")
    item.resolved_at = clock.now()
    item.resolved_by_id = actor.account_id
    item.resolution = comment.strip()
    audit.record(actor, "work_item.resolve", item, after={"resolution": item.resolution})


def resolve_by_system(actor: Actor, key: str, comment: str) -> None:
    """Closes the open item of a key, if any, because its cause is gone."""
    item = db.session.scalar(select(WorkItem).where(WorkItem.key == key, WorkItem.resolved_at.is_(None)))
    if item is not None:
        resolve(actor, item, comment)
