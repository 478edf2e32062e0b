"""What was decided and changed about a requisition, in words, and as a file."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from portal.approvals.models import ApprovalDecision
from portal.approvals.rules import Act
from portal.foundation.filters import day
from portal.foundation.quantity import plain
from portal.foundation.spreadsheets import as_csv

ACTS = {
    Act.APPROVE: ("Approved", "success", "check"),
    Act.REDUCE: ("Approved fewer", "warning", "arrow-down"),
    Act.REJECT: ("Rejected", "danger", "x"),
    Act.HOLD: ("Held", "warning", "player-pause"),
    Act.ASK: ("Asked", "info", "help"),
    Act.ANSWER: ("Answered", "info", "message"),
    Act.FORWARD: ("Forwarded", "info", "arrow-forward-up"),
    Act.ADD: ("Approver added", "info", "user-plus"),
    Act.REOPEN: ("Changed, asked again", "warning", "pencil"),
    Act.ESCALATE: ("Escalated", "warning", "alert-triangle"),
}


def decision_rows(decisions: Sequence[ApprovalDecision]) -> list[dict[str, Any]]:
    """What was decided, asked and changed, the newest first."""
    return [_told(one) for one in reversed(decisions)]


def _told(one: ApprovalDecision) -> dict[str, Any]:
    title, tone, icon = ACTS[one.act]
    by = one.account.name if one.account else "Portal"
    for_whom = f" for {one.on_behalf_of.name}" if one.on_behalf_of else ""
    return {
        "title": f"{title}: {one.item}" if one.item else title,
        "at": one.at,
        "actor": f"{by}{for_whom}",
        "text": _words(one),
        "icon": icon,
        "tone": tone,
    }


def _difference(one: ApprovalDecision) -> str:
    if one.act not in (Act.REDUCE, Act.REOPEN):
        to = one.evidence.get("to") or one.evidence.get("added")
        return f"To {to}." if to else ""
    parts = []
    if one.before is not None and one.after is not None and one.before != one.after:
        parts.append(f"{plain(one.before)} → {plain(one.after)}.")
    for name, (label, nothing) in DIFFERENCES.items():
        before, after = one.evidence.get(name, ["", ""])
        if name == "need_by":
            before, after = (day(date.fromisoformat(text)) if text else "" for text in (before, after))
        if before != after:
            parts.append(f"{label} {before or nothing} → {after or nothing}.")
    return " ".join(parts)


DIFFERENCES = {
    "need_by": ("Needed by", "no day"),
    "place": ("Delivered to", "no place"),
    "paid_by": ("Paid by", "nobody"),
    "accounts": ("GL account", "none"),
}


def changes(decisions: Sequence[ApprovalDecision]) -> dict[int, str]:
    """By line number what the requester changed last, and why: what an approver is asked again about."""
    return {
        one.line_number: _words(one)
        for one in decisions
        if one.act is Act.REOPEN and one.line_number is not None
    }


def _words(one: ApprovalDecision) -> str:
    return " ".join(filter(None, [_difference(one), one.reason]))


HEADER = (
    "at", "requisition", "step", "cost center", "line", "item", "decision", "quantity before",
    "quantity after", "reason", "decided by", "on behalf of", "via", "evidence",
)  # fmt: skip


def decisions_file(decisions: Sequence[ApprovalDecision]) -> bytes:
    """The decisions with their evidence as a CSV file."""
    return as_csv(
        HEADER,
        (
            (
                one.at, one.requisition.number, one.step.kind.value if one.step else "",
                one.step.cost_center.code if one.step else "", one.line_number, one.item, one.act.value,
                one.before, one.after, one.reason, one.account.name if one.account else "Portal",
                one.on_behalf_of.name if one.on_behalf_of else "", one.via,
                json.dumps(one.evidence, sort_keys=True),
            )
            for one in decisions
        ),
    )  # fmt: skip
