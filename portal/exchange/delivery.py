"""Delivers due messages: claim, talk to the partner, settle; each in a transaction of its own."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from structlog import get_logger

from integrations.errors import Misconfigured, PartnerError, Retryable
from integrations.http import WireExchange
from portal.exchange import queries, services
from portal.exchange.adapters import open_adapter
from portal.exchange.claims import Claim, attempt_of, claim_next, is_newest
from portal.exchange.handlers import OutboundHandler, handlers
from portal.exchange.models import Message
from portal.exchange.rules import REPEATED, UNFINISHED_STATES, MessageState, Outcome, outcome_of, pause_after
from portal.foundation import clock, metrics
from portal.foundation.db import transaction
from portal.foundation.trace import follow_trace

MOST_PER_JOB = 25
LONGEST_JOB_SECONDS = 120
MAX_WIRE_TEXT = 200_000
EXHAUSTED = "The worker stopped again and again before it could say how this ended."
log = get_logger(__name__)


@dataclass(frozen=True)
class Result:
    """How a try ended; `words` are the partner's own."""

    outcome: Outcome
    reference: str = ""
    detail: str = ""
    words: str = ""
    retry_after: float | None = None
    wire: list[dict[str, Any]] = field(default_factory=list)


def deliver_due(partner_id: int) -> bool:
    """Delivers what is due for one partner; returns whether more may be due.

    Stops at the first trouble, so that a sick partner rests until the sweep asks again.
    """
    started = time.monotonic()
    for _ in range(MOST_PER_JOB):
        claim = claim_next(queries.is_deliverable(partner_id))
        if claim is None:
            return False
        result = Result(Outcome.INTERRUPTED, detail=EXHAUSTED) if claim.exhausted else attempt(claim)
        settle(claim, result)
        if result.outcome in REPEATED:
            return False
        if time.monotonic() - started > LONGEST_JOB_SECONDS:
            break
    return True


def attempt(claim: Claim) -> Result:
    """Talks to the partner, outside any transaction."""
    message = claim.message
    follow_trace(message.trace_id)
    started = time.perf_counter()
    result = _deliver(claim)
    seconds = time.perf_counter() - started
    metrics.delivery_seconds.labels(message.partner.code, result.outcome).observe(seconds)
    log.info("delivery", message_id=message.id, attempt=claim.number, outcome=result.outcome)
    return result


def _deliver(claim: Claim) -> Result:
    message = claim.message
    try:
        handler = _handler(message)
        if handler is None:
            raise Misconfigured(
                f"There is no way to send a {message.kind.replace('_', ' ')} "
                f"to a partner of kind {message.partner.kind}; correct the route"
            )
        adapter = open_adapter(message.partner)
    except PartnerError as error:
        return _failure(error, ())
    with closing(adapter):
        try:
            reference = handler.deliver(adapter, message, claim.ask_first)
        except PartnerError as error:
            return _failure(error, adapter.wire)
        return Result(Outcome.DONE, reference=reference, wire=_shown(adapter.wire))


def _failure(error: PartnerError, wire: Sequence[WireExchange]) -> Result:
    return Result(
        outcome_of(error),
        detail=str(error),
        words=error.words,
        retry_after=error.retry_after if isinstance(error, Retryable) else None,
        wire=_shown(wire),
    )


def _handler(message: Message) -> OutboundHandler | None:
    return handlers().outbound.get((message.kind, message.partner.kind))


def settle(claim: Claim, result: Result) -> None:
    """Writes how the try ended and what follows from it, in one transaction."""
    with transaction():
        message = queries.locked(claim.message.id)
        assert message is not None
        attempt_ = attempt_of(claim)
        attempt_.finished_at = clock.now()
        attempt_.outcome = result.outcome
        attempt_.detail = result.detail
        attempt_.words = result.words
        attempt_.wire = result.wire
        if result.outcome is Outcome.DONE:
            message.warnings = list(claim.message.warnings)
            _finish(message, result)
        elif message.state == MessageState.WORKING and is_newest(claim):
            _wait_or_stop(message, result)
        # Otherwise the lease had ended: the newer try asks the partner first and decides.


def _finish(message: Message, result: Result) -> None:
    if message.state not in UNFINISHED_STATES:
        return
    first_time = message.reference == ""
    message.reference = message.reference or result.reference or message.key
    services.finish(message, reason="delivery", comment="Delivered.")
    handler = _handler(message)
    if first_time and handler is not None:
        handler.delivered(message)


def _wait_or_stop(message: Message, result: Result) -> None:
    message.lease_until = None
    message.cause = result.detail
    pause = pause_after(result.outcome, message.tries, result.retry_after)
    if pause is not None:
        services.move(message, "wait")
        message.available_at = clock.now() + pause
        return
    words = f" ({result.words})" if result.words and result.words not in result.detail else ""
    services.stop(
        message,
        reason="delivery",
        sentence=f"{message.partner.name} did not take {message.number}: {_ended(result.detail + words)}",
        suggestion=SUGGESTIONS.get(result.outcome, "Check the partner, then retry the message."),
    )
    handler = _handler(message)
    if handler is not None:
        handler.stopped(message)


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


SUGGESTIONS = {
    Outcome.REJECTED: "Correct what the partner names, then retry the message.",
    Outcome.MISCONFIGURED: "Correct login, address or settings of the partner, then retry the message.",
    Outcome.AMBIGUOUS: "Retry the message: the partner is asked first whether it has the document.",
    Outcome.INTERRUPTED: "Look into the log of the workers, then retry the message.",
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
