"""More than one yes: chains of limits, overrides, buyers; for somebody absent; asked, held, handed over."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from portal.approvals import asking, delegation, people, queries, services
from portal.approvals.models import ApprovalDecision, ApprovalPolicy, ApprovalStep
from portal.approvals.presenters import open_amount
from portal.approvals.rules import StepKind, StepState
from portal.approvals.services import Decision
from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.identity.models import Account, RoleAssignment
from portal.identity.rules import Role
from portal.identity.services import actor_of
from portal.masterdata.models import ItemCategory
from portal.requisitions import queries as requisitions
from portal.requisitions import services as requesting
from portal.requisitions.models import Requisition
from portal.requisitions.rules import LineState, RequisitionState
from tests.hospital import Hospital
from tests.ordering import balance
from tests.requesting import actions, colleague, in_cart, submitted
from tests.visitor import Visitor

YES = Decision(approved=True)


def owner(hospital: Hospital, limit: str) -> Account:
    """Somebody named for the cost center, with a limit; the caller commits."""
    return colleague(Role.APPROVER, approval_limit=limit, cost_center_id=hospital.cost_center.id)


def steps(requisition: Requisition) -> list[ApprovalStep]:
    """The steps as the database has them."""
    db.session.expire_all()
    return queries.steps_of(requisition.id)


def states(requisition: Requisition) -> list[tuple[StepKind, StepState]]:
    """Kind and state of each step."""
    return [(step.kind, step.state) for step in steps(requisition)]


def decide(actor: Actor, step: ApprovalStep, answer: Decision = YES, **line: Decision) -> Requisition:
    """The answer to every line of a step."""
    with transaction():
        found = requisitions.find(step.requisition_id)
        assert found is not None
        answers = {one.id: line.get(f"line_{one.line_number}", answer) for one in found.lines}
        return services.decide(actor, step.id, answers, seen_version=found.version)


def fresh(requisition: Requisition) -> Requisition:
    """The requisition with its lines as the database has it."""
    db.session.expire_all()
    found = requisitions.find(requisition.id)
    assert found is not None
    return found


def test_above_the_owners_limit_a_higher_one_follows(hospital: Hospital) -> None:
    with transaction():
        low = owner(hospital, "50.00")
    requisition = submitted(hospital, {hospital.catheter_offer: 3})
    first, second = steps(requisition)
    assert states(requisition) == [
        (StepKind.OWNER, StepState.OPEN),
        (StepKind.HIGHER, StepState.WAITING),
    ]
    with pytest.raises(Conflict, match="Others decide"):
        decide(hospital.actor(Role.APPROVER), second)
    decide(actor_of(low), first)
    assert fresh(requisition).state is RequisitionState.SUBMITTED
    assert requisition.id not in [step.requisition_id for step in db.session.scalars(
        queries.inbox(actor_of(low)))]  # fmt: skip
    with pytest.raises(NotAllowed):
        decide(actor_of(low), second)
    decide(hospital.actor(Role.APPROVER), second)
    assert fresh(requisition).state is RequisitionState.DECIDED


def test_a_limit_that_covers_it_needs_no_second_yes(hospital: Hospital) -> None:
    with transaction():
        owner(hospital, "50.00")
    requisition = submitted(hospital, {hospital.catheter_offer: 3})
    decide(hospital.actor(Role.APPROVER), steps(requisition)[0])
    assert states(requisition) == [
        (StepKind.OWNER, StepState.DECIDED),
        (StepKind.HIGHER, StepState.SKIPPED),
    ]
    assert fresh(requisition).state is RequisitionState.DECIDED


def test_a_no_ends_the_line_for_all_and_cuts_what_is_asked_of_the_next(hospital: Hospital) -> None:
    with transaction():
        low = owner(hospital, "50.00")
    requisition = submitted(hospital, {hospital.catheter_offer: 3, hospital.gloves_offer: 2})
    cut = Decision(approved=True, quantity=Decimal(1), reason="One is enough")
    decide(actor_of(low), steps(requisition)[0], line_1=Decision(False, "Too many"), line_2=cut)
    second = steps(requisition)[1]
    assert (second.state, second.amount) == (StepState.OPEN, Decimal("7.25"))
    decide(hospital.actor(Role.APPROVER), second)
    lines = fresh(requisition).lines
    assert [line.state for line in lines] == [LineState.REJECTED, LineState.APPROVED]
    assert (lines[1].quantity, lines[1].decision_reason) == (1, "1 instead of 2. One is enough")
    assert balance(hospital).requested == Decimal("7.25"), "the held budget follows to the cent"


def test_beyond_a_budget_the_finance_director_decides_last(hospital: Hospital) -> None:
    cart = in_cart(hospital, {hospital.catheter_offer: 60})
    with transaction():
        db.session.get_one(Requisition, cart.id).override_reason = "The old ones were recalled"
    cart = fresh(cart)
    with transaction():
        manager = hospital.actor(Role.CLINIC_MANAGER)
        requisition = requesting.submit(manager, cart.id, seen_version=cart.version)
    assert states(requisition) == [
        (StepKind.OWNER, StepState.OPEN),
        (StepKind.OVERRIDE, StepState.WAITING),
    ]
    first, second = steps(requisition)
    decide(hospital.actor(Role.APPROVER), first)
    with pytest.raises(NotAllowed):
        decide(hospital.actor(Role.APPROVER), second)
    decide(hospital.actor(Role.FINANCE_DIRECTOR), second)
    assert fresh(requisition).state is RequisitionState.DECIDED


def test_spend_without_contract_and_named_categories_ask_a_buyer_beside(hospital: Hospital) -> None:
    with transaction():
        db.session.add(ApprovalPolicy(categories=["Clinical"]))
        db.session.add(ItemCategory(name="Med-surg", parent="Clinical"))  # looked at as well
    requisition = submitted(hospital, {hospital.catheter_offer: 1})
    assert states(requisition) == [(StepKind.OWNER, StepState.OPEN), (StepKind.CATEGORY, StepState.OPEN)]
    decide(hospital.actor(Role.BUYER), steps(requisition)[1])
    assert fresh(requisition).state is RequisitionState.SUBMITTED
    decide(hospital.actor(Role.APPROVER), steps(requisition)[0])
    assert fresh(requisition).state is RequisitionState.DECIDED


def absence(hospital: Hospital, delegate: Account, **days: Any) -> None:
    """An administrator lets somebody decide for the approver."""
    today = clock.today(hospital.organization.time_zone)
    with transaction():
        delegation.delegate(
            hospital.actor(Role.ADMINISTRATOR),
            delegation.Wanted(
                account_id=hospital.accounts[Role.APPROVER].id, delegate_id=delegate.id,
                **{"starts_on": today, "ends_on": today + timedelta(days=3), **days},
            ),
        )  # fmt: skip


def test_a_delegate_decides_for_an_absent_approver(hospital: Hospital, client: Visitor) -> None:
    with transaction():
        stand_in = colleague(Role.APPROVER, approval_limit="1.00")
    requisition = submitted(hospital, {hospital.catheter_offer: 1})
    (step,) = steps(requisition)
    with pytest.raises(NotAllowed):
        decide(actor_of(stand_in), step)
    absence(hospital, stand_in)
    client.sign_in(stand_in.email)
    assert str(requisition.number) in client.get("/approvals").get_data(as_text=True)
    page = f"/approvals/{step.id}"
    assert "You decide for Approver" in client.get(page).get_data(as_text=True)
    assert client.submit(page, action=page).status_code == 303
    (decision,) = db.session.query(ApprovalDecision).all()
    approver = hospital.accounts[Role.APPROVER]
    assert (decision.account_id, decision.on_behalf_of_id) == (stand_in.id, approver.id)
    assert "Second approver for Approver" in client.get(page).get_data(as_text=True)
    exported = client.get("/approvals/decisions.csv").get_data(as_text=True)
    assert "Second approver,Approver,page" in exported


def test_a_delegation_counts_on_its_days_and_never_for_who_asked(hospital: Hospital) -> None:
    with transaction():
        stand_in = colleague(Role.APPROVER, approval_limit="1.00")
        asker = colleague(Role.APPROVER, approval_limit="1.00")
        db.session.add(RoleAssignment(account_id=asker.id, role=Role.CLINIC_MANAGER))
    today = clock.today(hospital.organization.time_zone)
    absence(hospital, stand_in, starts_on=today + timedelta(days=1))
    absence(hospital, asker)
    own = submitted(hospital, {hospital.catheter_offer: 1}, actor=actor_of(asker))
    step = steps(own)[0]
    what = people.asked(step, step.requisition)
    assert list(people.deciders(what).values()) == ["Approver"], "not yet, and not for oneself"
    for person in (stand_in, asker):
        with pytest.raises(NotAllowed):
            decide(actor_of(person), steps(own)[0])
    with clock.shifted(timedelta(days=1)):
        assert "Second approver (for Approver)" in people.deciders(what).values()
        decide(actor_of(stand_in), steps(own)[0])


def test_only_administrators_delegate_for_others(hospital: Hospital) -> None:
    with transaction():
        stand_in = colleague(Role.APPROVER)
    today = clock.today()
    wanted = delegation.Wanted(hospital.accounts[Role.APPROVER].id, stand_in.id, today, today)
    with pytest.raises(NotAllowed):
        delegation.delegate(hospital.actor(Role.BUYER), wanted)
    for wrong, sentence in (
        ({"delegate_id": hospital.accounts[Role.APPROVER].id}, "another person"),
        ({"delegate_id": hospital.accounts[Role.RECEIVER].id}, "another person"),
        ({"ends_on": today - timedelta(days=9)}, "in the past"),
        ({"ends_on": today + timedelta(days=999)}, "at most a year"),
    ):
        values = {**wanted.__dict__, **wrong}
        with pytest.raises(Invalid, match=sentence):
            delegation.delegate(hospital.actor(Role.APPROVER), delegation.Wanted(**values))


def test_a_held_line_waits_while_the_others_go_on(hospital: Hospital) -> None:
    requisition = submitted(hospital, {hospital.catheter_offer: 1, hospital.gloves_offer: 3})
    approver = hospital.actor(Role.APPROVER)
    decide(
        approver,
        steps(requisition)[0],
        line_1=Decision(False, "Waits for the count", held=True),
        line_2=Decision(True, "One is enough", quantity=Decimal(1)),
    )
    lines = fresh(requisition).lines
    (step,) = steps(requisition)
    assert (step.amount, open_amount(step)) == (lines[0].amount + lines[1].amount, lines[0].amount)
    assert [line.state for line in lines] == [LineState.OPEN, LineState.APPROVED]
    assert states(requisition) == [(StepKind.OWNER, StepState.OPEN)]
    decide(approver, steps(requisition)[0])
    assert fresh(requisition).state is RequisitionState.DECIDED


def test_a_question_is_asked_and_answered_without_deciding(hospital: Hospital, client: Visitor) -> None:
    requisition = submitted(hospital, {hospital.catheter_offer: 1})
    (step,) = steps(requisition)
    client.sign_in(hospital.email(Role.APPROVER))
    page = f"/approvals/{step.id}"
    assert client.submit(page, {"text": " "}, action=f"{page}/ask").status_code == 422
    asked = client.submit(page, {"text": "For which patients?"}, action=f"{page}/ask")
    assert asked.status_code == 303
    (question,) = queries.questions_of(requisition.id)
    where = f"/approvals/questions/{question.id}"
    assert client.get(where).status_code == 404, "only who asked for the goods answers"
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    assert "For which patients?" in client.get(f"/requisitions/{requisition.id}").get_data(as_text=True)
    assert client.submit(where, {"text": "The ward upstairs"}, action=where).status_code == 303
    client.sign_in(hospital.email(Role.APPROVER))
    assert "The ward upstairs" in client.get(page).get_data(as_text=True)
    assert states(requisition) == [(StepKind.OWNER, StepState.OPEN)]


def test_handing_over_and_adding_an_approver(hospital: Hospital) -> None:
    with transaction():
        other = colleague(Role.APPROVER)
    requisition = submitted(hospital, {hospital.catheter_offer: 1})
    approver = hospital.actor(Role.APPROVER)
    (step,) = steps(requisition)
    with transaction():
        asking.add(approver, step.id, other.id, "Knows the vendor")
    with transaction():
        asking.forward(approver, step.id, other.id, "")
    with pytest.raises(NotAllowed):
        decide(approver, step)
    for one in steps(requisition):
        decide(actor_of(other), one)
    assert fresh(requisition).state is RequisitionState.DECIDED
    assert actions("requisition", requisition.id)[:3] == [
        "requisition.submit",
        "approval.add",
        "approval.forward",
    ]
    manager = hospital.accounts[Role.CLINIC_MANAGER]
    again = submitted(hospital, {hospital.catheter_offer: 1})
    for person in (manager, hospital.accounts[Role.APPROVER]):
        with pytest.raises(Invalid, match="somebody else"), transaction():
            asking.forward(approver, steps(again)[0].id, person.id, "")
    with pytest.raises(Invalid, match="may not decide"), transaction():
        asking.forward(approver, steps(again)[0].id, hospital.accounts[Role.BUYER].id, "")


def test_decisions_stay_as_they_were(hospital: Hospital) -> None:
    requisition = submitted(hospital, {hospital.catheter_offer: 1})
    decide(hospital.actor(Role.APPROVER), steps(requisition)[0])
    decision = db.session.query(ApprovalDecision).one()
    assert decision.evidence["available"] == "980.00"
    assert decision.evidence["on_hand"] == "0"
    with pytest.raises(Exception, match=r"append|denied|refuse"), transaction():
        decision.reason = "Another one"
