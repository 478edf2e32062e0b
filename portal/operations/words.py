"""States, durations, changes and links, in the words of the operations pages."""

import re
from datetime import datetime, timedelta
from typing import Any

from flask import current_app, url_for

from portal.exchange.models import Attempt
from portal.exchange.rules import Direction, MessageState, Outcome
from portal.foundation.access import Actor, Permission
from portal.foundation.audit import AuditEvent
from portal.foundation.status import Status

STATES: dict[MessageState, Status] = {
    MessageState.WAITING: Status("Waiting", "neutral", "clock"),
    MessageState.WORKING: Status("Working", "info", "loader-2"),
    MessageState.DONE: Status("Done", "success", "circle-check"),
    MessageState.NEEDS_ATTENTION: Status("Needs attention", "danger", "alert-triangle"),
    MessageState.WITHDRAWN: Status("Withdrawn", "neutral", "ban"),
}
DIRECTIONS: dict[Direction, Status] = {
    Direction.OUTBOUND: Status("Out", "neutral", "arrow-up-right"),
    Direction.INBOUND: Status("In", "neutral", "arrow-down-left"),
}
OUTCOMES: dict[Outcome, Status] = {
    Outcome.DONE: Status("Done", "success", "circle-check"),
    Outcome.RETRYABLE: Status("Not ready, nothing done", "warning", "refresh"),
    Outcome.AMBIGUOUS: Status("Unclear, asked first next time", "warning", "help-circle"),
    Outcome.REJECTED: Status("Refused", "danger", "circle-x"),
    Outcome.MISCONFIGURED: Status("Set-up is wrong", "danger", "settings-exclamation"),
    Outcome.UNREADABLE: Status("Cannot be read", "danger", "file-x"),
    Outcome.INTERRUPTED: Status("Interrupted", "warning", "plug-off"),
}
RUNNING = Status("Running", "info", "loader-2")
OVERTAKEN = Status("Overtaken by another try", "neutral", "player-skip-forward")
PAGES = {
    "requisition": ("requisitions.show", "requisition_id"),
    "purchase_order": ("orders.show", "order_id"),
    "receipt": ("receiving.show", "receipt_id"),
    "supplier_return": ("receiving.show_return", "return_id"),
    "invoice": ("invoices.show", "invoice_id"),
    "sync_run": ("masterdata.sync_run", "run_id"),
    "message": ("operations.message", "message_id"),
    "work_item": ("operations.work_item", "item_id"),
    "usage": ("clinical.use", "usage_id"),
    "recall": ("clinical.recall", "recall_id"),
    "location": ("inventory.counts", "location"),
    "count_sheet": ("inventory.count", "sheet_id"),
    "stock": ("inventory.lot", "stock_id"),
    "par_level": ("replenishment.level", "par_id"),
}
FOLLOWERS = (Permission.REQUEST, Permission.APPROVE, Permission.VIEW_ORDERS)
NAME = re.compile(r"[a-z]+(_[a-z]+)+")
LONGEST_VALUE = 120
UNITS = (
    (86_400, "d", 3600, "h"),
    (3600, "h", 60, "min"),
    (60, "min", 1, "s"),
)


def url_of(actor: Actor, subject_type: str, subject_id: int | None) -> str | None:
    """The page of a row, if it has one that the person may open."""
    endpoint, name = PAGES.get(subject_type, ("", ""))
    access = getattr(current_app.view_functions.get(endpoint), "access", None)
    # A requisition decides for itself who may see it: one of these is needed in any case.
    needed = (access,) if isinstance(access, Permission) else FOLLOWERS if access == "signed_in" else ()
    is_open = any(actor.can(permission) for permission in needed)
    if subject_id is None or not is_open:
        return None
    values: dict[str, Any] = {name: subject_id}
    return url_for(endpoint, **values)


def duration(seconds: float) -> str:
    """850 ms, 12 s, 3 min 5 s, 2 h 10 min, 4 d 3 h"""
    if seconds < 10:
        return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
    whole = int(seconds)
    for size, unit, part, part_unit in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit} {rest} {part_unit}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def took(attempt: Attempt) -> str:
    """How long an attempt lasted, in words."""
    if attempt.finished_at is None:
        return ""
    return duration((attempt.finished_at - attempt.started_at).total_seconds())


def since(first: datetime, at: datetime) -> str:
    """+3 min 5 s after the first event."""
    passed = max(at - first, timedelta()).total_seconds()
    return f"+{duration(passed)}" if passed else "start"


def by(event: AuditEvent) -> str:
    """Who did it; the portal with its reason."""
    return f"{event.actor} ({event.reason})" if event.reason else event.actor


def changes(event: AuditEvent) -> str:
    """state: waiting → done; reference: 4500000001"""
    before, after = event.before or {}, event.after or {}
    parts = []
    for name in (*after, *(name for name in before if name not in after)):
        old, new = before.get(name), after.get(name)
        shown = f"{_short(old)} → {_short(new)}" if name in before and old != new else _short(new)
        parts.append(f"{name.replace('_', ' ')}: {shown}")
    return "; ".join(parts)


def _short(value: Any) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{name} {_short(part)}" for name, part in value.items())
    elif isinstance(value, list):
        value = ", ".join(map(_short, value))
    text = "–" if value in (None, "") else str(value)
    text = text.replace("_", " ") if NAME.fullmatch(text) else text
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def listed(values: dict[str, Any]) -> str:
    """form: 12; lines: 3"""
    return "; ".join(f"{name.replace('_', ' ')}: {_short(value)}" for name, value in values.items())
