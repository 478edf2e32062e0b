"""What the page of an approval shows."""

from collections.abc import Callable
from typing import Any

from portal.approvals import asking, people, presenters, queries, services, told
from portal.approvals.forms import (
    DecisionForm,
    HandOverForm,
    QuestionForm,
    decision_form,
)
from portal.approvals.models import ApprovalStep
from portal.approvals.rules import UNANSWERED, StepState, may_look
from portal.budgets import queries as budgets
from portal.foundation.access import Actor
from portal.foundation.db import found
from portal.foundation.errors import Invalid, NotAllowed, NotFound
from portal.requisitions import queries as requisitions
from portal.requisitions.around import shelves_of
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import CheckOutcome
from portal.requisitions.said import kept_checks


def look(actor: Actor, step_id: int) -> tuple[ApprovalStep, Requisition]:
    """The step and its requisition.

    Raises NotFound outside the person's places and cost centers, NotAllowed for the own request.
    """
    step = found(queries.find(step_id), "approval")
    requisition = found(requisitions.find(step.requisition_id), "requisition")
    if requisition.requester_id == actor.account_id:
        raise NotAllowed("This is your own request; somebody else decides it.")
    what = people.asked(step, requisition)
    if step.decided_by_id != actor.account_id and not any(
        may_look(person, what) for person in people.persons(actor)
    ):
        raise NotFound("This approval does not exist, or belongs to another cost center or organization.")
    return step, requisition


def lines_of(step: ApprovalStep, requisition: Requisition) -> list[RequisitionLine]:
    """The lines the step is about."""
    asked = {one.line_id for one in step.answers}
    return [line for line in requisition.lines if line.id in asked]


def undecided(step: ApprovalStep, requisition: Requisition) -> list[RequisitionLine]:
    """The lines of the step that lack an answer."""
    asked = {one.line_id for one in step.answers if one.state in UNANSWERED}
    return [line for line in requisition.lines if line.id in asked]


def form_of(step: ApprovalStep, requisition: Requisition, **values: Any) -> DecisionForm:
    """The form over the lines that lack an answer, with the quantities asked for."""
    lines = undecided(step, requisition)
    form = decision_form([line.id for line in lines], **values)
    for line in lines:
        field = form.quantity(line.id)
        if not field.raw_data and field.data is None and not field.errors:
            field.data = line.quantity
    return form


def context(
    actor: Actor,
    step: ApprovalStep,
    requisition: Requisition,
    form: DecisionForm | None = None,
    *,
    ask: QuestionForm | None = None,
    hand_over: HandOverForm | None = None,
) -> dict[str, Any]:
    """The values of the template; a form is the one that was refused, with what was chosen."""
    lines = lines_of(step, requisition)
    is_open = step.state is StepState.OPEN
    form = form or form_of(step, requisition, formdata=None)
    form.version.data = str(requisition.version)
    # Of a line with several payers the others have steps, and budgets, of their own.
    holding = budgets.holding(line.id for line in lines)
    held = [one for one in holding if one.cost_center_id == step.cost_center_id]
    balances = budgets.balances(held)
    kept = kept_checks(requisitions.checks_of(requisition.id), lines)
    warned = [one for one in kept if one.outcome is not CheckOutcome.PASS]
    shelf = shelves_of(actor, lines)
    right = people.decides_as(actor, people.asked(step, requisition)) if is_open else None
    steps, decisions = queries.steps_of(requisition.id), queries.decisions_of(requisition.id)
    changed = told.changes(decisions)
    return {
        "step": step,
        "status": presenters.STATUSES[step.state],
        "kind": presenters.KINDS[step.kind],
        "requisition": requisition,
        "zone": requisition.location.facility.time_zone,
        "lines": presenters.line_rows(lines, step, requisition.currency, shelf, warned),
        "may_open_budgets": any(actor.can(one) for one in budgets.SEES_BUDGETS),
        "budgets": [presenters.budget(one, balances[one.id], step) for one in held if is_open],
        "warnings": [one.sentence for one in warned if one.line_id is None],
        "is_open": is_open,
        "may_decide": right is not None,
        "decides_for": right.name if right is not None and right is not actor else "",
        "form": form,
        "people_line": presenters.people_line(requisition, steps),
        "told": told.decision_rows(decisions),
        "changes": {line.id: changed.get(line.line_number, "") for line in lines},
        "watchers": ", ".join(one.name for one in queries.watchers_of(requisition.id)),
        **_side_forms(actor, requisition, ask, hand_over),
    }


def _side_forms(
    actor: Actor, requisition: Requisition, ask: QuestionForm | None, hand_over: HandOverForm | None
) -> dict[str, Any]:
    ask = ask or QuestionForm(formdata=None)
    hand_over = hand_over or HandOverForm(formdata=None)
    hand_over.offer(asking.others(actor, requisition))
    return {"ask": ask, "hand_over": hand_over}


def decided(actor: Actor, step: ApprovalStep, requisition: Requisition, form: DecisionForm) -> None:
    """Decides as the form says, unless it is refused. Raises Conflict, with nothing changed."""
    if not form.validate():
        return
    answers = form.decisions({line.id: line.quantity for line in undecided(step, requisition)})
    with form.accepting():
        services.decide(
            actor, step.id, answers, seen_version=form.seen_version(), comment=form.comment.data or ""
        )


def handed_over(actor: Actor, step: ApprovalStep, requisition: Requisition, form: HandOverForm) -> str:
    """Does as the form says and tells it in words; empty when it was refused."""
    form.offer(asking.others(actor, requisition))
    done: list[str] = []
    if form.validate():
        with form.accepting():
            act = HANDLERS.get(str(form.how.data))
            if act is None:
                raise Invalid("Choose what the person shall do.", field="how")
            done.append(act(actor, step, requisition, form))
    return "".join(done)


def _forward(actor: Actor, step: ApprovalStep, requisition: Requisition, form: HandOverForm) -> str:
    person = asking.forward(actor, step.id, form.chosen(), (form.why.data or "").strip())
    return f"{person.name} decides {requisition.number} now."


def _add(actor: Actor, step: ApprovalStep, requisition: Requisition, form: HandOverForm) -> str:
    asking.add(actor, step.id, form.chosen(), (form.why.data or "").strip())
    return f"{requisition.number} needs one more yes. Yours is still open."


def _watch(actor: Actor, step: ApprovalStep, requisition: Requisition, form: HandOverForm) -> str:
    person = asking.watch(actor, requisition, form.chosen())
    return f"{person.name} is told what becomes of {requisition.number}."


HANDLERS: dict[str, Callable[[Actor, ApprovalStep, Requisition, HandOverForm], str]] = {
    "forward": _forward,
    "add": _add,
    "watch": _watch,
}
