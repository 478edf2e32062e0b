"""Opening steps at submit, keeping whose turn it is, and opening again what a change touches."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from portal.approvals import people, queries
from portal.approvals.models import ApprovalAnswer, ApprovalDecision, ApprovalStep
from portal.approvals.rules import (
    DECIDED_BY,
    LIVE,
    UNANSWERED,
    Act,
    AnswerState,
    Asked,
    Changed,
    Plan,
    Policy,
    Request,
    StepKind,
    StepState,
    Wish,
    is_through,
    is_touched,
    plans,
    turns,
)
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.foundation.together import Known, New, Read, Write, inserting, read_together
from portal.requisitions import changing
from portal.requisitions.charging import center_of, paid_by
from portal.requisitions.checks import spoken_money
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rulebook.queries import parents
from portal.requisitions.rules import LineState
from portal.requisitions.submission import Joining

NOT_NEEDED = "Not needed any more after a change."
WHO = {
    Permission.APPROVE: "approve {amount} for this cost center",
    Permission.BUY: "look at this as a buyer ({why})",
    Permission.OVERRIDE_BUDGET: "override this budget",
}


@dataclass(frozen=True)
class Planned:
    """The steps a requisition needs as it is now, and who may decide such steps."""

    steps: Sequence[Plan]
    rights: Sequence[people.Right]


def planned(requisition: Requisition) -> Planned:
    """Computes the steps; a cart's lines are paid by the place until they are submitted."""
    reads = _reads(requisition)
    # Not written down before the steps are: all is written together.
    with db.session.no_autoflush:
        return _planned(requisition, reads, read_together(*reads))


Reads = tuple[Read[list[people.Right]], Read[Policy], Read[Mapping[str, str]]]


def _reads(requisition: Requisition) -> Reads:
    facilities = _facilities(requisition)
    centers = {center_id for wish in _wishes(requisition) for center_id in wish.shares}
    rights = people.rights({*facilities.values(), requisition.location.facility_id}, centers)
    return rights, queries.policy(), parents()


def _planned(requisition: Requisition, reads: Reads, known: Known) -> Planned:
    rights, policy, tree = reads
    request = Request(
        wishes=_wishes(requisition),
        is_rush=requisition.is_rush,
        is_override=bool(requisition.override_reason),
        owner_limits=people.owner_limits(known[rights], requisition.requester_id),
    )
    return Planned(plans(request, replace(known[policy], parents=known[tree])), known[rights])


def _wishes(requisition: Requisition) -> list[Wish]:
    return [
        Wish(
            line.id,
            paid_by(requisition, line, line.amount),
            line.item.category,
            on_contract=line.contract_line_id is not None,
        )
        for line in requisition.lines
        if line.state is not LineState.REJECTED
    ]


def _facilities(requisition: Requisition) -> dict[int, int]:
    """The facility of each cost center that pays and does not belong to all, by id."""
    lines = requisition.lines
    centers = [center_of(requisition, line) for line in lines]
    centers += [share.cost_center for line in lines for share in line.payers]
    return {one.id: one.facility_id for one in centers if one is not None and one.facility_id is not None}


def asked_of(plan: Plan, requisition: Requisition) -> Asked:
    """What a planned step asks."""
    facility_id = _facilities(requisition).get(plan.cost_center_id, requisition.location.facility_id)
    return Asked(
        requester_id=requisition.requester_id,
        facility_id=facility_id,
        cost_center_id=plan.cost_center_id,
        amount=plan.limit_needed,
        permission=DECIDED_BY[plan.kind],
    )


def opening(actor: Actor, requisition: Requisition) -> list[Joining]:
    """The steps of a requisition, opened with its submission."""
    reads = _reads(requisition)
    return [Joining(reads, lambda known: _steps(actor, requisition, _planned(requisition, reads, known)))]


