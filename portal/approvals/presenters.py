"""Approvals as pages show them."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from portal.approvals import opening, people, queries
from portal.approvals.business_hours import Attention, Patience, attention
from portal.approvals.models import ApprovalAnswer, ApprovalStep
from portal.approvals.rules import LIVE, UNANSWERED, AnswerState, Plan, StepKind, StepState
from portal.budgets.models import Budget
from portal.budgets.presenters import LABELS as TERMS
from portal.budgets.presenters import TONES
from portal.budgets.rules import Balance, Term
from portal.catalog.presenters import par_in_words
from portal.catalog.rules import Shelf, pack
from portal.foundation import clock
from portal.foundation.filters import day, money
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.presenters import aside, items_of
from portal.requisitions.rules import LineState
from portal.requisitions.said import Said

STATUSES = {
    StepState.OPEN: Status("Waiting", "info", "clock"),
    StepState.WAITING: Status("Others first", "neutral", "hourglass"),
    StepState.DECIDED: Status("Decided", "success", "checks"),
    StepState.SKIPPED: Status("Not needed", "neutral", "circle-off"),
    StepState.WITHDRAWN: Status("Withdrawn", "neutral", "arrow-back-up"),
}
ANSWERS = {
    AnswerState.OPEN: Status("Waiting", "info", "clock"),
    AnswerState.HELD: Status("On hold", "warning", "player-pause"),
    AnswerState.APPROVED: Status("Approved", "success", "check"),
    AnswerState.REJECTED: Status("Rejected", "danger", "x"),
    AnswerState.MOOT: Status("Not needed", "neutral", "circle-off"),
}
KINDS = {
    StepKind.OWNER: "Cost center",
    StepKind.HIGHER: "Higher limit",
    StepKind.OFF_CONTRACT: "Buyer, off contract",
    StepKind.CATEGORY: "Buyer, category",
    StepKind.OVERRIDE: "Budget override",
    StepKind.ADDED: "Added approver",
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
    kind: str
    stock: str
    waited: str
    is_late: bool
    left_after_no: Decimal | None
    tone: str


def row(
    step: ApprovalStep, balance: Balance | None, on_hand: Container[tuple[int, int]], patience: Patience
) -> StepRow:
    """The step with what its budget has left; what it asks for is held already.

    `on_hand` holds the (location, item) that have stock.
    """
    requisition = step.requisition
    left = balance.available if balance else None
    asked = {one.line_id for one in step.answers}
    lines = [line for line in requisition.lines if line.id in asked]
    waited = patience.waited(step.opened_at, clock.now(), queries.facility_of(step))
    due = attention(waited, patience, is_rush=requisition.is_rush)
    return StepRow(
        id=step.id,
        number=requisition.number or "",
        items=items_of(lines),
        requester=requisition.requester.name,
        location=requisition.location.name,
        cost_center=f"{step.cost_center.code} {step.cost_center.name}",
        amount=open_amount(step) if step.state in LIVE else step.amount,
        currency=requisition.currency,
        opened_at=step.opened_at,
        decided_at=step.decided_at,
        need_by=requisition.need_by,
        left=left,
        status=STATUSES[step.state],
        kind="" if step.kind is StepKind.OWNER else KINDS[step.kind],
        stock=_stock(requisition, lines, on_hand),
        waited=_waited(waited),
        is_late=due is not Attention.NONE and step.state is StepState.OPEN,
        left_after_no=left + open_amount(step) if left is not None and step.state in LIVE else None,
        tone="danger" if left is not None and left < 0 else "",
    )


def open_amount(step: ApprovalStep) -> Decimal:
    """The money a no to all that lacks an answer gives back."""
    return sum((one.amount for one in step.answers if one.state in UNANSWERED), Decimal())


def _stock(
    requisition: Requisition, lines: Sequence[RequisitionLine], on_hand: Container[tuple[int, int]]
) -> str:
    place_id = requisition.location_id
    there = sum(1 for line in lines if (line.location_id or place_id, line.item_id) in on_hand)
    return f"{there} of {len(lines)} on hand there"


def _waited(waited: timedelta) -> str:
    hours = int(waited.total_seconds() // 3600)
    return f"{hours} business hour{'s' if hours != 1 else ''}" if hours else ""


def answered(requisition: Requisition) -> str:
    """What the decision came to."""
    states = [line.state for line in requisition.lines]
    if LineState.OPEN in states:
        return f"Your answer to {requisition.number} is kept. It waits for what is still to be decided."
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
    is_undecided: bool
    tone: str
    aside: str


def line_rows(
    lines: Sequence[RequisitionLine],
    step: ApprovalStep,
    currency: str,
    shelves: Mapping[int, Shelf],
    said: Sequence[Said],
) -> list[LineRow]:
    """The lines of a step with what stands on the shelf and what the checks warned of at submit."""
    answers = {one.line_id: one for one in step.answers}
    return [
        _line_row(
            line,
            answers[line.id],
            shelves[line.id],
            [one.sentence for one in said if one.line_id == line.id],
            aside(line, currency),
        )
        for line in lines
    ]


def _line_row(
    line: RequisitionLine, answer: ApprovalAnswer, shelf: Shelf, warnings: list[str], beside: str
) -> LineRow:
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
        answer=ANSWERS[answer.state],
        reason=answer.reason or (line.decision_reason if line.state is LineState.REJECTED else ""),
        is_undecided=answer.state in UNANSWERED,
        tone="warning" if warnings and answer.state in UNANSWERED else "",
        aside=beside,
    )


def budget(found: Budget, balance: Balance, step: ApprovalStep) -> dict[str, Any]:
    """The budget with what waits for the step as a part of its own, taken out of what is requested."""
    amount = open_amount(step)
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


# Who decides, in order


def people_line(requisition: Requisition, steps: Sequence[ApprovalStep]) -> list[dict[str, Any]]:
    """The steps as a line of people: done, now, and who comes after."""
    shown: list[dict[str, Any]] = [{"label": requisition.requester.name, "state": "done", "note": "Asked"}]
    for step in steps:
        if step.state is StepState.WITHDRAWN or (
            step.state is StepState.SKIPPED and step.kind is not StepKind.HIGHER
        ):
            continue
        shown.append(
            person_step(
                names=_who(step, requisition),
                kind=step.kind,
                state=LOOKS[step.state],
                note=STATUSES[step.state].label,
                why=step.why,
                center=step.cost_center.name,
            )
        )
    return shown


LOOKS = {
    StepState.WAITING: "pending",
    StepState.OPEN: "current",
    StepState.DECIDED: "done",
    StepState.SKIPPED: "done",
    StepState.WITHDRAWN: "pending",
}


def _who(step: ApprovalStep, requisition: Requisition) -> list[str]:
    if step.state is StepState.DECIDED and step.decided_by:
        for_whom = f" (for {step.on_behalf_of.name})" if step.on_behalf_of else ""
        return [f"{step.decided_by.name}{for_whom}"]
    if step.state not in LIVE:
        return []
    return list(people.deciders(people.asked(step, requisition)).values())


def person_step(
    *, names: Sequence[str], kind: StepKind, state: str, note: str, why: str, center: str
) -> dict[str, Any]:
    """One stop of the line, named by who may decide."""
    who = _either(names) or KINDS[kind]
    facts = [{"label": "Cost center", "value": center}]
    if len(names) > 1:
        facts.append({"label": "One of", "value": ", ".join(names[:8])})
    step = {"label": who, "state": state, "note": note, "facts": facts}
    return {**step, "text": f"{KINDS[kind]}. {why}".strip()}


def _either(names: Sequence[str]) -> str:
    others = len(names) - 1
    return f"{names[0]} or {others} others" if others > 1 else " or ".join(names)


TURNS = {1: "First", 2: "Then", 3: "Last"}


def expected(requisition: Requisition) -> list[dict[str, Any]]:
    """Who will decide a cart, in order, were it submitted as it is."""
    if not requisition.lines:
        return []
    return [_expected(requisition, plan) for plan in opening.planned(requisition).steps]


def _expected(requisition: Requisition, plan: Plan) -> dict[str, Any]:
    names = list(people.deciders(opening.asked_of(plan, requisition)).values())
    return person_step(
        names=names,
        kind=plan.kind,
        state="pending" if names else "problem",
        note=TURNS[plan.position] if names else "Nobody may: ask your administrator",
        why=plan.why,
        center=f"{money(plan.amount, requisition.currency)} of it",
    )
