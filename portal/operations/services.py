"""What people do here: retry, replay and withdraw messages, decide work items, check and pause partners."""

from dataclasses import asdict, dataclass

from sqlalchemy import select

from integrations.health import Health
from portal.exchange import adapters
from portal.exchange import queries as exchange_queries
from portal.exchange import services as exchange
from portal.exchange.models import Message, Partner, WorkItem
from portal.exchange.rules import MessageState
from portal.foundation import audit
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict
from portal.identity.models import Organization
from portal.operations import queries, trail, work_items

CHECK_SECONDS = 5.0
MOST_AT_ONCE = 500


def retry_message(actor: Actor, message_id: int) -> Message:
    """Tries a stopped or waiting message again now."""
    message = _message(message_id)
    exchange.retry(actor, message)
    return message


def replay_message(actor: Actor, message_id: int) -> Message:
    """Repeats a finished message under its own key."""
    message = _message(message_id)
    exchange.replay(actor, message)
    return message


def withdraw_message(actor: Actor, message_id: int, reason: str) -> Message:
    """Gives a message up; raises Invalid without a reason."""
    message = _message(message_id)
    exchange.withdraw(actor, message, reason)
    return message


def _message(message_id: int) -> Message:
    return found(exchange_queries.locked(message_id), "message")


def take_item(actor: Actor, item_id: int) -> WorkItem:
    """Makes the person the owner of a work item."""
    item = work_items.one(actor, item_id, lock=True)
    exchange.take(actor, item)
    return item


def resolve_item(actor: Actor, item_id: int, comment: str) -> WorkItem:
    """Closes a work item with a comment."""
    item = work_items.one(actor, item_id, lock=True)
    exchange.resolve(actor, item, comment)
    return item


def pause_partner(actor: Actor, partner_id: int, *, paused: bool) -> Partner:
    """Stops or resumes deliveries to a partner."""
    partner = queries.partner(partner_id, lock=True)
    if (partner.paused_at is not None) == paused:
        raise Conflict(f"{partner.name} is {'paused' if paused else 'not paused'} already.")
    exchange.pause(actor, partner, paused=paused)
    return partner


def retry_stopped(actor: Actor, partner_id: int) -> int:
    """Tries again what needs attention at one partner, oldest first; returns how many messages."""
    partner = queries.partner(partner_id)
    ids = db.session.scalars(
        select(Message.id)
        .where(Message.partner_id == partner.id, Message.state == MessageState.NEEDS_ATTENTION)
        .order_by(Message.id)
        .limit(MOST_AT_ONCE)
    ).all()
    for message_id in ids:
        retry_message(actor, message_id)
    return len(ids)


def check_partner(actor: Actor, partner_id: int) -> Health:
    """Reaches the partner and logs in, within CHECK_SECONDS a call; the result stands in the trail."""
    partner = queries.partner(partner_id)
    health = adapters.check(partner, timeout_seconds=CHECK_SECONDS)
    audit.record(actor, "partner.check", partner, after=asdict(health))
    return health


@dataclass(frozen=True)
class Verification:
    """What recomputing the hash chain showed."""

    seals: int
    broken: list[int]
    unsealed: int


def verify_trail(actor: Actor) -> Verification:
    """Recomputes every seal of the organization; who asked stands in the trail."""
    state = trail.seals()
    result = Verification(seals=state.count, broken=audit.broken_seals(), unsealed=state.unsealed)
    audit.record(actor, "audit.verify", _organization(), after=asdict(result))
    return result


def note_export(actor: Actor, what: str, filters: dict[str, str]) -> None:
    """Who took which rows out stands in the trail."""
    kept = {name: value.replace("\x00", "")[:200] for name, value in filters.items() if "\x00" not in name}
    audit.record(actor, f"{what}.export", _organization(), evidence=kept)


def _organization() -> Organization:
    return db.session.scalars(select(Organization)).one()
