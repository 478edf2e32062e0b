"""The steps of a requisition: each says who has it, since when, what is pending and what comes next."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from portal.foundation.filters import day, moment
from portal.foundation.quantity import plain
from portal.requisitions.models import Requisition
from portal.requisitions.presenters import Followed
from portal.requisitions.rules import (
    ApprovalPart,
    LineState,
    Question,
    RequisitionState,
    Stage,
    reached,
)


def steps(
    requisition: Requisition, approvals: Sequence[ApprovalPart], followed: Sequence[Followed]
) -> list[dict[str, Any]]:
    """Where it is: each step says who has it, since when, what is pending and what happens next."""
    zone = requisition.location.facility.time_zone
    shown = [_requested(requisition, zone), _approved(requisition, approvals, followed, zone)]
    is_going_on = requisition.state in (RequisitionState.DECIDED, RequisitionState.SUBMITTED)
    live = [one for one in followed if one.line.state is LineState.APPROVED and one.progress.wanted > 0]
    live = live if is_going_on else []
    for stage in (Stage.ORDERED, Stage.CONFIRMED, Stage.SHIPPED, Stage.RECEIVED):
        is_next = shown[-1]["state"] == "done" and bool(live)
        shown.append(_later_step(stage, live, is_next=is_next, zone=zone))
    for step in shown:
        step["open"] = step["state"] in ("current", "problem")
    return shown


def _requested(requisition: Requisition, zone: str) -> dict[str, Any]:
    count = len(requisition.lines)
    assert requisition.submitted_at is not None, "only what is submitted is shown"
    return {
        "label": "Requested",
        "state": "done",
        "note": day(requisition.submitted_at.astimezone(ZoneInfo(zone)).date()),
        "text": f"{requisition.requester.name} asked for {count} line{'s' if count != 1 else ''}.",
        "facts": [
            {"label": "Submitted", "value": moment(requisition.submitted_at, zone)},
            {"label": "Needed by", "value": day(requisition.need_by) or "as soon as possible"},
        ],
    }


def _approved(
    requisition: Requisition,
    approvals: Sequence[ApprovalPart],
    followed: Sequence[Followed],
    zone: str,
) -> dict[str, Any]:
    step: dict[str, Any] = {"label": "Approved", "state": "current", "note": "Waiting", "facts": []}
    for one in approvals:
        step["facts"] += _approval_facts(one, zone)
    if requisition.state is RequisitionState.CANCELLED:
        return {**step, "state": "problem", "note": "Withdrawn", "text": "Withdrawn before it was decided."}
    if requisition.state is RequisitionState.SUBMITTED:
        return {**step, "text": "Approved lines go to a buyer at once."}
    said_yes = sum(1 for one in followed if one.line.state is LineState.APPROVED)
    note = f"{said_yes} of {len(followed)} lines" if said_yes < len(followed) else "All lines"
    if not said_yes:
        return {**step, "state": "problem", "note": "Rejected", "text": "The reasons stand at the lines."}
    return {**step, "state": "done", "note": note, "text": "Approved lines go to a buyer."}


def _approval_facts(part: ApprovalPart, zone: str) -> list[dict[str, str]]:
    if not part.is_open:
        when = f", {moment(part.decided_at, zone)}" if part.decided_at else ""
        facts = [{"label": part.cost_center, "value": f"{part.decided_by or 'Nobody'}{when}"}]
        return [*facts, {"label": "Comment", "value": part.comment}] if part.comment else facts
    since = moment(part.opened_at, zone) if part.opened_at else "after the others"
    return [
        {"label": f"Waits for, {part.cost_center}", "value": _names(part.waits_for)},
        {"label": "Since", "value": since},
        *({"label": "Why", "value": one} for one in [part.why] if one),
        *({"label": "On hold", "value": reason} for reason in part.held),
        *({"label": f"{one.asked_by} asked", "value": _talk(one)} for one in part.questions),
    ]


def _talk(question: Question) -> str:
    return f"{question.text} {f'Answer: {question.answer}' if question.answer else 'No answer yet.'}"


def _names(names: Sequence[str]) -> str:
    if len(names) > 3:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return " or ".join(names) or "nobody; ask your administrator to name an approver"


TEXTS = {
    Stage.ORDERED: ("Ordered", "A buyer turns approved lines into purchase orders."),
    Stage.CONFIRMED: ("Confirmed", "The supplier says what it will deliver, and when."),
    Stage.SHIPPED: ("Shipped", "The supplier sends it to your dock."),
    Stage.RECEIVED: ("Received", "It is received when it arrives."),
}


def _later_step(stage: Stage, live: Sequence[Followed], *, is_next: bool, zone: str) -> dict[str, Any]:
    label, text = TEXTS[stage]
    done = [one for one in live if reached(stage, one.progress) >= one.progress.wanted]
    begun = [one for one in live if reached(stage, one.progress) > 0]
    state = "done" if live and len(done) == len(live) else "current" if is_next or begun else "pending"
    troubles = [one for one in live if one.troubles] if stage is not Stage.ORDERED else []
    step = {
        "label": label,
        "state": state,
        "note": _note(stage, live, done, begun),
        "text": text,
        "facts": _facts(stage, live, zone) if state != "pending" else [],
    }
    if state == "current" and is_next and troubles:
        step["state"] = "problem"
        step["text"] = (
            " ".join(f"{one.line.item.name}: {', '.join(one.troubles)}." for one in troubles)
            + " A buyer is on it."
        )
    return step


def _note(stage: Stage, live: Sequence[Followed], done: Sequence[Followed], begun: Sequence[Followed]) -> str:
    if not begun:
        return ""
    if len(live) == 1:
        progress, uom = live[0].progress, live[0].line.uom
        return f"{plain(reached(stage, progress))} of {plain(progress.wanted)} {uom}"
    return f"{len(done)} of {len(live)} lines"


def _facts(stage: Stage, live: Sequence[Followed], zone: str) -> list[dict[str, str]]:
    parts = {part.order_id: part for one in live for part in one.parts}
    if stage is Stage.ORDERED:
        return [
            {"label": part.order, "value": f"{part.supplier}, {moment(part.ordered_at, zone)}"}
            for part in parts.values()
        ]
    coming = [part for part in parts.values() if part.received < part.wanted]
    expected = sorted({part.expected_on for part in coming if part.expected_on})
    if stage is Stage.RECEIVED or not expected:
        return []
    return [{"label": "Expected", "value": " and ".join(day(one) for one in expected[:3])}]