def _steps(actor: Actor, requisition: Requisition, needed: Planned) -> list[Write]:
    """Raises Invalid when nobody may decide one, since it would wait for ever."""
    for plan in needed.steps:
        _refuse_if_nobody_decides(requisition, plan, needed.rights)
    turn = turns((at, one.cost_center_id, one.position, True) for at, one in enumerate(needed.steps))
    values = [
        {**_values(requisition, plan), "state": StepState.OPEN if turn[at] else StepState.WAITING}
        for at, plan in enumerate(needed.steps)
    ]
    steps = inserting(ApprovalStep, values)
    answers = [
        {"step_id": New(steps, at), "line_id": line_id, "amount": amount}
        for at, plan in enumerate(needed.steps)
        for line_id, amount in plan.parts.items()
    ]
    opened = [
        audit.event(
            actor,
            "approval.open",
            ApprovalStep(id=New(steps, at)),
            after={
                "state": step["state"],
                "amount": step["amount"],
                "requisition": requisition.number,
                "kind": step["kind"],
            },
        )
        for at, step in enumerate(values)
    ]
    return [steps, inserting(ApprovalAnswer, answers), inserting(audit.AuditEvent, opened)]


def _values(requisition: Requisition, plan: Plan) -> dict[str, Any]:
    return {
        "requisition_id": requisition.id,
        "cost_center_id": plan.cost_center_id,
        "kind": plan.kind,
        "position": plan.position,
        "why": plan.why,
        "amount": plan.amount,
        "limit_needed": plan.limit_needed,
    }


def _opened(
    requisition: Requisition, plan: Plan, line_ids: Collection[int], rights: Iterable[people.Right]
) -> ApprovalStep:
    _refuse_if_nobody_decides(requisition, plan, rights)
    return ApprovalStep(
        **_values(requisition, plan),
        answers=[
            ApprovalAnswer(line_id=line_id, amount=amount, state=AnswerState.OPEN)
            for line_id, amount in plan.parts.items()
            if line_id in line_ids
        ],
    )


def _refuse_if_nobody_decides(requisition: Requisition, plan: Plan, rights: Iterable[people.Right]) -> None:
    """Raises Invalid when nobody but the requester may take this step."""
    asked = asked_of(plan, requisition)
    if any(one.covers(asked) for one in rights):
        return
    amount = spoken_money(plan.limit_needed or plan.amount, requisition.currency)
    what = WHO[DECIDED_BY[plan.kind]].format(amount=amount, why=plan.why)
    raise Invalid(f"Nobody else may {what}. Ask your administrator to name an approver, or ask for less.")


def take_turns(steps: Sequence[ApprovalStep]) -> None:
    """Opens what is next and lets the rest wait; a step with all its answers is done."""
    live = [step for step in steps if step.state is not StepState.WITHDRAWN]
    turn = turns((step.id, step.cost_center_id, step.position, _lacks(step)) for step in live)
    for step in live:
        if step.id not in turn:
            is_asked = any(answer.state is not AnswerState.MOOT for answer in step.answers)
            is_decided = step.decided_by_id is not None and is_asked
            step.state = StepState.DECIDED if is_decided else StepState.SKIPPED
        elif not turn[step.id]:
            step.state = StepState.WAITING
        elif step.state is not StepState.OPEN:
            step.state, step.opened_at = StepState.OPEN, clock.now()
            step.told_at = step.reminded_at = step.escalated_at = None


def _lacks(step: ApprovalStep) -> bool:
    return any(answer.state in UNANSWERED for answer in step.answers)


def settle_lines(requisition: Requisition, steps: Iterable[ApprovalStep]) -> None:
    """A line is approved once everybody who is asked about it said yes."""
    said: dict[int, list[AnswerState]] = {}
    for step in steps:
        if step.state is not StepState.WITHDRAWN:
            for answer in step.answers:
                said.setdefault(answer.line_id, []).append(answer.state)
    for line in requisition.lines:
        if line.state is LineState.OPEN and line.id in said and is_through(said[line.id]):
            line.state = LineState.APPROVED


def withdraw_steps(actor: Actor, requisition: Requisition) -> None:
    """Nothing is left to decide."""
    for step in queries.steps_of(requisition.id):
        if step.state in LIVE:
            before = {"state": step.state}
            step.state = StepState.WITHDRAWN
            audit.record(actor, "approval.withdraw", step, before=before, after={"state": step.state})


