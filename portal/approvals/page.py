"""What the page of an approval shows."""

from typing import Any

from portal.approvals import presenters, queries, services
from portal.approvals.forms import DecisionForm, decision_form
from portal.approvals.models import ApprovalStep
from portal.approvals.rules import StepState, may_decide, may_look
from portal.budgets import queries as budgets
from portal.catalog.queries import shelves
from portal.foundation.access import Actor
from portal.foundation.db import found
from portal.foundation.errors import NotAllowed, NotFound
from portal.requisitions import presenters as requisition_presenters
from portal.requisitions import queries as requisitions
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import CheckOutcome


def look(actor: Actor, step_id: int) -> tuple[ApprovalStep, Requisition]:
    """The step and its requisition.

    Raises NotFound outside the person's places and cost centers, NotAllowed for the own request.
    """
    step = found(queries.find(step_id), "approval")
    requisition = found(requisitions.find(step.requisition_id), "requisition")
    if requisition.requester_id == actor.account_id:
        raise NotAllowed("This is your own request; somebody else decides it.")
    if not may_look(actor, queries.asked(step, requisition)):
        raise NotFound("This approval does not exist, or belongs to another cost center or organization.")
    return step, requisition


def lines_of(step: ApprovalStep, requisition: Requisition) -> list[RequisitionLine]:
    """The lines the step is about."""
    return [line for line in requisition.lines if line.cost_center_id == step.cost_center_id]


def context(
    actor: Actor, step: ApprovalStep, requisition: Requisition, form: DecisionForm | None = None
) -> dict[str, Any]:
    """The values of the template; `form` is the one that was refused, with what was chosen."""
    lines = lines_of(step, requisition)
    is_open = step.state is StepState.OPEN
    form = form or decision_form([line.id for line in lines], formdata=None)
    form.version.data = str(requisition.version)
    held = budgets.holding(line.id for line in lines)
    balances = budgets.balances(held)
    kept = requisition_presenters.kept_checks(requisitions.checks_of(requisition.id), lines)
    warned = [one for one in kept if one.outcome is not CheckOutcome.PASS]
    item_ids = {line.item_id for line in lines}
    return {
        "step": step,
        "status": presenters.STATUSES[step.state],
        "requisition": requisition,
        "zone": requisition.location.facility.time_zone,
        "lines": presenters.line_rows(lines, shelves(actor, requisition.location_id, item_ids), warned),
        "budgets": [presenters.budget(one, balances[one.id], step.amount) for one in held if is_open],
        "warnings": [one.sentence for one in warned if one.line_id is None],
        "is_open": is_open,
        "may_decide": is_open and may_decide(actor, queries.asked(step, requisition)),
        "form": form,
    }


def decided(actor: Actor, step: ApprovalStep, requisition: Requisition, form: DecisionForm) -> None:
    """Decides as the form says, unless it is refused. Raises Conflict, with nothing changed."""
    if not form.validate():
        return
    answers = form.decisions([line.id for line in lines_of(step, requisition)])
    with form.accepting():
        services.decide(
            actor, step.id, answers, seen_version=form.seen_version(), comment=form.comment.data or ""
        )
