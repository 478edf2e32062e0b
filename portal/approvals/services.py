"""Opens approval steps at submit and takes decisions, line by line."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from portal.approvals import queries
from portal.approvals.models import ApprovalStep
from portal.approvals.rules import Asked, StepState, may_decide
from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.foundation.trace import follow_trace
from portal.requisitions import queries as requisitions
from portal.requisitions import services as requisition_services
from portal.requisitions.checks import spoken_money
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import LineState


@dataclass(frozen=True)
class Decision:
    """Yes or no to a line; no needs a reason."""

    approved: bool
    reason: str = ""


def open_steps(actor: Actor, requisition: Requisition) -> None:
    """One step per cost center of the requisition, over what its lines cost.

    Raises Invalid when nobody may decide it, since it would wait for ever.
    """
    amounts: dict[int, Decimal] = defaultdict(Decimal)
    for line in requisition.lines:
        if line.cost_center_id is not None:
            amounts[line.cost_center_id] += line.amount
    for cost_center_id, amount in sorted(amounts.items()):
        _refuse_if_nobody_decides(requisition, cost_center_id, amount)
        step = ApprovalStep(requisition_id=requisition.id, cost_center_id=cost_center_id, amount=amount)
        db.session.add(step)
        db.session.flush()  # the audit trail names the step by its id
        after = {"state": step.state, "amount": amount, "requisition": requisition.number}
        audit.record(actor, "approval.open", step, after=after)


def _refuse_if_nobody_decides(requisition: Requisition, cost_center_id: int, amount: Decimal) -> None:
    facility_id = requisition.location.facility_id
    if not queries.who_may_decide(Asked(requisition.requester_id, facility_id, cost_center_id, amount)):
        raise Invalid(
            f"Nobody else may approve {spoken_money(amount, requisition.currency)} for this cost center. "
            "Ask your administrator to name an approver, or ask for less."
        )


def withdraw_steps(actor: Actor, requisition: Requisition) -> None:
    """Nothing is left to decide."""
    for step in queries.steps_of(requisition.id):
        if step.state is StepState.OPEN:
            step.state = StepState.WITHDRAWN
            before, after = {"state": StepState.OPEN}, {"state": step.state}
            audit.record(actor, "approval.withdraw", step, before=before, after=after)


def decide(
    actor: Actor, step_id: int, decisions: Mapping[int, Decision], *, seen_version: int, comment: str = ""
) -> Requisition:
    """Decides every line of a step at once.

    Raises NotAllowed for the requester or a limit too low, Conflict when the requisition changed since it
    was looked at or the step is decided, Invalid (with field line-<id>) when a line lacks its answer or a
    no lacks its reason.
    """
    known = found(queries.find(step_id), "approval")
    requisition = found(requisitions.find(known.requisition_id, lock=True), "requisition")
    step = found(queries.find(step_id, lock=True), "approval")
    follow_trace(requisition.trace_id)
    if not may_decide(actor, queries.asked(step, requisition)):
        raise NotAllowed(
            "You may not decide this: it is your own request, or beyond your cost center or limit."
        )
    _refuse_stale(step, requisition, seen_version)
    lines = [line for line in requisition.lines if line.cost_center_id == step.cost_center_id]
    for line in lines:
        _decide_line(requisition, line, decisions.get(line.id))
    step.state = StepState.DECIDED
    step.decided_at = clock.now()
    step.decided_by_id = actor.account_id
    step.comment = comment.strip()
    _record(actor, requisition, step, lines)
    if all(line.state is not LineState.OPEN for line in requisition.lines):
        requisition_services.decide(actor, requisition)
    return requisition


def _record(actor: Actor, requisition: Requisition, step: ApprovalStep, lines: list[RequisitionLine]) -> None:
    reasons = {str(line.line_number): line.decision_reason for line in lines if line.decision_reason}
    audit.record(
        actor,
        "approval.decide",
        requisition,
        before={"state": StepState.OPEN},
        after={"state": step.state, "lines": {str(line.line_number): line.state for line in lines}},
        evidence={
            "amount": step.amount,
            "cost_center": step.cost_center.code,
            "version": requisition.version,
            "reasons": reasons,
            "comment": step.comment,
        },
    )


def _refuse_stale(step: ApprovalStep, requisition: Requisition, seen_version: int) -> None:
    if step.state is StepState.WITHDRAWN:
        raise Conflict(f"{requisition.number} was withdrawn by {requisition.requester.name}.")
    if step.state is StepState.DECIDED:
        by = step.decided_by.name if step.decided_by else "Somebody"
        raise Conflict(f"{by} decided {requisition.number} already. Nothing more is to be done.")
    if requisition.version != seen_version:
        raise Conflict(f"{requisition.number} changed since you looked at it. Check it, then decide.")


def _decide_line(requisition: Requisition, line: RequisitionLine, decision: Decision | None) -> None:
    field = f"line-{line.id}"
    if decision is None:
        raise Invalid(f"Say yes or no to {line.item.name}.", field=field)
    if decision.approved:
        line.state = LineState.APPROVED
        return
    if not decision.reason.strip():
        raise Invalid(f"Say why {line.item.name} is rejected.", field=field)
    line.state = LineState.REJECTED
    line.decision_reason = decision.reason.strip()
    requisition_services.close_open_part(line, requisition)