# After a change


def reopen_steps(actor: Actor, requisition: Requisition, done: changing.Changed) -> None:
    """Asks again exactly who a change touches: money all who said yes to it, a day who knows the place.

    Raises Invalid when the new amount needs somebody who does not exist.
    """
    touched = _touched(done)
    steps = queries.steps_of(requisition.id)
    line = done.line
    needed = planned(requisition)
    wanted = {(plan.cost_center_id, plan.kind): plan for plan in needed.steps}
    for step in steps:
        plan = wanted.pop((step.cost_center_id, step.kind), None)
        _ask_again(step, plan, line, touched)
    missing = [plan for plan in wanted.values() if line.id in plan.parts]
    opened = [_opened(requisition, plan, [line.id], needed.rights) for plan in missing]
    db.session.add_all(opened)
    db.session.flush()
    steps.extend(opened)
    before = {step.id: step.state for step in steps}
    take_turns(steps)
    for step in steps:
        if step.state in LIVE and any(one.line_id == line.id for one in step.answers):
            _record_reopening(actor, requisition, step, done, before[step.id])


def _touched(done: changing.Changed) -> list[Changed]:
    before, after = done.before, done.after
    is_changed = {
        Changed.QUANTITY: done.is_quantity,
        Changed.NEED_BY: before.need_by != after.need_by,
        Changed.PLACE: before.terms.place != after.terms.place,
        Changed.ACCOUNTS: not before.terms.is_booked_as(after.terms),
        Changed.PAYERS: before.terms.paid != after.terms.paid,
    }
    return [what for what, so in is_changed.items() if so]


def _ask_again(
    step: ApprovalStep, plan: Plan | None, line: RequisitionLine, touched: Sequence[Changed]
) -> None:
    answer = next((one for one in step.answers if one.line_id == line.id), None)
    if step.state is StepState.WITHDRAWN or (step.kind is StepKind.ADDED and answer is None):
        return
    said_to = answer.amount if answer is not None else None
    if plan is not None:
        step.amount, step.limit_needed = plan.amount, plan.limit_needed
        for one in step.answers:
            one.amount = plan.parts.get(one.line_id, one.amount)
        if answer is None and line.id in plan.parts:
            answer = ApprovalAnswer(line_id=line.id, amount=plan.parts[line.id], state=AnswerState.OPEN)
            step.answers.append(answer)
    if answer is None:
        return
    if step.kind is not StepKind.ADDED and (plan is None or line.id not in plan.parts):
        # A yes to nothing: who pays again later is asked again.
        answer.state, answer.reason, answer.amount = AnswerState.MOOT, NOT_NEEDED, Decimal()
    elif is_touched(step.kind, touched, is_other_part=answer.amount != said_to):
        answer.state, answer.reason = AnswerState.OPEN, ""


def _record_reopening(
    actor: Actor,
    requisition: Requisition,
    step: ApprovalStep,
    done: changing.Changed,
    before: StepState,
) -> None:
    line = done.line
    db.session.add(
        ApprovalDecision(
            requisition_id=requisition.id,
            step_id=step.id,
            line_number=line.line_number,
            item=line.item.name,
            act=Act.REOPEN,
            before=done.before.quantity,
            after=done.after.quantity,
            reason=done.reason,
            account_id=actor.account_id,
            evidence={
                "amount": [str(done.before.amount), str(done.after.amount)],
                "need_by": [str(done.before.need_by or ""), str(done.after.need_by or "")],
                "place": [done.before.terms.place, done.after.terms.place],
                "paid_by": [done.before.terms.words, done.after.terms.words],
                "accounts": [done.before.terms.booked, done.after.terms.booked],
                "was": done.before.state,
            },
        )
    )
    audit.record(
        actor,
        "approval.reopen",
        step,
        before={"state": before},
        after={"state": step.state, "line": line.line_number, "amount": step.amount},
    )
