"""Approvals as pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from portal.approvals.models import ApprovalStep
from portal.approvals.rules import StepState
from portal.budgets.models import Budget
from portal.budgets.presenters import LABELS as TERMS
from portal.budgets.presenters import TONES
from portal.budgets.rules import Balance, Term
from portal.catalog.presenters import par_in_words
from portal.catalog.rules import Shelf, pack
from portal.foundation.filters import day
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.presenters import Said, items_of
from portal.requisitions.rules import LineState

STATUSES = {
    StepState.OPEN: Status("Waiting", "info", "clock"),
    StepState.DECIDED: Status("Decided", "success", "checks"),
    StepState.WITHDRAWN: Status("Withdrawn", "neutral", "arrow-back-up"),
}
ANSWERS = {
    LineState.OPEN: Status("Waiting", "info", "clock"),
    LineState.APPROVED: Status("Approved", "success", "check"),
    LineState.REJECTED: Status("Rejected", "danger", "x"),
}


@dataclass(frozen=True)
class StepRow:
    """A step in the inbox."""

    id: int
    number: str
    items: str
    requester: str
    location: str
    cost_center: str
    amount: Decimal
    currency: str
    opened_at: datetime
    decided_at: datetime | None
    need_by: date | None
    left: Decimal | None
    status: Status
    tone: str


def row(step: ApprovalStep, balance: Balance | None) -> StepRow:
    """The step with what its budget has left; what it asks for is held already."""
    requisition = step.requisition
    left = balance.available if balance else None
    lines = [line for line in requisition.lines if line.cost_center_id == step.cost_center_id]
    return StepRow(
        id=step.id,
        number=requisition.number or "",
        items=items_of(lines),
        requester=requisition.requester.name,
        location=requisition.location.name,
        cost_center=f"{step.cost_center.code} {step.cost_center.name}",
        amount=step.amount,
        currency=requisition.currency,
        opened_at=step.opened_at,
        decided_at=step.decided_at,
        need_by=requisition.need_by,
        left=left,
        status=STATUSES[step.state],
        tone="danger" if left is not None and left < 0 else "",
    )


def answered(requisition: Requisition) -> str:
    """What the decision came to."""
    states = [line.state for line in requisition.lines]
    no = states.count(LineState.REJECTED)
    if not no:
        return f"{requisition.number} is approved. It is with the buyer now."
    return f"{requisition.number} is decided: {len(states) - no} of {len(states)} lines approved."


@dataclass(frozen=True)
class LineRow:
    """A line to decide on."""

    id: int
    item_id: int
    item: str
    code: str
    supplier: str
    quantity: Decimal
    uom: str
    pack: str
    price: Decimal
    amount: Decimal
    contract: str
    on_hand: str
    on_order: str
    warnings: list[str]
    answer: Status
    reason: str
    tone: str


def line_rows(
    lines: Sequence[RequisitionLine], shelves: Mapping[int, Shelf], said: Sequence[Said]
) -> list[LineRow]:
    """The lines of a step with what stands on the shelf and what the checks warned of at submit."""
    return [
        _line_row(line, shelves[line.item_id], [one.sentence for one in said if one.line_id == line.id])
        for line in lines
    ]


def _line_row(line: RequisitionLine, shelf: Shelf, warnings: list[str]) -> LineRow:
    base = line.item.base_uom
    par = f", {par_in_words(shelf)}" if par_in_words(shelf) else ""
    expected = f", expected {day(shelf.expected_on)}" if shelf.expected_on else ""
    if shelf.minimum is not None and shelf.on_hand >= shelf.minimum:
        warnings = [*warnings, "Enough is on hand: it is not below par."]
    contract = line.contract_line
    return LineRow(
        id=line.id,
        item_id=line.item_id,
        item=line.item.name,
        code=line.item.code,
        supplier=line.offer.supplier.name,
        quantity=line.quantity,
        uom=line.uom,
        pack=pack(line.uom, line.offer.factor, base),
        price=line.unit_price,
        amount=line.amount,
        contract=f"Contract {contract.contract.number}" if contract else "List price",
        on_hand=f"{plain(shelf.on_hand)} {base}{par}",
        on_order=f"{plain(shelf.on_order)} {base}{expected}" if shelf.on_order else "",
        warnings=warnings,
        answer=ANSWERS[line.state],
        reason=line.decision_reason,
        tone="warning" if warnings and line.state is LineState.OPEN else "",
    )


def budget(found: Budget, balance: Balance, amount: Decimal) -> dict[str, Any]:
    """The budget with this request as a part of its own, taken out of what is requested."""
    parts = [
        {"label": TERMS[Term.INVOICED], "value": balance.invoiced, "tone": TONES[Term.INVOICED]},
        {"label": TERMS[Term.ORDERED], "value": balance.ordered, "tone": TONES[Term.ORDERED]},
        {"label": "Other requests", "value": balance.requested - amount, "tone": TONES[Term.REQUESTED]},
        {"label": "This request", "value": amount, "tone": "accent"},
    ]
    return {
        "id": found.id,
        "label": f"{found.cost_center.code} {found.cost_center.name}",
        "amount": balance.budget,
        "parts": parts,
        "available": balance.available,
        "if_rejected": balance.available + amount,
        "currency": found.currency,
    }
