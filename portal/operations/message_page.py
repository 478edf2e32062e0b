"""Everything known of one message, as its page shows it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for

from portal.exchange.models import Attempt, Message, WorkItem
from portal.exchange.rules import SEALED_KINDS, Direction, MessageState
from portal.foundation.access import Actor
from portal.foundation.audit import AuditEvent
from portal.foundation.status import Status
from portal.operations import opening, queries
from portal.operations.finding import MODELS
from portal.operations.rules import ITEM_LABELS, MESSAGE_KINDS, in_words
from portal.operations.words import OUTCOMES, OVERTAKEN, RUNNING, STATES, by, changes, took, url_of

SHARED_SECRET = re.compile(r"(<SharedSecret[^>]*>).*?(</SharedSecret>)", re.DOTALL)


def context(actor: Actor, message_id: int, attempt_number: int | None = None) -> dict[str, Any]:
    """What the page shows; `attempt_number` chooses whose exchanges, the newest without one."""
    message = queries.message(message_id)
    attempts = queries.attempts(message_id)
    shown = next(
        (one for one in attempts if one.number == attempt_number), attempts[-1] if attempts else None
    )
    return {
        "message": message,
        "title": f"{kind_of(message)} {message.number}".strip(),
        "status": STATES[message.state],
        "facts": facts(actor, message),
        "actions": actions(message),
        "safety": safety(message),
        "tries": tries(message, attempts, shown.number if shown else 0),
        "shown": shown.number if shown else 0,
        "wire": wire_views(queries.wire(shown.id)) if shown else [],
        "received": "" if message.kind in SEALED_KINDS else received_text(message.raw),
        "is_sealed": message.kind in SEALED_KINDS and message.raw is not None,
        "may_open": opening.may_open(actor),
        "canonical": canonical_text(message),
        "effects": events(queries.effects(message)),
        "trace_url": trace_url(message),
        "items": items(actor, queries.items_of(message_id)),
    }


def kind_of(message: Message) -> str:
    """Order confirmation, Purchase order …"""
    kind = str((message.canonical or {}).get("kind", message.kind))
    return MESSAGE_KINDS.get(kind, in_words(kind))


def facts(actor: Actor, message: Message) -> list[dict[str, Any]]:
    """The header of a message."""
    facts = [
        {"label": "Document", "value": kind_of(message)},
        {"label": "Partner", "value": message.partner.name},
        {"label": "Direction", "value": "To the partner" if _is_out(message) else "From the partner"},
        {"label": "Number", "value": message.number or "–"},
        {"label": "Message id", "value": message.key},
        {"label": "Trace", "value": message.trace_id or "–"},
    ]
    if message.sender:
        facts.append({"label": "Sender", "value": message.sender})
    if message.reference:
        facts.append({"label": "Partner's reference", "value": message.reference})
    url = url_of(actor, message.subject_type, message.subject_id)
    if url:
        label = in_words(message.subject_type)
        facts.append({"label": label, "value": message.number or f"Open the {label.lower()}", "url": url})
    return facts


def _is_out(message: Message) -> bool:
    return message.direction == Direction.OUTBOUND


def trace_url(message: Message) -> str | None:
    """The whole story of what the message is about."""
    if message.subject_type not in MODELS or message.subject_id is None:
        return None
    return url_for("operations.trace_document", kind=message.subject_type, document_id=message.subject_id)


def actions(message: Message) -> frozenset[str]:
    """What may be done with a message now: retry, replay, withdraw."""
    if message.state == MessageState.DONE:
        return frozenset({"replay"})
    if message.state in (MessageState.WAITING, MessageState.NEEDS_ATTENTION):
        return frozenset({"retry", "withdraw"})
    return frozenset()


def safety(message: Message) -> str:
    """Why trying again cannot do anything twice."""
    if not _is_out(message):
        return (
            "Applying it again is safe: it happens in one transaction, and a document that counts already "
            "changes nothing."
        )
    if message.partner.kind == "erp":
        return (
            f"Sending it again is safe: {message.partner.name} is asked for {message.number} first, "
            "and nothing is posted if it is there."
        )
    return (
        f"Sending it again is safe: it goes out under the same message id, by which {message.partner.name} "
        "knows a repeat."
    )


@dataclass(frozen=True)
class Try:
    """One attempt in the history of a message."""

    number: int
    status: Status
    started_at: datetime
    took: str
    detail: str
    words: str
    url: str
    is_shown: bool


def tries(message: Message, attempts: Sequence[Attempt], shown: int) -> list[Try]:
    """The attempts, newest first; `shown` is the number of the one whose exchanges are on the page."""
    return [
        Try(
            number=attempt.number,
            status=_outcome(message, attempt),
            started_at=attempt.started_at,
            took=took(attempt),
            detail=attempt.detail,
            words=attempt.words if attempt.words not in attempt.detail else "",
            url=url_for("operations.message", message_id=message.id, attempt=attempt.number),
            is_shown=attempt.number == shown,
        )
        for attempt in reversed(attempts)
    ]


def _outcome(message: Message, attempt: Attempt) -> Status:
    if attempt.outcome is not None:
        return OUTCOMES[attempt.outcome]
    return RUNNING if message.state == MessageState.WORKING else OVERTAKEN


@dataclass(frozen=True)
class WireView:
    """One request and its answer over the wire."""

    method: str
    url: str
    status: str
    sent: str
    answered: str
    milliseconds: int


def wire_views(exchanges: Sequence[Mapping[str, Any]]) -> list[WireView]:
    """The exchanges of one attempt, in order."""
    return [
        WireView(
            method=one["method"],
            url=one["url"],
            status=str(one["status"] or "no answer"),
            sent=_http(one["request_headers"], one["request_body"]),
            answered=_http(one["response_headers"], one["response_body"]) if one["status"] else "",
            milliseconds=one["milliseconds"],
        )
        for one in exchanges
    ]


def _http(headers: Mapping[str, str], body: str) -> str:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\n".join([*lines, "", _pretty(body)]).strip()


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


def received_text(raw: bytes | None) -> str:
    """What a partner sent, its shared secret covered."""
    if raw is None:
        return ""
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    return SHARED_SECRET.sub(r"\1***\2", raw.decode(encoding, errors="replace").replace("\x00", ""))


def canonical_text(message: Message) -> str:
    """The document in the portal's words."""
    return json.dumps(message.canonical, indent=2, ensure_ascii=False) if message.canonical else ""


def events(rows: Sequence[AuditEvent]) -> list[dict[str, Any]]:
    """Audit events for a timeline, newest first."""
    return [
        {
            "title": f"{in_words(event.action)} {event.subject}".strip(),
            "at": event.at,
            "actor": by(event),
            "text": changes(event),
        }
        for event in reversed(rows)
    ]


def items(actor: Actor, rows: Sequence[WorkItem]) -> list[dict[str, Any]]:
    """The open work items about a message."""
    return [
        {"label": ITEM_LABELS[item.kind], "sentence": item.sentence, "suggestion": item.suggestion,
         "url": url_of(actor, "work_item", item.id)}
        for item in rows
    ]  # fmt: skip
