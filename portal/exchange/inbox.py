"""Applies received messages: claim, then translate and apply in one transaction with its effects."""

from dataclasses import dataclass
from datetime import timedelta

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import joinedload, undefer
from structlog import get_logger

from integrations.errors import Unreadable
from integrations.registry import INBOUND
from portal.exchange import services
from portal.exchange.handlers import handlers
from portal.exchange.models import Attempt, Message
from portal.exchange.rules import Direction, MessageState, Outcome, WorkItemKind, pause_before
from portal.foundation import clock, metrics
from portal.foundation.db import db, transaction
from portal.foundation.errors import DomainError
from portal.foundation.trace import follow_trace
from portal.settings import Settings

MOST_PER_JOB = 50
log = get_logger(__name__)


@dataclass(frozen=True)
class InboundClaim:
    """One try to apply a message; a message tried too often is stopped instead of tried."""

    message_id: int
    number: int
    exhausted: bool


def apply_due() -> int:
    """Applies what is due in the current organization; returns how many messages were tried."""
    done = 0
    while done < MOST_PER_JOB:
        claim = claim_next()
        if claim is None:
            return done
        if claim.exhausted:
            stop(claim, Outcome.INTERRUPTED, "Applying this document was interrupted again and again.")
        else:
            apply_one(claim)
        done += 1
    return done


def claim_next() -> InboundClaim | None:
    """Takes one due inbound message under a lease, or returns None."""
    settings: Settings = current_app.extensions["settings"]
    with transaction() as session:
        message = session.scalar(
            select(Message)
            .where(
                Message.direction == Direction.INBOUND,
                Message.state.in_([MessageState.WAITING, MessageState.WORKING]),
                Message.available_at <= clock.now(),
            )
            .order_by(Message.available_at, Message.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if message is None:
            return None
        last = session.scalar(
            select(Attempt.number)
            .where(Attempt.message_id == message.id)
            .order_by(Attempt.number.desc())
            .limit(1)
        )
        number = (last or 0) + 1
        services.move(message, "claim")
        message.tries += 1
        message.lease_until = clock.now() + timedelta(seconds=settings.message_lease_seconds)
        message.available_at = message.lease_until
        session.add(Attempt(message_id=message.id, number=number))
        return InboundClaim(message.id, number, exhausted=pause_before(message.tries) is None)


def apply_one(claim: InboundClaim) -> None:
    """Translates and applies; what cannot be applied becomes a work item with the reason."""
    try:
        with transaction():
            message = _load(claim.message_id)
            if message.state != MessageState.WORKING:
                return  # another try finished it while this one slept past its lease
            follow_trace(message.trace_id)
            translated = INBOUND[message.kind].translate(message.raw or b"")
            document = translated.document
            message.canonical = document.model_dump(mode="json")
            message.warnings = list(translated.warnings)
            message.number = message.number or document.number
            handlers().inbound[document.kind](message, document)
            _finish(message, claim, Outcome.DONE, "")
            services.move(message, "finish")
            outcome = Outcome.DONE
    except Unreadable as error:
        where = f" ({error.position})" if error.position else ""
        stop(claim, Outcome.UNREADABLE, f"{error}{where}")
        outcome = Outcome.UNREADABLE
    except DomainError as error:
        stop(claim, Outcome.REJECTED, str(error))
        outcome = Outcome.REJECTED
    metrics.inbound_documents.labels("document", outcome).inc()
    log.info("inbound", message_id=claim.message_id, attempt=claim.number, outcome=outcome)


def stop(claim: InboundClaim, outcome: Outcome, detail: str) -> None:
    """Ends the try in the visible state "needs attention", with a work item."""
    with transaction():
        message = _load(claim.message_id)
        if message.state != MessageState.WORKING:
            return
        _finish(message, claim, outcome, detail)
        services.move(message, "stop")
        services.open_item(
            WorkItemKind.NOT_APPLIED,
            key=f"message-{message.id}",
            sentence=f"A document from {message.partner.name} could not be applied: {detail}",
            suggestion="Correct the cause, then retry the message; or ask the partner to send it again.",
            message_id=message.id,
        )


def _load(message_id: int) -> Message:
    message = db.session.scalar(
        select(Message)
        .where(Message.id == message_id)
        .options(joinedload(Message.partner), undefer(Message.raw))
        .with_for_update(of=Message)
    )
    assert message is not None
    return message


def _finish(message: Message, claim: InboundClaim, outcome: Outcome, detail: str) -> None:
    attempt = db.session.scalars(
        select(Attempt).where(Attempt.message_id == message.id, Attempt.number == claim.number)
    ).one()
    attempt.finished_at = clock.now()
    attempt.outcome = outcome
    attempt.detail = detail
    message.cause = detail
    message.lease_until = None
    message.finished_at = clock.now() if outcome is Outcome.DONE else None
