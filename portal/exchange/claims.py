"""Claims: one worker takes due messages under a lease, and writes that a try begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import ColumnElement, select, tuple_, update
from sqlalchemy.orm import joinedload, undefer

from portal.exchange import services
from portal.exchange.models import Attempt, Message
from portal.exchange.rules import ASK_FIRST_AFTER, MOST_TRIES, SEALED_KINDS, Outcome
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
    return next(iter(claim_some(condition, most=1)), None)


def claim_some(condition: ColumnElement[bool], *, most: int) -> list[Claim]:
    """Takes the oldest due messages that meet the condition; commits.

    Several only of clinical systems and at their first try: what was interrupted before is tried alone, so
    that a message that kills its worker soon has no company.
    """
    with transaction() as session:
        due = session.scalars(
            select(Message)
            .where(condition)
            .order_by(Message.available_at, Message.id)
            .options(joinedload(Message.partner), undefer(Message.raw))
            .limit(most)
            .with_for_update(skip_locked=True, of=Message)
            .execution_options(populate_existing=True)
        ).all()
        chosen = [one for one in due if _has_company(one)] if due and _has_company(due[0]) else due[:1]
        claims = _begin(chosen)
        session.flush()
        # The partner is talked to outside any transaction, with copies that need no reading again.
        for partner in {claim.message.partner for claim in claims}:
            session.expunge(partner)
        for claim in claims:
            session.expunge(claim.message)
        return claims


def _has_company(message: Message) -> bool:
    return message.kind in SEALED_KINDS and message.tries == 0


def _begin(messages: Sequence[Message]) -> list[Claim]:
    if not messages:
        return []
    settings: Settings = current_app.extensions["settings"]
    mine = Attempt.message_id.in_([one.id for one in messages])
    db.session.execute(
        update(Attempt)
        .where(mine, Attempt.outcome.is_(None))
        .values(outcome=Outcome.INTERRUPTED, detail=INTERRUPTED)
    )
    earlier: dict[int, list[Outcome | None]] = {one.id: [] for one in messages}
    for message_id, outcome in db.session.execute(select(Attempt.message_id, Attempt.outcome).where(mine)):
        earlier[message_id].append(outcome)
    lease_until = clock.now() + timedelta(seconds=settings.message_lease_seconds)
    return [_claim(one, earlier[one.id], lease_until) for one in messages]


def _claim(message: Message, earlier: Sequence[Outcome | None], lease_until: datetime) -> Claim:
    exhausted = message.tries >= MOST_TRIES
    services.move(message, "claim")
    message.tries += 1
    # While working, available_at is the end of the lease: from then on the message is due again.
    message.available_at = lease_until
    message.lease_until = lease_until
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


def end_tries(claims: Sequence[Claim], outcome: Outcome) -> None:
    """Writes how tries ended, by one statement."""
    tries = [(claim.message.id, claim.number) for claim in claims]
    db.session.execute(
        update(Attempt)
        .where(tuple_(Attempt.message_id, Attempt.number).in_(tries))
        .values(finished_at=clock.now(), outcome=outcome),
        execution_options={"synchronize_session": False},
    )
