"""Applies received messages: claim, then translate and apply in one transaction with their effects."""

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import and_
from structlog import get_logger

from integrations.errors import Unreadable
from integrations.network.contract import Translated
from integrations.registry import INBOUND
from portal.exchange import bodies, queries, services
from portal.exchange.claims import Claim, attempt_of, claim_some, end_tries, is_newest
from portal.exchange.handlers import handlers
from portal.exchange.models import Message
from portal.exchange.rules import SEALED_KINDS, Direction, MessageState, Outcome
from portal.exchange.together import Alone, together
from portal.foundation import clock, metrics
from portal.foundation.db import transaction
from portal.foundation.errors import DomainError, Invalid
from portal.foundation.trace import follow_trace

MOST_PER_JOB = 200
TOGETHER = 50
LONGEST_NUMBER = 100
EXHAUSTED = "Applying this document was interrupted again and again."
log = get_logger(__name__)


def apply_due() -> bool:
    """Applies what is due in the current organization; returns whether more may be due."""
    done = 0
    while done < MOST_PER_JOB:
        claims = claim_some(and_(Message.direction == Direction.INBOUND, queries.is_due()), most=TOGETHER)
        if not claims:
            return False
        if len(claims) == 1 or not _apply_together(claims):
            _apply_in_turn(claims)
        done += len(claims)
    return True


def _apply_in_turn(claims: Sequence[Claim]) -> None:
    """Each in a transaction of its own; a crash in one, which its lease repeats, does not stop the rest."""
    try:
        _apply_alone(claims[0])
    finally:
        if len(claims) > 1:
            _apply_in_turn(claims[1:])


def _apply_alone(claim: Claim) -> None:
    follow_trace(claim.message.trace_id)
    outcome = Outcome.INTERRUPTED if claim.exhausted else apply_one(claim)
    if claim.exhausted:
        stop(claim, outcome, EXHAUSTED)
    _note(claim, outcome)


def _note(claim: Claim, outcome: Outcome) -> None:
    metrics.inbound_documents.labels(claim.message.kind, outcome).inc()
    log.info("inbound", message_id=claim.message.id, attempt=claim.number, outcome=outcome)


def _apply_together(claims: Sequence[Claim]) -> bool:
    """All of them in one transaction; at the first trouble nothing is done, and False says so."""
    with suppress(Exception):  # whatever it is: tried alone, the message that has it shows it
        with transaction(), together():
            messages = queries.locked_all([claim.message.id for claim in claims])
            for claim in claims:
                _apply_one_of_many(claim, messages[claim.message.id])
            end_tries(claims, Outcome.DONE)
            services.finish_all(list(messages.values()), reason="inbound message", comment="Applied.")
        for claim in claims:
            _note(claim, Outcome.DONE)
        return True
    log.info("inbound_one_by_one", messages=len(claims))
    return False


def _apply_one_of_many(claim: Claim, message: Message) -> None:
    follow_trace(claim.message.trace_id)
    handler = handlers().sealed.get(message.kind)
    if handler is None or message.state != MessageState.WORKING:
        raise Alone
    if handler(message, bodies.opened(message.kind, claim.message.raw or b"")):
        raise Alone


def apply_one(claim: Claim) -> Outcome:
    """Translates and applies; what cannot be applied becomes a work item with the reason."""
    if claim.message.kind in SEALED_KINDS:
        return _apply_sealed(claim)
    try:
        translated = INBOUND[claim.message.kind].translate(claim.message.raw or b"")
    except Unreadable as error:
        where = f" ({error.position})" if error.position else ""
        stop(claim, Outcome.UNREADABLE, f"{error}{where}")
        return Outcome.UNREADABLE
    try:
        with transaction():
            _apply(claim, translated)
    except DomainError as error:
        stop(claim, Outcome.REJECTED, str(error), translated)
        return Outcome.REJECTED
    return Outcome.DONE


def _apply_sealed(claim: Claim) -> Outcome:
    """Lets the feature apply what it can of a clinical message; the rest becomes a work item."""
    handler = handlers().sealed.get(claim.message.kind)
    try:
        if handler is None:
            raise Invalid(f"This portal does not take messages of the kind {claim.message.kind} yet.")
        with transaction():
            message = _locked(claim)
            if message.state != MessageState.WORKING:
                return Outcome.DONE
            failures = handler(message, bodies.opened(message.kind, claim.message.raw or b""))
            if not failures:
                _end_try(claim, Outcome.DONE)
                services.finish(message, reason="inbound message", comment="Applied.")
    except Unreadable as error:
        stop(claim, Outcome.UNREADABLE, f"{error} ({error.position})" if error.position else str(error))
        return Outcome.UNREADABLE
    except DomainError as error:
        failures = [str(error)]
    if failures:
        stop(claim, Outcome.REJECTED, " ".join(failures))
        return Outcome.REJECTED
    return Outcome.DONE


def _apply(claim: Claim, translated: Translated) -> None:
    message = _locked(claim)
    if message.state != MessageState.WORKING:
        return  # another try finished it while this one slept past its lease
    document = translated.document
    handler = handlers().inbound.get(document.kind)
    if handler is None:
        raise Invalid(f"This portal does not take a {document.kind.replace('_', ' ')} yet.")
    _keep(message, translated)
    handler(message, document)
    _end_try(claim, Outcome.DONE)
    services.finish(message, reason="inbound document", comment="Applied.")


def stop(claim: Claim, outcome: Outcome, detail: str, translated: Translated | None = None) -> None:
    """Ends the try in the visible state "needs attention", with a work item."""
    with transaction():
        message = _locked(claim)
        _end_try(claim, outcome, detail)
        if message.state != MessageState.WORKING or not is_newest(claim):
            return
        if translated is not None:
            _keep(message, translated)
        message.cause = detail
        services.stop(
            message,
            reason="inbound document",
            sentence=f"A document from {message.partner.name} could not be applied: {detail}",
            suggestion="Correct the cause, then retry the message; or ask the partner to send it again.",
        )


def _keep(message: Message, translated: Translated) -> None:
    message.canonical = translated.document.model_dump(mode="json")
    message.warnings = list(translated.warnings)
    message.number = message.number or translated.document.number[:LONGEST_NUMBER]


def _locked(claim: Claim) -> Message:
    message = queries.locked(claim.message.id)
    assert message is not None
    return message


def _end_try(claim: Claim, outcome: Outcome, detail: str = "") -> None:
    attempt = attempt_of(claim)
    attempt.finished_at = clock.now()
    attempt.outcome = outcome
    attempt.detail = detail
