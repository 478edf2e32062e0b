"""Requisitions as pages show them: state, steps, lines, history."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from portal.catalog.rules import pack
from portal.foundation.audit import AuditEvent
from portal.foundation.filters import day
from portal.foundation.spreadsheets import as_csv
from portal.foundation.status import Status
from portal.requisitions.charging import in_words, shares_in_words
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import (
    LineState,
    OrderPart,
    Progress,
    RequisitionState,
    Stage,
    progress_of,
    reached,
)

WAITING = Status("Waiting for approval", "info", "clock")
WITHDRAWN = Status("Withdrawn", "neutral", "arrow-back-up")
REJECTED = Status("Rejected", "danger", "x")
CLOSED = Status("Closed", "neutral", "circle-off")
APPROVED = Status("Approved, to be ordered", "info", "check")
# The stage reached in full, and reached by a part, the farthest first.
LADDER: tuple[tuple[Stage, Status, Status], ...] = (
    (
        Stage.RECEIVED,
        Status("Received", "success", "package-import"),
        Status("Partly received", "info", "package-import"),
    ),
    (
        Stage.SHIPPED,
        Status("Shipped", "info", "truck-delivery"),
        Status("Partly shipped", "info", "truck-delivery"),
    ),
    (Stage.CONFIRMED, Status("Confirmed", "info", "checks"), Status("Partly confirmed", "info", "checks")),
    (Stage.ORDERED, Status("Ordered", "info", "send"), Status("Partly ordered", "info", "send")),
)
FINAL = (WITHDRAWN, REJECTED, CLOSED, LADDER[0][1])
"""Nothing more is going to happen."""


@dataclass(frozen=True)
class Followed:
    """A line with the orders that carry it."""

    line: RequisitionLine
    parts: list[OrderPart]
    progress: Progress

    @property
    def troubles(self) -> list[str]:
        """What keeps it from coming as asked."""
        stopped = [f"{part.order} has not reached the supplier yet" for part in self.parts if part.is_stopped]
        return [*dict.fromkeys(stopped + [one for part in self.parts for one in part.troubles])]


def follow(requisition: Requisition, parts: Sequence[OrderPart]) -> list[Followed]:
    """The lines of a requisition with what orders tell of them."""
    return [
        Followed(line, carried, _progress(line, carried))
        for line in requisition.lines
        for carried in [[part for part in parts if part.line_id == line.id]]
    ]


def _progress(line: RequisitionLine, parts: Sequence[OrderPart]) -> Progress:
    return progress_of(
        requested=line.quantity, closed=line.closed_quantity, ordered=line.ordered_quantity, parts=parts
    )


def status_of(requisition: Requisition, followed: Sequence[Followed]) -> Status:
    """The state of a requisition, derived from what became of its lines."""
    if requisition.state is RequisitionState.SUBMITTED:
        return WAITING
    if requisition.state is RequisitionState.CANCELLED:
        return WITHDRAWN
    if all(one.line.state is LineState.REJECTED for one in followed):
        return REJECTED
    return on_ladder([one.progress for one in followed])


def line_status(requisition: Requisition, followed: Followed) -> Status:
    """The state of one line."""
    if requisition.state is RequisitionState.CANCELLED:
        return WITHDRAWN
    if followed.line.state is not LineState.APPROVED:
        return WAITING if followed.line.state is LineState.OPEN else REJECTED
    return on_ladder([followed.progress])


def on_ladder(progress: Sequence[Progress]) -> Status:
    """How far lines have come together: the farthest stage all, else some, have reached."""
    live = [one for one in progress if one.wanted > 0]
    if not live:
        return CLOSED
    for stage, in_full, in_part in LADDER:
        if all(reached(stage, one) >= one.wanted for one in live):
            return in_full
        if any(reached(stage, one) > 0 for one in live):
            return in_part
    return APPROVED


# The list


@dataclass(frozen=True)
class RequisitionRow:
    """A requisition in the list."""

    id: int
    number: str
    items: str
    location: str
    requester: str
    total: Decimal
    currency: str
    submitted_at: datetime | None
    need_by: date | None
    status: Status
    troubles: int
    tone: str


def rows(found: Sequence[Requisition], parts: Sequence[OrderPart]) -> list[RequisitionRow]:
    """The requisitions with the state their orders give them."""
    by_requisition = _by_requisition(parts)
    return [_row(requisition, by_requisition[requisition.id]) for requisition in found]


def _by_requisition(parts: Sequence[OrderPart]) -> dict[int, list[OrderPart]]:
    found: dict[int, list[OrderPart]] = defaultdict(list)
    for part in parts:
        found[part.requisition_id].append(part)
    return found


def _row(requisition: Requisition, parts: Sequence[OrderPart]) -> RequisitionRow:
    followed = follow(requisition, parts)
    troubled = sum(1 for one in followed if one.troubles)
    return RequisitionRow(
        id=requisition.id,
        number=requisition.number or "",
        items=items_of(requisition.lines),
        location=requisition.location.name,
        requester=requisition.requester.name,
        total=requisition.total,
        currency=requisition.currency,
        submitted_at=requisition.submitted_at,
        need_by=requisition.need_by,
        status=status_of(requisition, followed),
        troubles=troubled,
        tone="warning" if troubled else "",
    )


def items_of(lines: Sequence[RequisitionLine]) -> str:
    """Exam gloves and 3 more"""
    if not lines:
        return ""
    more = len(lines) - 1
    return lines[0].item.name + (f" and {more} more" if more else "")


HEADER = (
    "requisition", "requested by", "for", "submitted", "needed by", "state", "line", "item number", "item",
    "quantity", "unit", "price", "amount", "currency", "line state", "reason", "orders", "closed", "shipped",
    "received",
)  # fmt: skip


def file(found: Sequence[Requisition], parts: Sequence[OrderPart]) -> bytes:
    """The requisitions as a CSV file, a row for each line."""
    by_requisition = _by_requisition(parts)
    return as_csv(
        HEADER,
        (cells for one in found for cells in _file_lines(one, follow(one, by_requisition[one.id]))),
    )


def _file_lines(requisition: Requisition, followed: Sequence[Followed]) -> Iterator[Sequence[object]]:
    state = status_of(requisition, followed).label
    for one in followed:
        line, progress = one.line, one.progress
        yield (
            requisition.number, requisition.requester.name, requisition.location.name,
            requisition.submitted_at, requisition.need_by, state, line.line_number, line.item.code,
            line.item.name, line.quantity, line.uom, line.unit_price, line.amount, requisition.currency,
            line_status(requisition, one).label, line.decision_reason,
            ", ".join(dict.fromkeys(part.order for part in one.parts)), progress.closed, progress.shipped,
            progress.received,
        )  # fmt: skip


# The lines


@dataclass(frozen=True)
class LineRow:
    """A line with its state, its orders and what may be done."""

    id: int
    number: int
    item_id: int
    item: str
    code: str
    supplier: str
    quantity: Decimal
    uom: str
    pack: str
    price: Decimal
    contract: str
    amount: Decimal
    status: Status
    reason: str
    troubles: list[str]
    parts: list[OrderPart]
    closed: Decimal
    may_close: bool
    tone: str


def line_rows(requisition: Requisition, followed: Sequence[Followed], *, may_close: bool) -> list[LineRow]:
    """The lines, those that need attention first."""
    rows = [_line_row(requisition, one, may_close=may_close) for one in followed]
    return sorted(rows, key=lambda one: (not one.tone, one.number))


def _line_row(requisition: Requisition, followed: Followed, *, may_close: bool) -> LineRow:
    line = followed.line
    is_rejected = line.state is LineState.REJECTED
    is_open = line.state is LineState.APPROVED and followed.progress.open > 0
    contract = line.contract_line.contract.number if line.contract_line else ""
    return LineRow(
        id=line.id,
        number=line.line_number,
        item_id=line.item_id,
        item=line.item.name,
        code=line.item.code,
        supplier=line.offer.supplier.name,
        quantity=line.quantity,
        uom=line.uom,
        pack=pack(line.uom, line.offer.factor, line.item.base_uom),
        price=line.unit_price,
        contract=f"Contract {contract}" if contract else "List price",
        amount=line.amount,
        status=line_status(requisition, followed),
        reason=line.decision_reason,
        troubles=followed.troubles,
        parts=followed.parts,
        closed=Decimal()
        if is_rejected or requisition.state is RequisitionState.CANCELLED
        else line.closed_quantity,
        may_close=may_close and is_open,
        tone="danger" if is_rejected else "warning" if followed.troubles else "",
    )


def aside(line: RequisitionLine, currency: str) -> str:
    """What differs from the usual for a line: its day, its ship-to, who pays, and why so many."""
    usual_id, center = line.requisition.location.cost_center_id, line.cost_center
    is_usual = center is None or center.id == usual_id
    shares = ", ".join(shares_in_words(line, currency))
    words = (
        f"needed by {day(line.need_by)}" if line.need_by else "",
        f"delivered to {line.location.name}" if line.location else "",
        f"shared by {shares}" if shares else "" if is_usual else f"charged to {in_words(center)}",
        line.quantity_reason,
    )
    return " · ".join(filter(None, words))


# The history

TITLES = {
    "requisition.submit": ("Submitted", "send", "info"),
    "requisition.withdraw": ("Withdrawn", "arrow-back-up", "neutral"),
    "requisition.close_line": ("Line closed", "circle-off", "neutral"),
    "requisition.change_line": ("Line changed", "pencil", "warning"),
    "approval.decide": ("Decided", "checks", "success"),
    "approval.ask": ("Asked", "help", "info"),
    "approval.answer": ("Answered", "message", "info"),
    "approval.forward": ("Forwarded", "arrow-forward-up", "info"),
    "approval.add": ("Approver added", "user-plus", "info"),
    "approval.watch": ("Watcher added", "eye", "neutral"),
}


def history(
    events: Sequence[AuditEvent], parts: Sequence[OrderPart], *, may_follow: bool
) -> list[dict[str, Any]]:
    """What happened, newest first: the audit trail of the requisition, and when orders were placed."""
    # That all lines are decided stands in the last approval's own event.
    shown = [_event(event) for event in events if event.action != "requisition.decide"]
    orders = {part.order_id: part for part in parts} if may_follow else {}
    shown += [
        {
            "title": f"Ordered as {part.order} from {part.supplier}",
            "at": part.ordered_at,
            "icon": "truck-delivery",
            "tone": "info",
        }
        for part in orders.values()
    ]
    return sorted(shown, key=lambda one: one["at"], reverse=True)


TOLD = {
    "approval.ask": "question", "approval.answer": "answer", "approval.forward": "to",
    "approval.add": "added", "approval.watch": "watcher",
}  # fmt: skip


CHANGES = {
    "quantity": "Quantity", "need_by": "Needed by", "amount": "Amount", "place": "Delivered to",
    "paid_by": "Paid by", "accounts": "GL account",
}  # fmt: skip


def _change(event: AuditEvent) -> str:
    before, after, evidence = event.before or {}, event.after or {}, event.evidence or {}
    said = [
        f"{label} {before.get(name) or 'none'} → {after.get(name) or 'none'}."
        for name, label in CHANGES.items()
        if before.get(name) != after.get(name)
    ]
    return " ".join([*said, str(evidence.get("reason", ""))])


def _event(event: AuditEvent) -> dict[str, Any]:
    title, icon, tone = TITLES.get(event.action, (event.action, "point", "neutral"))
    after, evidence = event.after or {}, event.evidence or {}
    text = ""
    if event.action == "approval.decide":
        answers = list(after.get("lines", {}).values())
        yes, no = answers.count("approved"), answers.count("rejected")
        title = f"{yes} line{'s' if yes != 1 else ''} approved, {no} rejected" if no else "Approved"
        tone = "success" if not no else "warning" if yes else "danger"
        text = str(evidence.get("comment", ""))
    elif event.action == "requisition.close_line":
        title, text = f"Line {after.get('line', '')} closed", str(after.get("reason", ""))
    elif event.action == "requisition.change_line":
        title, text = f"Line {after.get('line', '')} changed", _change(event)
    elif event.action in TOLD:
        text = str(after.get(TOLD[event.action], ""))
    return {"title": title, "at": event.at, "actor": event.actor, "text": text, "icon": icon, "tone": tone}
