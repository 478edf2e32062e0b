"""Takes decisions over the lines of a step: yes, fewer, no, later; by oneself or for somebody absent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm.attributes import flag_modified

from portal.approvals import opening, people, queries
from portal.approvals.models import ApprovalAnswer, ApprovalDecision, ApprovalStep
from portal.approvals.rules import UNANSWERED, Act, AnswerState, StepKind, StepState, may_decide
from portal.catalog.rules import Shelf
from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.foundation.hooks import Hook
from portal.foundation.quantity import is_multiple, plain
from portal.foundation.trace import follow_trace
from portal.requisitions import changing, fewer
from portal.requisitions import queries as requisitions
from portal.requisitions import services as requisition_services
from portal.requisitions.around import shelves_of
from portal.requisitions.charging import paid_by
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import LineState

settled: Hook[[Requisition]] = Hook()
"""All lines have their answer; whoever asked is told."""
refused: Hook[[Requisition, Sequence[int]]] = Hook()
"""Lines (by number) were rejected or cut, and others still decide; whoever asked is told at once."""


@dataclass(frozen=True)
class Decision:
    """Yes, no or later to a line; no, later and a smaller quantity need a reason."""

    approved: bool
    reason: str = ""
    quantity: Decimal | None = None
    held: bool = False

    @property
    def act(self) -> Act:
        """What it does."""
        if self.held:
            return Act.HOLD
        if not self.approved:
            return Act.REJECT
        return Act.APPROVE if self.quantity is None else Act.REDUCE


@dataclass(frozen=True)
class Turn:
    """A step being decided: by whom, with whose right, and over which lines."""

    actor: Actor
    right: Actor
    step: ApprovalStep
    requisition: Requisition
    via: str = "page"

    @property
    def on_behalf_of_id(self) -> int | None:
        """The absent person, when it is not the own right."""
        return self.right.account_id if self.right is not self.actor else None

    @property
    def lines(self) -> list[RequisitionLine]:
        """The lines that still lack an answer of this step."""
        asked = {one.line_id for one in self.step.answers if one.state in UNANSWERED}
        return [line for line in self.requisition.lines if line.id in asked]

    def answer(self, line: RequisitionLine) -> ApprovalAnswer:
        """What the step says to the line."""
        return next(one for one in self.step.answers if one.line_id == line.id)


def turn(actor: Actor, step_id: int, *, seen_version: int | None = None, via: str = "page") -> Turn:
    """The step, locked, for somebody who may decide it now.

    Raises NotAllowed for the requester or a limit too low, Conflict when the requisition changed since it
    was looked at, when the step is decided, or when others come first.
    """
    known = found(queries.find(step_id), "approval")
    requisition = found(requisitions.find(known.requisition_id, lock=True), "requisition")
    step = found(queries.find(step_id, lock=True), "approval")
    follow_trace(requisition.trace_id)
    right = people.decides_as(actor, people.asked(step, requisition))
    if right is None:
        raise NotAllowed(
            "You may not decide this: it is your own request, or beyond your cost center or limit."
        )
    _refuse_stale(step, requisition, seen_version)
    return Turn(actor, right, step, requisition, via)


def decide(
    actor: Actor,
    step_id: int,
    decisions: Mapping[int, Decision],
    *,
    seen_version: int,
    comment: str = "",
    via: str = "page",
) -> Requisition:
    """Decides every line of a step that lacks an answer; what is held stays open, the rest goes on.

    Raises as `turn`, and Invalid (with field line-<id>) when a line lacks its answer or a no its reason.
    """
    now = turn(actor, step_id, seen_version=seen_version, via=via)
    step, requisition, lines = now.step, now.requisition, now.lines
    shelf = shelves_of(actor, lines)
    steps = queries.steps_of(requisition.id)
    evidence = _evidence(now)
    for line in lines:
        _decide_line(now, line, decisions.get(line.id), {**evidence, **_on_shelf(shelf.get(line.id))})
    step.decided_at = clock.now()
    step.decided_by_id = actor.account_id
    step.on_behalf_of_id = now.on_behalf_of_id
    step.comment = comment.strip()
    _spare_others(now, steps, lines)
    before = step.state
    opening.take_turns(steps)
    opening.settle_lines(requisition, steps)
    _record(now, lines, before)
    if step.state is StepState.OPEN:
        flag_modified(requisition, "total")  # something is held: whoever else looks at it is told
    elif all(line.state is not LineState.OPEN for line in requisition.lines):
        requisition_services.decide(actor, requisition)
        settled(requisition)
        return requisition
    no = [line.line_number for line in lines if decisions[line.id].act in (Act.REJECT, Act.REDUCE)]
    if no:
        refused(requisition, no)
    return requisition


def _evidence(now: Turn) -> dict[str, object]:
    """What was known when it was decided."""
    left = queries.balances_of([now.step]).get(now.step.id)
    return {
        "requisition": now.requisition.number,
        "version": now.requisition.version,
        "step": now.step.kind,
        "cost_center": now.step.cost_center.code,
        "amount": str(now.step.amount),
        "available": str(left.available) if left else "",
    }


def _on_shelf(shelf: Shelf | None) -> dict[str, object]:
    return {"on_hand": plain(shelf.on_hand), "on_order": plain(shelf.on_order)} if shelf else {}


def _decide_line(
    now: Turn, line: RequisitionLine, decision: Decision | None, evidence: dict[str, object]
) -> None:
    field = f"line-{line.id}"
    if decision is None:
        raise Invalid(f"Say yes or no to {line.item.name}.", field=field)
    reason, before = decision.reason.strip(), line.quantity
    if decision.act is not Act.APPROVE and not reason:
        raise Invalid(f"Say why {line.item.name} is {DONE[decision.act]}.", field=field)
    answer = now.answer(line)
    answer.state, answer.reason = STATE_AFTER[decision.act], reason
    if decision.quantity is not None:
        _reduce(now, line, decision.quantity, field)
        answer.amount = paid_by(now.requisition, line, line.amount).get(now.step.cost_center_id, line.amount)
    if decision.act is Act.REJECT:
        line.state = LineState.REJECTED
        requisition_services.close_open_part(line, now.requisition)
    if decision.act in (Act.REJECT, Act.REDUCE):
        cut = f"{plain(line.quantity)} instead of {plain(before)}. " if decision.act is Act.REDUCE else ""
        line.decision_reason = f"{cut}{reason}"
    keep(now, decision.act, line, before=before, reason=reason, evidence=evidence)


DONE = {Act.REJECT: "rejected", Act.HOLD: "held", Act.REDUCE: "cut"}
STATE_AFTER = {
    Act.APPROVE: AnswerState.APPROVED,
    Act.REDUCE: AnswerState.APPROVED,
    Act.REJECT: AnswerState.REJECTED,
    Act.HOLD: AnswerState.HELD,
}


def _reduce(now: Turn, line: RequisitionLine, quantity: Decimal, field: str) -> None:
    lowest = max(changing.least(line), Decimal(1))
    if not is_multiple(quantity, Decimal(1)) or not lowest <= quantity < line.quantity:
        raise Invalid(
            f"{line.item.name}: enter a whole number from {plain(lowest)} to {plain(line.quantity - 1)}. "
            "More than was asked for is a new request.",
            field=field,
        )
    fewer.cut(now.requisition, line, quantity, field=field)


def keep(
    now: Turn,
    act: Act,
    line: RequisitionLine | None = None,
    *,
    before: Decimal | None = None,
    reason: str = "",
    evidence: dict[str, object] | None = None,
) -> None:
    """Adds to the decisions, which nobody can change."""
    db.session.add(
        ApprovalDecision(
            requisition_id=now.requisition.id,
            step_id=now.step.id,
            line_number=line.line_number if line else None,
            item=line.item.name if line else "",
            act=act,
            before=before,
            after=line.quantity if line else None,
            reason=reason,
            account_id=now.actor.account_id,
            on_behalf_of_id=now.on_behalf_of_id,
            via=now.via,
            evidence=evidence or _evidence(now),
        )
    )


def _spare_others(now: Turn, steps: Sequence[ApprovalStep], lines: Sequence[RequisitionLine]) -> None:
    """A no ends the line for all; a yes of somebody whose limit covers it spares the next of the chain."""
    said = {line.id: now.answer(line).state for line in lines}
    for step in steps:
        is_covered = _is_covered(now, step)
        for answer in step.answers:
            if step is now.step or answer.line_id not in said or answer.state not in UNANSWERED:
                continue
            if said[answer.line_id] is AnswerState.REJECTED:
                answer.state, answer.reason = AnswerState.MOOT, "Rejected in another step."
            elif is_covered and said[answer.line_id] is AnswerState.APPROVED:
                answer.state, answer.reason = AnswerState.MOOT, f"{now.right.name}'s limit covers it."
        if step is not now.step or any(one.state in UNANSWERED for one in step.answers):
            _follow_amounts(step, now.requisition)


def _is_covered(now: Turn, step: ApprovalStep) -> bool:
    is_next = now.step.kind is StepKind.OWNER and step.kind is StepKind.HIGHER
    is_same = step.cost_center_id == now.step.cost_center_id and step.assigned_to_id is None
    return is_next and is_same and may_decide(now.right, people.asked(step, now.requisition))


def _follow_amounts(step: ApprovalStep, requisition: Requisition) -> None:
    amounts = {
        line.id: paid_by(requisition, line, line.amount).get(step.cost_center_id, line.amount)
        for line in requisition.lines
        if line.state is not LineState.REJECTED
    }
    for answer in step.answers:
        answer.amount = amounts.get(answer.line_id, answer.amount)
    step.amount = sum((one.amount for one in step.answers if one.line_id in amounts), Decimal())
    if step.limit_needed is not None:
        step.limit_needed = min(step.limit_needed, step.amount)


def _record(now: Turn, lines: Sequence[RequisitionLine], before: StepState) -> None:
    step, requisition = now.step, now.requisition
    said = {line.line_number: now.answer(line) for line in lines}
    audit.record(
        now.actor,
        "approval.decide",
        requisition,
        before={"state": before},
        after={"state": step.state, "lines": {str(number): one.state for number, one in said.items()}},
        evidence={
            "amount": step.amount,
            "cost_center": step.cost_center.code,
            "step": step.kind,
            "version": requisition.version,
            "reasons": {str(number): one.reason for number, one in said.items() if one.reason},
            "comment": step.comment,
            "on_behalf_of": now.right.name if now.on_behalf_of_id else "",
            "via": now.via,
        },
    )


def _refuse_stale(step: ApprovalStep, requisition: Requisition, seen_version: int | None) -> None:
    if step.state is StepState.WITHDRAWN:
        raise Conflict(f"{requisition.number} was withdrawn by {requisition.requester.name}.")
    if step.state is StepState.DECIDED:
        by = step.decided_by.name if step.decided_by else "Somebody"
        raise Conflict(f"{by} decided {requisition.number} already. Nothing more is to be done.")
    if step.state is StepState.SKIPPED:
        raise Conflict(f"Others decided {requisition.number}; your answer is not needed any more.")
    if step.state is StepState.WAITING:
        raise Conflict(f"Others decide {requisition.number} first. It comes to you after their yes.")
    if seen_version is not None and requisition.version != seen_version:
        raise Conflict(f"{requisition.number} changed since you looked at it. Check it, then decide.")
