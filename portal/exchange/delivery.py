"""Delivers due messages: claim, talk to the partner, settle; each in a transaction of its own."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from structlog import get_logger

from integrations.errors import PartnerError, Retryable
from integrations.http import WireExchange
from portal.exchange import services
from portal.exchange.adapters import open_adapter
from portal.exchange.handlers import handlers
from portal.exchange.models import Attempt, Message, Partner
from portal.exchange.rules import (
    ASK_FIRST_AFTER,
    OUTCOME_OF,
    REPEATED,
    Direction,
    MessageState,
    Outcome,
    WorkItemKind,
    pause_before,
)
from portal.foundation import clock, metrics
from portal.foundation.access import system
from portal.foundation.db import db, transaction
from portal.foundation.trace import follow_trace
from portal.settings import Settings

MOST_PER_JOB = 25
MAX_WIRE_TEXT = 200_000
log = get_logger(__name__)


@dataclass(frozen=True)
class Claim:
    """One try: the message as read under the claim, and whether to ask the partner first."""

    message: Message
    number: int
    ask_first: bool


@dataclass(frozen=True)
class Result:
    """How a try ended."""

    outcome: Outcome
    reference: str = ""
    detail: str = ""
    words: str = ""
    retry_after: float | None = None
    wire: list[dict[str, Any]] = field(default_factory=list)


def deliver_due(partner_id: int) -> int:
    """Delivers what is due for one partner; stops at the first trouble, so that a sick partner rests."""
    done = 0
    while done < MOST_PER_JOB:
        claim = claim_next(partner_id)
        if claim is None:
            return done
        result = attempt(claim)
        settle(claim, result)
        done += 1
        if result.outcome in REPEATED:
            return done
    return done


def claim_next(partner_id: int) -> Claim | None:
    """Takes one due message under a lease, or returns None."""
    with transaction() as session:
        message = session.scalar(
            select(Message)
            .join(Partner, Partner.id == Message.partner_id)
            .where(
                Message.partner_id == partner_id,
                Message.direction == Direction.OUTBOUND,
                Message.state.in_([MessageState.WAITING, MessageState.WORKING]),
                Message.available_at <= clock.now(),
                Partner.paused_at.is_(None),
            )
            .order_by(Message.available_at, Message.id)
            .options(joinedload(Message.partner))
            .limit(1)
            .with_for_update(skip_locked=True, of=Message)
        )
        if message is None:
            return None
        earlier = session.scalars(
            select(Attempt).where(Attempt.message_id == message.id).order_by(Attempt.number)
        ).all()
        claim = start_attempt(message, earlier)
        session.flush()
        session.expunge(message)  # the next transactions read it anew
        return claim


def start_attempt(message: Message, earlier: Sequence[Attempt]) -> Claim:
    """Writes that a try begins; a crash after this shows as an attempt without outcome."""
    settings: Settings = current_app.extensions["settings"]
    for attempt_ in earlier:
        if attempt_.outcome is None:
            attempt_.outcome = Outcome.INTERRUPTED
            attempt_.detail = "The worker stopped before it could say how this ended."
    number = len(earlier) + 1
    services.move(message, "claim")
    message.tries += 1
    # While working, available_at is the end of the lease: from then on the message is due again.
    message.lease_until = clock.now() + timedelta(seconds=settings.message_lease_seconds)
    message.available_at = message.lease_until
    db.session.add(Attempt(message_id=message.id, number=number))
    ask_first = message.reference != "" or any(one.outcome in ASK_FIRST_AFTER for one in earlier)
    return Claim(message, number, ask_first)


def attempt(claim: Claim) -> Result:
    """Talks to the partner, outside any transaction."""
    message = claim.message
    follow_trace(message.trace_id)
    handler = handlers().outbound[message.kind, message.partner.kind]
    started = time.perf_counter()
    adapter = open_adapter(message.partner)
    try:
        reference = handler.deliver(adapter, message, claim.ask_first)
        result = Result(Outcome.DONE, reference=reference, wire=_shown(adapter.wire))
    except PartnerError as error:
        result = Result(
            OUTCOME_OF[type(error)],
            detail=str(error),
            words=error.words,
            retry_after=error.retry_after if isinstance(error, Retryable) else None,
            wire=_shown(adapter.wire),
        )
    finally:
        adapter.close()
    seconds = time.perf_counter() - started
    metrics.delivery_seconds.labels(message.partner.code, result.outcome).observe(seconds)
    log.info("delivery", message_id=message.id, attempt=claim.number, outcome=result.outcome)
    return result


def settle(claim: Claim, result: Result) -> None:
    """Writes how the try ended and what follows from it, in one transaction."""
    with transaction() as session:
        message = session.scalar(
            select(Message)
            .where(Message.id == claim.message.id)
            .options(joinedload(Message.partner))
            .with_for_update(of=Message)
        )
        assert message is not None
        attempt_ = session.scalars(
            select(Attempt).where(Attempt.message_id == message.id, Attempt.number == claim.number)
        ).one()
        attempt_.finished_at = clock.now()
        attempt_.outcome = result.outcome
        attempt_.detail = result.detail
        attempt_.words = result.words
        attempt_.wire = result.wire
        newest = session.scalar(
            select(Attempt.number)
            .where(Attempt.message_id == message.id)
            .order_by(Attempt.number.desc())
            .limit(1)
        )
        if message.state != MessageState.WORKING or newest != claim.number:
            return  # the lease had ended; the newer try asks the partner and decides
        _conclude(message, result)


def _conclude(message: Message, result: Result) -> None:
    handler = handlers().outbound[message.kind, message.partner.kind]
    message.lease_until = None
    message.cause = result.detail
    if result.outcome is Outcome.DONE:
        first_time = message.reference == ""
        services.move(message, "finish")
        message.reference = result.reference
        message.finished_at = clock.now()
        services.resolve_by_system(
            system(message.organization_id, "delivered"), f"message-{message.id}", "Delivered."
        )
        if first_time:
            handler.delivered(message)
        return
    pause = pause_before(message.tries) if result.outcome in REPEATED else None
    if pause is not None:
        services.move(message, "wait")
        message.available_at = clock.now() + max(pause, timedelta(seconds=result.retry_after or 0))
        return
    services.move(message, "stop")
    services.open_item(
        WorkItemKind.DELIVERY_STOPPED,
        key=f"message-{message.id}",
        sentence=f"{message.partner.name} did not take {message.number}: {result.detail}"
        + (f" ({result.words})" if result.words and result.words not in result.detail else ""),
        suggestion=SUGGESTIONS.get(result.outcome, "Check the partner, then retry the message."),
        subject=services.About(
            message.subject_type, message.subject_id or 0, message.number, message.trace_id
        ),
        message_id=message.id,
    )
    handler.stopped(message)


SUGGESTIONS = {
    Outcome.REJECTED: "Correct what the partner names, then retry the message.",
    Outcome.MISCONFIGURED: "Correct login or address of the partner, then retry the message.",
}


def _shown(wire: Sequence[WireExchange]) -> list[dict[str, Any]]:
    return [
        {
            "method": exchange.method,
            "url": exchange.url,
            "request_headers": dict(exchange.request_headers),
            "request_body": _text(exchange.request_body),
            "status": exchange.status,
            "response_headers": dict(exchange.response_headers),
            "response_body": _text(exchange.response_body),
            "milliseconds": exchange.milliseconds,
        }
        for exchange in wire
    ]


def _text(body: bytes) -> str:
    return body[:MAX_WIRE_TEXT].decode("utf-8", errors="replace").replace("\x00", "\ufffd")
