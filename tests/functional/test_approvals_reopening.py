"""Approvals that survive change: what is edited is asked again, of whom it touches, with the difference."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from integrations.canonical import Lifecycle
from portal.approvals import queries, services
from portal.approvals.models import ApprovalDecision
from portal.approvals.rules import Act, StepKind, StepState
from portal.approvals.services import Decision
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.identity.rules import Role
from portal.identity.services import actor_of
from portal.masterdata.models import Item
from portal.orders import services as orders
from portal.requisitions import changing
from portal.requisitions import queries as requisitions
from portal.requisitions.models import Requisition
from portal.requisitions.rules import LineState, RequisitionState
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import balance
from tests.requesting import approve, approved, colleague, submitted
from tests.visitor import Visitor


def fresh(requisition: Requisition) -> Requisition:
    """The requisition with its lines as the database has it."""
    db.session.expire_all()
    found = requisitions.find(requisition.id)
    assert found is not None
    return found


def states(requisition: Requisition) -> list[tuple[StepKind, StepState]]:
    """Kind and state of each step."""
    db.session.expire_all()
    return [(step.kind, step.state) for step in queries.steps_of(requisition.id)]


def change(hospital: Hospital, requisition: Requisition, quantity: int, **values: Any) -> changing.Changed:
    """The requester changes the first line."""
    now = fresh(requisition)
    line = now.lines[0]
    seen_version = values.pop("seen_version", now.version)
    given = {"need_by": line.need_by or now.need_by, "reason": "Two more beds", **values}
    asked = changing.Asked(Decimal(quantity), **given)
    with transaction():
        person = hospital.actor(Role.CLINIC_MANAGER)
        return changing.change_line(person, now.id, line.id, asked, seen_version=seen_version)


def test_more_of_an_approved_line_is_asked_again_and_only_that_line(hospital: Hospital) -> None:
    requisition = approved(hospital, {hospital.catheter_offer: 2, hospital.gloves_offer: 2})
    change(hospital, requisition, 5)
    now = fresh(requisition)
    assert [line.state for line in now.lines] == [LineState.OPEN, LineState.APPROVED]
    assert (now.state, now.total) == (RequisitionState.SUBMITTED, Decimal("114.50"))
    assert balance(hospital).requested == Decimal("114.50")
    told = db.session.query(ApprovalDecision).filter_by(act=Act.REOPEN).one()
    assert (told.before, told.after, told.evidence["amount"]) == (2, 5, ["40.00", "100.00"])
    (step,) = queries.steps_of(requisition.id)
    with transaction():
        answers = {now.lines[0].id: Decision(approved=True)}
        services.decide(hospital.actor(Role.APPROVER), step.id, answers, seen_version=now.version)
    assert fresh(requisition).state is RequisitionState.DECIDED


@pytest.mark.parametrize(("first", "then"), [(2, 1), (2, 7), (5, 3)])
def test_the_held_budget_follows_to_the_cent(hospital: Hospital, first: int, then: int) -> None:
    ordering.priced(hospital, hospital.catheter_offer, "0.3333")
    requisition = approved(hospital, {hospital.catheter_offer: first})
    change(hospital, requisition, then)
    line = fresh(requisition).lines[0]
    assert balance(hospital).requested == line.amount == (then * Decimal("0.3333")).quantize(Decimal("0.01"))


def test_every_rule_is_asked_again_for_more_and_none_for_less(hospital: Hospital) -> None:
    requisition = approved(hospital, {hospital.catheter_offer: 2, hospital.gloves_offer: 1})
    submitted(hospital, {hospital.catheter_offer: 1})
    change(hospital, requisition, 3)
    line = fresh(requisition).lines[0]
    said = {one.rule: one for one in requisitions.checks_of(requisition.id) if one.line_id == line.id}
    assert "10 EA of Urinary catheter, 14 Fr are requested or on order" in said["duplicate"].sentence, (
        "itself left out"
    )
    assert said["quantity"].sentence == "3 whole packs of Urinary catheter, 14 Fr."
    with transaction():
        db.session.get_one(Item, hospital.catheter.id).lifecycle = Lifecycle.DISCONTINUED
    with pytest.raises(Invalid, match="is discontinued"):
        change(hospital, requisition, 4)
    assert fresh(requisition).lines[0].quantity == 3
    change(hospital, requisition, 1)
    assert balance(hospital).requested == Decimal(20) + Decimal("7.25") + 20


def test_never_below_what_is_ordered(hospital: Hospital) -> None:
    ordering.connect(hospital)
    requisition = approved(hospital, {hospital.catheter_offer: 4})
    with transaction():
        line = fresh(requisition).lines[0]
        line.closed_quantity = Decimal(2)
        db.session.flush()
        orders.place(hospital.actor(Role.BUYER), [line.id])
        line.closed_quantity = Decimal(0)
    with pytest.raises(Invalid, match="2 BX are ordered or closed already"):
        change(hospital, requisition, 1)
    held = balance(hospital)
    change(hospital, requisition, 3)
    assert balance(hospital).requested == held.requested - 20
    assert balance(hospital).ordered == held.ordered
    approve(hospital, fresh(requisition))
    with transaction():
        (order,) = orders.place(hospital.actor(Role.BUYER), [fresh(requisition).lines[0].id])
    assert order.total == 20, "only the rest is ordered"
    with pytest.raises(Conflict, match="Nothing of this line is open"):
        change(hospital, requisition, 9)


def test_a_day_is_asked_only_of_who_knows_the_place(hospital: Hospital) -> None:
    with transaction():
        low = colleague(Role.APPROVER, approval_limit="10.00", cost_center_id=hospital.cost_center.id)
    requisition = submitted(hospital, {hospital.catheter_offer: 2})
    for person in (actor_of(low), hospital.actor(Role.APPROVER)):
        with transaction():
            now = fresh(requisition)
            step = next(one for one in queries.steps_of(now.id) if one.state is StepState.OPEN)
            answers = {line.id: Decision(approved=True) for line in now.lines}
            services.decide(person, step.id, answers, seen_version=now.version)
    assert states(requisition) == [
        (StepKind.OWNER, StepState.DECIDED),
        (StepKind.HIGHER, StepState.DECIDED),
    ]
    change(hospital, requisition, 2, need_by=clock.today() + timedelta(days=9))
    assert states(requisition) == [(StepKind.OWNER, StepState.OPEN), (StepKind.HIGHER, StepState.DECIDED)]
    change(hospital, requisition, 3, need_by=clock.today() + timedelta(days=9))
    assert states(requisition) == [(StepKind.OWNER, StepState.OPEN), (StepKind.HIGHER, StepState.WAITING)]


def test_a_change_beyond_the_limit_asks_somebody_higher(hospital: Hospital) -> None:
    with transaction():
        low = colleague(Role.APPROVER, approval_limit="50.00", cost_center_id=hospital.cost_center.id)
    requisition = submitted(hospital, {hospital.catheter_offer: 2})
    assert states(requisition) == [(StepKind.OWNER, StepState.OPEN)]
    with transaction():
        (step,) = queries.steps_of(requisition.id)
        answers = {line.id: Decision(approved=True) for line in requisition.lines}
        services.decide(actor_of(low), step.id, answers, seen_version=fresh(requisition).version)
    change(hospital, requisition, 4)
    assert states(requisition) == [(StepKind.OWNER, StepState.OPEN), (StepKind.HIGHER, StepState.WAITING)]
    change(hospital, requisition, 1)
    assert states(requisition) == [(StepKind.OWNER, StepState.OPEN), (StepKind.HIGHER, StepState.SKIPPED)]


@pytest.mark.parametrize(
    ("values", "error", "sentence"),
    [
        ({"quantity": 0}, Invalid, "whole number of packs"),
        ({"quantity": 100_000}, Invalid, "at most 99,999"),
        ({"quantity": 60}, Invalid, "has \\$960.00 available; this change needs \\$1,160.00 more"),
        ({"quantity": 2}, Invalid, "Nothing is changed"),
        ({"quantity": 3, "reason": " "}, Invalid, "Say in a few words"),
        ({"quantity": 3, "seen_version": 1}, Conflict, "changed since you looked"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(
    hospital: Hospital, values: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    requisition = approved(hospital, {hospital.catheter_offer: 2})
    with pytest.raises(error, match=sentence):
        change(hospital, requisition, **values)
    assert fresh(requisition).state is RequisitionState.DECIDED
    assert balance(hospital).requested == 40


def test_only_the_requester_changes(hospital: Hospital) -> None:
    requisition = approved(hospital, {hospital.catheter_offer: 2})
    for role in (Role.APPROVER, Role.BUYER):
        with pytest.raises(NotAllowed), transaction():
            changing.change_line(
                hospital.actor(role), requisition.id, requisition.lines[0].id,
                changing.Asked(Decimal(1), None, "x"), seen_version=requisition.version,
            )  # fmt: skip


def test_a_rejected_line_is_changed_and_asked_again(hospital: Hospital, client: Visitor) -> None:
    requisition = submitted(hospital, {hospital.catheter_offer: 5})
    with transaction():
        (step,) = queries.steps_of(requisition.id)
        answers = {requisition.lines[0].id: Decision(approved=False, reason="Too many")}
        services.decide(hospital.actor(Role.APPROVER), step.id, answers, seen_version=requisition.version)
    assert balance(hospital).requested == 0
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    where = f"/requisitions/{requisition.id}"
    page = f"{where}/lines/{requisition.lines[0].id}/change"
    shown = client.get(where).get_data(as_text=True)
    assert page in shown
    assert "$100.00, $100.00 of it rejected" in shown
    assert "were rejected: Too many" in client.get(page).get_data(as_text=True)
    assert client.submit(page, {"quantity": "x", "reason": "y"}, action=page).status_code == 422
    sent = {"quantity": "2", "reason": "For one week"}
    assert client.submit(page, sent, action=page).status_code == 303
    text = client.get(where).get_data(as_text=True)
    assert "Waiting for approval" in text
    assert "For one week" in text
    assert balance(hospital).requested == 40
    client.sign_in(hospital.email(Role.APPROVER))
    step_page = f"/approvals/{step.id}"
    assert "Changed: 5 → 2. For one week" in client.get(step_page).get_data(as_text=True), "at the line"
    assert client.submit(step_page, action=step_page).status_code == 303
    now = fresh(requisition)
    assert (now.state, now.lines[0].state) == (RequisitionState.DECIDED, LineState.APPROVED)
    assert now.lines[0].closed_quantity == 0
