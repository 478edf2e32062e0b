"""The story of one transaction in time order, each step with its distance from the first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.exchange.models import Attempt, Message, WorkItem
from portal.exchange.rules import Direction
from portal.foundation.access import Actor
from portal.foundation.status import Status
from portal.operations.finding import Hit
from portal.operations.message_page import kind_of
from portal.operations.rules import ITEM_LABELS, in_words
from portal.operations.traces import Trace, trace
from portal.operations.words import OUTCOMES, RUNNING, by, changes, since, took, url_of

QUEUED = Status("Put out", "info", "mailbox")
RECEIVED = Status("Received", "info", "mail-down")
OPEN_ITEM = Status("Open", "warning", "alert-circle")
CLOSED_ITEM = Status("Resolved", "success", "circle-check")
# These rows tell the same themselves, with more detail.
TOLD_BY_ROWS = frozenset({"message.done", "message.stop", "work_item.resolve"})


@dataclass(frozen=True)
class Step:
    """One thing that happened."""

    at: datetime
    title: str
    text: str
    by: str
    status: Status | None
    url: str | None
    after: str = ""


def context(actor: Actor, hit: Hit) -> dict[str, Any]:
    """What the page shows."""
    found = trace(hit)
    steps = sorted(_steps(actor, found), key=lambda step: step.at)
    first = steps[0].at if steps else None
    return {
        "hit": hit,
        "title": f"{in_words(hit.type)} {hit.number}",
        "documents": _documents(actor, found),
        "steps": [
            {**vars(step), "after": since(first, step.at) if first else "", "tone": _tone(step)}
            for step in steps
        ],
    }


def _tone(step: Step) -> str:
    tone = step.status.tone if step.status else ""
    return tone if tone in ("danger", "warning") else ""


def _documents(actor: Actor, found: Trace) -> list[dict[str, Any]]:
    scope = found.scope
    return [
        *(
            _document(actor, "requisition", row.id, row.number or "not submitted")
            for row in scope.requisitions
        ),
        *(_document(actor, "purchase_order", row.id, _order_number(row)) for row in scope.orders),
    ]


def _order_number(order: Any) -> str:
    return f"{order.number} (ERP {order.erp_number})" if order.erp_number else str(order.number)


def _document(actor: Actor, type_: str, id_: int, number: str) -> dict[str, Any]:
    shown = {"label": in_words(type_), "value": number}
    url = url_of(actor, type_, id_)
    return {**shown, "url": url} if url else shown


def _steps(actor: Actor, found: Trace) -> Iterator[Step]:
    for requisition in found.scope.requisitions:
        url = url_of(actor, "requisition", requisition.id)
        yield Step(requisition.created_at, "Cart begun", "", requisition.requester.name, None, url)
    for event in found.events:
        if event.action not in TOLD_BY_ROWS:
            title = f"{in_words(event.action)} {event.subject}".strip()
            url = url_of(actor, event.subject_type, event.subject_id)
            yield Step(event.at, title, changes(event), by(event), None, url)
    messages = {message.id: message for message in found.messages}
    for message in found.messages:
        yield _message_step(actor, message)
    for attempt in found.attempts:
        yield _attempt_step(actor, messages[attempt.message_id], attempt)
    for item in found.items:
        yield from _item_steps(actor, item)


def _message_step(actor: Actor, message: Message) -> Step:
    is_out = message.direction == Direction.OUTBOUND
    title = f"{kind_of(message)} {message.number} {'to' if is_out else 'from'} {message.partner.name}"
    status = QUEUED if is_out else RECEIVED
    return Step(message.created_at, title, message.key, "", status, url_of(actor, "message", message.id))


def _attempt_step(actor: Actor, message: Message, attempt: Attempt) -> Step:
    name = "Sent to" if message.direction == Direction.OUTBOUND else "Applied from"
    title = f"{name} {message.partner.name}, try {attempt.number}"
    lasted = took(attempt)
    words = attempt.words if attempt.words not in attempt.detail else ""
    parts = (attempt.detail, words.strip(), f"Took {lasted}" if lasted else "")
    text = ". ".join(part for part in parts if part)
    status = OUTCOMES[attempt.outcome] if attempt.outcome else RUNNING
    at = attempt.finished_at or attempt.started_at
    return Step(at, title, text, "", status, url_of(actor, "message", message.id))


def _item_steps(actor: Actor, item: WorkItem) -> Iterator[Step]:
    url = url_of(actor, "work_item", item.id)
    label = ITEM_LABELS[item.kind]
    yield Step(item.opened_at, f"Work item: {label}", item.sentence, "", OPEN_ITEM, url)
    if item.resolved_at is not None:
        yield Step(item.resolved_at, f"Work item resolved: {label}", item.resolution, "", CLOSED_ITEM, url)
