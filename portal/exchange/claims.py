"""Claims: one worker takes one due message under a lease, and writes that a try begins."""

from dataclasses import dataclass
from datetime import timedelta

from flask import current_app
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import joinedload, undefer

from portal.exchange import services
from portal.exchange.models import Attempt, Message
from portal.exchange.rules import ASK_FIRST_AFTER, MOST_TRIES, Outcome
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.settings import Settings

INTERRUPTED = "The worker stopped before it could say how this ended."


@dataclass(frozen=True)
class Claim:
    """One try. `message` is a detached copy with its partner; `exhausted` means: do not try, stop it."""

    message: Message
    number: int
    ask_first: bool
    exhausted: bool


def claim_next(condition: ColumnElement[bool]) -> Claim | None:
    """Takes the oldest due message that meets the condition, or returns None; commits."""
    with transaction() as session:
        message = session.scalar(
            select(Message)
            .where(condition)
            .order_by(Message.available_at, Message.id)
            .options(joinedload(Message.partner), undefer(Message.raw))
            .limit(1)
            .with_for_update(skip_locked=True, of=Message)
            .execution_options(populate_existing=True)
        )
        if message is None:
            return None
        claim = _begin(message)
        session.flush()
        # The partner is talked to outside any transaction, with copies that need no reading again.
        session.expunge(message.partner)
        session.expunge(message)
        return claim


def _begin(message: Message) -> Claim:
    settings: Settings = current_app.extensions["settings"]
    mine = Attempt.message_id == message.id
    db.session.execute(
        update(Attempt)
        .where(mine, Attempt.outcome.is_(None))
        .values(outcome=Outcome.INTERRUPTED, detail=INTERRUPTED)
    )
    earlier = db.session.scalars(select(Attempt.outcome).where(mine)).all()
    exhausted = message.tries >= MOST_TRIES
    services.move(message, "claim")
    message.tries += 1
    # While working, available_at is the end of the lease: from then on the message is due again.
    message.available_at = clock.now() + timedelta(seconds=settings.message_lease_seconds)
    message.lease_until = message.available_at
    attempt = Attempt(message_id=message.id, number=len(earlier) + 1)
    db.session.add(attempt)
    ask_first = any(outcome in ASK_FIRST_AFTER for outcome in earlier)
    return Claim(message, attempt.number, ask_first, exhausted)


def attempt_of(claim: Claim) -> Attempt:
    """The row of this try."""
    return db.session.scalars(
        select(Attempt).where(Attempt.message_id == claim.message.id, Attempt.number == claim.number)
    ).one()


def is_newest(claim: Claim) -> bool:
    """Whether no other worker has begun a newer try meanwhile."""
    newer = select(Attempt.id).where(Attempt.message_id == claim.message.id, Attempt.number > claim.number)
    return db.session.scalar(newer.limit(1)) is None
