"""Puts messages into the outbox and the inbox, retries, replays, withdraws; opens and resolves work items."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from integrations.canonical import Document
from portal.exchange import bodies, wake
from portal.exchange.handlers import handlers
from portal.exchange.models import Message, Partner, Route, WorkItem
from portal.exchange.rules import STOPPED, TRANSITIONS, Direction, MessageState, Received, WorkItemKind
from portal.foundation import audit, clock
from portal.foundation.access import Actor, system
from portal.foundation.db import db
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.trace import current_trace

STATE_WORDS = {
    MessageState.WAITING: "waiting",
    MessageState.WORKING: "being worked on",
    MessageState.DONE: "done",
    MessageState.NEEDS_ATTENTION: "stopped",
    MessageState.WITHDRAWN: "withdrawn",
}
ACTION_WORDS = {
    "claim": "claimed",
    "finish": "finished",
    "wait": "put back",
    "stop": "stopped",
    "retry": "retried",
    "replay": "replayed",
    "withdraw": "withdrawn",
}


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


def reaches(document: str, supplier_id: int, kind: str) -> bool:
    """Whether a document goes to a partner of this kind."""
    kinds = select(Partner.kind).where(Partner.id.in_(partners_for(document, supplier_id)))
    return kind in set(db.session.scalars(kinds))


def send(kind: str, document: Document, subject: About, *, partner_id: int, key: str) -> Message:
    """Puts a document into the outbox, in the transaction of the change it announces.

    `key` is the idempotency key: a second call with the same key returns the first message.
    """
    message: Message | None = db.session.scalar(
        insert(Message)
        .values(
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
        .on_conflict_do_nothing(index_elements=["partner_id", "direction", "key"])
        .returning(Message)
    )
    if message is None:
        return _known(partner_id, Direction.OUTBOUND, key)
    wake.deliver(message.organization_id, partner_id)
    return message


@dataclass(frozen=True)
class Sender:
    """A partner as far as receiving needs it."""

    id: int
    organization_id: int
    name: str


def receive(
    partner: Partner | Sender, *, kind: str, key: str, raw: bytes, sender: str = "", number: str = ""
) -> Received:
    """Stores an inbound document durably under the partner's message id; `sender` is who it is from.

    Other content under a known id is stored too, but waits for a person: one of the two is wrong.
    """
    digest = hashlib.sha256(raw).hexdigest()
    body = bodies.stored(kind, raw)
    values = {"partner_id": partner.id, "kind": kind, "raw": body, "digest": digest, "sender": sender,
              "number": number}  # fmt: skip
    if _store(key, values) is not None:
        wake.apply(partner.organization_id)
        return Received.NEW
    if _known(partner.id, Direction.INBOUND, key).digest == digest:
        return Received.REPEATED
    other_id = _store(f"{key}#{digest}", values)
    if other_id is not None:
        other = db.session.get_one(Message, other_id)
        move(other, "claim")
        stop(
            other,
            reason="inbound document",
            sentence=f"{partner.name} sent message {key} again with other content. The first one counts.",
            suggestion="Ask the partner which is meant. Withdraw this one, or retry it to apply it as well.",
        )
    return Received.DIFFERENT


def _store(key: str, values: dict[str, Any]) -> int | None:
    message_id: int | None = db.session.scalar(
        insert(Message)
        .values(**values, key=key, direction=Direction.INBOUND, trace_id=current_trace())
        .on_conflict_do_nothing(index_elements=["partner_id", "direction", "key"])
        .returning(Message.id)
    )
    return message_id


def _known(partner_id: int, direction: Direction, key: str) -> Message:
    return db.session.scalars(
        select(Message).where(
            Message.partner_id == partner_id, Message.direction == direction, Message.key == key
        )
    ).one()


def move(message: Message, action: str) -> None:
    """Applies one action of the state table; raises Conflict when it does not fit."""
    state = TRANSITIONS.get((message.state, action))
    if state is None:
        raise Conflict(
            f"This message is {STATE_WORDS[message.state]}; it cannot be {ACTION_WORDS[action]} now."
        )
    message.state = state


def finish(message: Message, *, reason: str, comment: str) -> None:
    """Ends a message well, and closes its work item if it had one."""
    finish_all([message], reason=reason, comment=comment)


def finish_all(messages: Sequence[Message], *, reason: str, comment: str) -> None:
    """Ends messages of one organization well, and closes the work items they had."""
    actor = system(messages[0].organization_id, reason)
    for message in messages:
        before = message.state
        move(message, "finish")
        message.lease_until = None
        message.finished_at = clock.now()
        message.cause = ""
        after = {"state": message.state, "reference": message.reference}
        audit.record(actor, "message.done", message, before={"state": before}, after=after)
    keys = [item_key(message) for message in messages]
    for item in db.session.scalars(
        select(WorkItem).where(WorkItem.key.in_(keys), WorkItem.resolved_at.is_(None))
    ):
        resolve(actor, item, comment)


def stop(message: Message, *, reason: str, sentence: str, suggestion: str) -> None:
    """Ends the tries of a message visibly: it needs attention, and a work item says why."""
    before = message.state
    move(message, "stop")
    message.lease_until = None
    message.cause = message.cause or sentence
    kind = (
        WorkItemKind.DELIVERY_STOPPED if message.direction == Direction.OUTBOUND else WorkItemKind.NOT_APPLIED
    )
    subject = (
        About(message.subject_type, message.subject_id, message.number, message.trace_id)
        if message.subject_id is not None
        else None
    )
    open_item(
        kind,
        key=item_key(message),
        sentence=sentence,
        suggestion=suggestion,
        subject=subject,
        message_id=message.id,
    )
    audit.record(
        system(message.organization_id, reason),
        "message.stop",
        message,
        before={"state": before},
        after={"state": message.state, "cause": sentence},
    )


def item_key(message: Message) -> str:
    """The key of the work item about a stopped message."""
    return f"message-{message.id}"


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
    """Gives a message up, its partner loaded; raises Invalid without a reason."""
    if not reason.strip():
        raise Invalid("Say why this message is withdrawn.", field="reason")
    before = message.state
    move(message, "withdraw")
    message.finished_at = clock.now()
    resolve_by_system(actor, item_key(message), f"Withdrawn: {reason.strip()}")
    handler = handlers().outbound.get((message.kind, message.partner.kind))
    if before == MessageState.WAITING and handler is not None:
        handler.stopped(message)
    audit.record(
        actor,
        "message.withdraw",
        message,
        before={"state": before},
        after={"state": message.state, "reason": reason.strip()},
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


@dataclass(frozen=True)
class Stake:
    """What waits for a decision: money, and the days the place lasts without what it waits for."""

    amount: Decimal | None
    cover_days: int | None = None


def open_item(
    kind: WorkItemKind,
    *,
    key: str,
    sentence: str,
    suggestion: str = "",
    subject: About | None = None,
    message_id: int | None = None,
    at_stake: Decimal | Stake | None = None,
) -> None:
    """Opens a work item; one that is open under this key learns the newest sentence instead.

    A deviation that a person has resolved under this key and sentence stays resolved.
    """
    if kind not in STOPPED and _is_settled(key, sentence):
        return
    stake = at_stake if isinstance(at_stake, Stake) else Stake(at_stake)
    news = {
        "sentence": sentence,
        "suggestion": suggestion,
        "at_stake": stake.amount,
        "cover_days": stake.cover_days,
    }
    db.session.execute(
        insert(WorkItem)
        .values(
            **news,
            kind=kind,
            key=key,
            subject_type=subject.type if subject else "",
            subject_id=subject.id if subject else None,
            subject=subject.number if subject else "",
            message_id=message_id,
            trace_id=(subject.trace_id if subject else "") or current_trace(),
        )
        .on_conflict_do_update(
            index_elements=["organization_id", "key"], index_where=WorkItem.resolved_at.is_(None), set_=news
        )
    )


def _is_settled(key: str, sentence: str) -> bool:
    by_person = select(WorkItem.id).where(
        WorkItem.key == key, WorkItem.sentence == sentence, WorkItem.resolved_by_id.is_not(None)
    )
    return db.session.scalar(by_person.limit(1)) is not None


def take(actor: Actor, item: WorkItem) -> None:
    """Makes the person the owner of the item; raises Conflict when it is closed."""
    _check_open(item)
    before = item.owner_id
    item.owner_id = actor.account_id
    audit.record(
        actor, "work_item.take", item, before={"owner_id": before}, after={"owner_id": item.owner_id}
    )


def resolve(actor: Actor, item: WorkItem, comment: str) -> None:
    """Closes the item with a comment; raises Conflict when it is closed, Invalid without a comment."""
    _check_open(item)
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


def _check_open(item: WorkItem) -> None:
    if item.resolved_at is not None:
        raise Conflict("This work item is resolved already.")
