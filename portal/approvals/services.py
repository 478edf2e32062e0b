"""Opens approval steps at submit and takes decisions, line by line."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from portal.approvals import queries
from portal.approvals.models import ApprovalStep
from portal.approvals.rules import StepState, may_decide
from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.foundation.trace import follow_trace
from portal.requisitions import queries as requisitions
from portal.requisitions import services as requisition_services
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import LineState


@dataclass(frozen=True)
class Decision:
    """Yes or no to a line; no needs a reason."""

    approved: bool
    reason: str = ""


def open_steps(actor: Actor, requisition: Requisition) -> None:
    """One step per cost center of the requisition, over what its lines cost."""
    amounts: dict[int, Decimal] = defaultdict(Decimal)
    for line in requisition.lines:
        if line.cost_center_id is not None:
            amounts[line.cost_center_id] += line.amount
    for cost_center_id, amount in sorted(amounts.items()):
        db.session.add(
            ApprovalStep(requisition_id=requisition.id, cost_center_id=cost_center_id, amount=amount)
        )


def withdraw_steps(actor: Actor, requisition: Requisition) -> None:
    """Nothing is left to decide."""
    for step in queries.steps_of(requisition.id):
        if step.state is StepState.OPEN:
            step.state = StepState.WITHDRAWN


def decide(
    actor: Actor, step_id: int, decisions: Mapping[int, Decision], *, seen_version: int, comment: str = ""
) -> Requisition:
    """Decides every line of a step at once.

    Raises NotAllowed for the requester or a limit too low, Conflict when the requisition changed since it
    was looked at or the step is decided, Invalid when a line lacks its answer or a no lacks its reason.
    """
    step = found(queries.find(step_id, lock=False), "approval")
    requisition = found(requisitions.find(step.requisition_id, lock=True), "requisition")
    step = found(queries.find(step_id, lock=True), "approval")
    follow_trace(requisition.trace_id)
    if not may_decide(
        actor,
        requester_id=requisition.requester_id,
        cost_center_id=step.cost_center_id,
        amount=step.amount,
    ):
        raise NotAllowed(
            "You may not decide this: it is your own request, or beyond your cost center or limit."
        )
    if step.state is not StepState.OPEN:
        raise Conflict("This was decided already.")
    if requisition.version != seen_version:
        raise Conflict("The requisition changed since you looked at it. Look at it again, then decide.")
    lines = [line for line in requisition.lines if line.cost_center_id == step.cost_center_id]
    for line in lines:
        _decide_line(requisition, line, decisions.get(line.id))
    step.state = StepState.DECIDED
    step.decided_at = clock.now()
    step.decided_by_id = actor.account_id
    step.comment = comment
    audit.record(
        actor,
        "approval.decide",
        requisition,
        before={"state": StepState.OPEN},
        after={"state": step.state, "lines": {str(line.line_number): line.state for line in lines}},
        evidence={"amount": step.amount, "cost_center": step.cost_center.code, "version": seen_version},
    )
    if all(line.state is not LineState.OPEN for line in requisition.lines):
        requisition_services.decide(requisition)
    return requisition


def _decide_line(requisition: Requisition, line: RequisitionLine, decision: Decision | None) -> None:
    if decision is None:
        raise Invalid(f"Say yes or no to line {line.line_number}.")
    if decision.approved:
        line.state = LineState.APPROVED
        return
    if not decision.reason.strip():
        raise Invalid(f"Say why line {line.line_number} is rejected.")
    line.state = LineState.REJECTED
    line.decision_reason = decision.reason.strip()
    requisition_services.close_open_part(line, requisition)
