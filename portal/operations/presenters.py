"""Rows of messages, partners, work items and audit events."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import url_for

from portal.exchange.models import Message, Partner, WorkItem
from portal.exchange.rules import MessageState
from portal.foundation.access import Actor, Permission
from portal.foundation.audit import AuditEvent
from portal.foundation.status import Status
from portal.operations.finding import Hit
from portal.operations.queries import Backlog
from portal.operations.rules import ITEM_LABELS, MESSAGE_KINDS, in_words
from portal.operations.services import Verification
from portal.operations.words import DIRECTIONS, STATES, by, changes, duration, url_of


@dataclass(frozen=True)
class MessageRow:
    """A message in a list."""

    id: int
    number: str
    kind: str
    partner: str
    direction: Status
    state: Status
    tone: str
    created_at: datetime
    attempts: int
    cause: str


def message_row(row: Any) -> MessageRow:
    """A row of `queries.messages`."""
    message: Message = row[0]
    return MessageRow(
        id=message.id,
        number=message.number or message.key,
        kind=MESSAGE_KINDS.get(row.kind, in_words(row.kind)),
        partner=message.partner.name,
        direction=DIRECTIONS[message.direction],
        state=STATES[message.state],
        tone="danger" if message.state == MessageState.NEEDS_ATTENTION else "",
        created_at=message.created_at,
        attempts=row.attempts,
        cause=message.cause,
    )


@dataclass(frozen=True)
class PartnerRow:
    """A partner with its state, reach and backlog."""

    id: int
    name: str
    kind: str
    address: str
    state: Status
    tone: str
    paused_at: datetime | None
    reach: Status
    checked_at: datetime | None
    check_detail: str
    latency: str
    median: str
    waiting: int
    oldest: datetime | None
    attention: int
    last_success: datetime | None
    late: int


PARTNER_KINDS = {"erp": "ERP", "network": "Network", "ehr": "Clinical system"}
NOT_CHECKED = Status("Not checked yet", "neutral", "help-circle")


def partner_row(partner: Partner, backlog: Backlog, check: AuditEvent | None) -> PartnerRow:
    """The partner in the list."""
    state = partner_state(partner, backlog)
    result = (check.after or {}) if check else {}
    milliseconds = result.get("milliseconds")
    return PartnerRow(
        id=partner.id,
        name=partner.name,
        kind=PARTNER_KINDS.get(partner.kind, partner.kind),
        address=partner.base_url,
        state=state,
        tone=state.tone if state.tone in ("danger", "warning") else "",
        paused_at=partner.paused_at,
        reach=_reach(result),
        checked_at=check.at if check else None,
        check_detail=str(result.get("detail", "")),
        latency=f"{milliseconds} ms" if result.get("reachable") else "–",
        median="–" if backlog.median_seconds is None else duration(float(backlog.median_seconds)),
        waiting=backlog.waiting,
        oldest=backlog.oldest,
        attention=backlog.attention,
        last_success=backlog.last_success,
        late=backlog.late,
    )


def partner_state(partner: Partner, backlog: Backlog) -> Status:
    """Paused, stopped, late or in order; the worst first."""
    if partner.paused_at is not None:
        return Status("Paused", "warning", "player-pause")
    if backlog.attention:
        return Status("Needs attention", "danger", "alert-triangle")
    if backlog.late:
        return Status("Late", "warning", "clock-exclamation")
    return Status("In order", "success", "circle-check")


def _reach(result: Mapping[str, Any]) -> Status:
    if not result:
        return NOT_CHECKED
    if not result.get("reachable"):
        return Status("Not reached", "danger", "plug-off")
    if not result.get("login_ok"):
        return Status("Login refused", "danger", "lock-x")
    return Status("Reached, login accepted", "success", "plug-connected")


@dataclass(frozen=True)
class ItemRow:
    """A work item in a list or on its page."""

    id: int
    label: str
    sentence: str
    suggestion: str
    subject: str
    subject_url: str | None
    message_id: int | None
    message_url: str | None
    owner: str
    is_mine: bool
    opened_at: datetime
    at_stake: Decimal | None
    cover_days: int | None
    resolved_at: datetime | None
    resolution: str


def item_row(actor: Actor, item: WorkItem, at_stake: Decimal | None, owner: str | None) -> ItemRow:
    """The item with the money at stake and its owner's name, as the person sees it."""
    return ItemRow(
        id=item.id,
        label=ITEM_LABELS[item.kind],
        sentence=item.sentence,
        suggestion=item.suggestion,
        subject=item.subject,
        subject_url=url_of(actor, item.subject_type, item.subject_id),
        message_id=item.message_id,
        message_url=url_of(actor, "message", item.message_id),
        owner=owner or "",
        is_mine=item.owner_id is not None and item.owner_id == actor.account_id,
        opened_at=item.opened_at,
        at_stake=at_stake,
        cover_days=item.cover_days,
        resolved_at=item.resolved_at,
        resolution=item.resolution,
    )


@dataclass(frozen=True)
class EventRow:
    """An audit event in the list."""

    at: datetime
    by: str
    action: str
    subject: str
    subject_url: str | None
    changes: str
    evidence: str
    trace_id: str


def event_row(actor: Actor, event: AuditEvent) -> EventRow:
    """The event as a row."""
    return EventRow(
        at=event.at,
        by=by(event),
        action=in_words(event.action),
        subject=f"{in_words(event.subject_type)} {event.subject or event.subject_id or ''}".strip(),
        subject_url=url_of(actor, event.subject_type, event.subject_id),
        changes=changes(event),
        evidence="; ".join(
            f"{name.replace('_', ' ')}: {value}" for name, value in (event.evidence or {}).items()
        ),
        trace_id=event.trace_id,
    )


@dataclass(frozen=True)
class HitRow:
    """A document found by a number."""

    label: str
    number: str
    note: str
    url: str | None
    trace_url: str | None


def hit_row(actor: Actor, hit: Hit) -> HitRow:
    """The document with the page it opens: its trace for whoever may trace, else its own."""
    may_trace = actor.can(Permission.OPERATE_EXCHANGE)
    traced = url_for("operations.trace_document", kind=hit.type, document_id=hit.id) if may_trace else None
    return HitRow(
        label=in_words(hit.type),
        number=hit.number,
        note=hit.note,
        url=traced or url_of(actor, hit.type, hit.id),
        trace_url=traced,
    )


def verified(result: Verification) -> str:
    """What recomputing the chain showed, in a sentence."""
    if result.broken:
        numbers = ", ".join(map(str, result.broken))
        return f"Seals {numbers} are broken: events were changed or removed after they were sealed."
    return f"All {result.seals} seals hold. {result.unsealed} newer events are not sealed yet."
