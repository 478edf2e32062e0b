"""A line that several cost centers pay: split in the cart, approved by each, held, ordered and given back."""

from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func

from portal.approvals import queries as approval_queries
from portal.approvals import services as approvals
from portal.approvals.services import Decision
from portal.budgets import services as budgets
from portal.budgets.models import Budget, BudgetEntry, CostShare
from portal.budgets.queries import balances
from portal.budgets.rules import Balance, Control, Term
from portal.budgets.services import Change, Document
from portal.exchange.models import Message
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.money import split
from portal.identity.rules import Role
from portal.masterdata.models import CostCenter
from portal.orders import cancelling
from portal.requisitions import changing, queries
from portal.requisitions import services as requisitions
from portal.requisitions.models import Requisition
from portal.requisitions.rules import RequisitionState
from tests import ordering
from tests.hospital import Hospital
from tests.requesting import fields, in_cart
from tests.visitor import Visitor

NUMBERS = count(1_000_000)
DAY = timedelta(days=1)  # the facility may live a day behind


@pytest.fixture
def surgery(hospital: Hospital) -> Budget:
    """A second cost center with a budget of its own."""
    with transaction():
        today = clock.today()
        center = CostCenter(
            code="CC200", name="Surgery", facility_id=hospital.facility.id, company_code="1010",
            valid_from=today - DAY, valid_to=today + 365 * DAY,
        )  # fmt: skip
        db.session.add(center)
        db.session.flush()
        budget = Budget(
            cost_center_id=center.id, period_start=today - DAY, period_end=today + DAY, amount=Decimal(100),
            control=Control.BLOCK,
        )  # fmt: skip
        db.session.add(budget)
    return budget


@pytest.fixture
def third(hospital: Hospital, surgery: Budget) -> tuple[int, Budget, Budget]:
    """The id of a line of which the second cost center pays a third, and the two budgets."""
    cart = in_cart(hospital, {hospital.gloves_offer: 1})
    weights = {hospital.budget: 2, surgery: 1}
    with transaction():
        db.session.add_all(
            CostShare(
                requisition_line_id=cart.lines[0].id, position=position, weight=Decimal(weight),
                cost_center_id=budget.cost_center_id, budget_id=budget.id,
            )
            for position, (budget, weight) in enumerate(weights.items())
        )  # fmt: skip
    return cart.lines[0].id, hospital.budget, surgery


@pytest.fixture
def manager(hospital: Hospital, client: Visitor) -> Visitor:
    """The clinic manager, signed in."""
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    return client


def left(*asked: Budget) -> list[Balance]:
    """The balances of budgets as the ledger has them."""
    db.session.expire_all()
    found = balances(list(asked))
    return [found[budget.id] for budget in asked]


def shared(
    manager: Visitor, hospital: Hospital, by: str, parts: dict[str, str], quantity: int = 3
) -> Requisition:
    """A cart of gloves at $7.25 a box, split on its page."""
    cart = in_cart(hospital, {hospital.gloves_offer: quantity})
    line_id, action = cart.lines[0].id, f"/cart/{cart.id}/save"
    data = fields(manager, "/cart", action) | {f"split-{line_id}": by}
    assert manager.post(action, data=data).status_code == 303
    data = fields(manager, "/cart", action)
    assert data[f"payer-{line_id}-0"] == "CC100 Emergency", "who pays usually is the first"
    for row, (center, part) in enumerate(parts.items()):
        data |= {f"payer-{line_id}-{row}": center, f"part-{line_id}-{row}": part}
    assert manager.post(action, data=data).status_code == 303
    db.session.expire_all()
    found = queries.find(cart.id)
    assert found is not None
    return found


def yes(hospital: Hospital, requisition: Requisition) -> None:
    """The approver answers every step."""
    for step in approval_queries.steps_of(requisition.id):
        with transaction():
            fresh = queries.find(requisition.id)
            assert fresh is not None
            answers = {line.id: Decision(approved=True) for line in fresh.lines}
            approvals.decide(hospital.actor(Role.APPROVER), step.id, answers, seen_version=fresh.version)


def test_two_cost_centers_share_a_line_to_the_cent_through_its_whole_life(
    manager: Visitor, hospital: Hospital, surgery: Budget
) -> None:
    ordering.connect(hospital)
    cart = shared(manager, hospital, "percent", {"CC100": "66.7", "CC200": "33.3"})
    page = manager.get("/cart").get_data(as_text=True)
    assert "CC100 Emergency: $14.51, CC200 Surgery: $7.24" in page
    assert "Cost center CC200 Surgery" in page, "its budget stands beside that of the place"
    line_id = cart.lines[0].id
    with transaction():
        requisitions.submit(hospital.actor(Role.CLINIC_MANAGER), cart.id, seen_version=cart.version)
    assert [one.requested for one in left(hospital.budget, surgery)] == [Decimal("14.51"), Decimal("7.24")]
    steps = approval_queries.steps_of(cart.id)
    assert [(one.cost_center.code, one.amount) for one in steps] == [
        ("CC100", Decimal("14.51")), ("CC200", Decimal("7.24")),
    ]  # fmt: skip
    told = manager.get(f"/requisitions/{cart.id}").get_data(as_text=True)
    assert "shared by 66.7 % CC100 Emergency ($14.51), 33.3 % CC200 Surgery ($7.24)" in told
    # More of it: both hold their share of the new amount, both are asked again.
    yes(hospital, cart)
    now = queries.find(cart.id)
    assert now is not None
    with transaction():
        asked = changing.Asked(Decimal(4), None, "One more room")
        person = hospital.actor(Role.CLINIC_MANAGER)
        changing.change_line(person, cart.id, line_id, asked, seen_version=now.version)
    assert [one.requested for one in left(hospital.budget, surgery)] == [Decimal("19.34"), Decimal("9.66")]
    yes(hospital, cart)
    order = ordering.placed_lines(hospital, [line_id])
    assert [one.ordered for one in left(hospital.budget, surgery)] == [Decimal("19.34"), Decimal("9.66")]
    assert [one.requested for one in left(hospital.budget, surgery)] == [0, 0]
    sent = db.session.query(Message).filter_by(subject_id=order.id).one().canonical
    assert sent is not None
    assignments = sent["lines"][0]["assignments"]
    assert [(one["cost_center"], one["quantity"], one["amount"]) for one in assignments] == [
        ("CC100", "2.668", "19.34"), ("CC200", "1.332", "9.66"),
    ]  # fmt: skip
    buyer = hospital.actor(Role.BUYER)
    with transaction():
        cancelling.cancel_rest(buyer, order.id, ordering.fresh(order).lines[0].id, "Not needed")
    assert [one.available for one in left(hospital.budget, surgery)] == [1000, 100]


def test_a_split_that_does_not_add_up_cannot_be_submitted(
    manager: Visitor, hospital: Hospital, surgery: Budget
) -> None:
    cart = shared(manager, hospital, "percent", {"CC100": "60", "CC200": "30"})
    page = manager.get("/cart").get_data(as_text=True)
    assert "add up to 90 %; they must make 100 %" in page
    assert "CC100 Emergency: 60 %, CC200 Surgery: 30 %" in page, "as typed, not as it would be in proportion"
    line_id, action = cart.lines[0].id, f"/cart/{cart.id}/save"
    data = fields(manager, "/cart", action) | {f"split-{line_id}": "amount", f"part-{line_id}-0": "20"}
    manager.post(action, data=data)
    assert "add up to $50.00; the line costs $21.75" in manager.get("/cart").get_data(as_text=True)
    data = fields(manager, "/cart", action) | {f"part-{line_id}-1": "1.75"}
    manager.post(action, data=data)
    assert "add up to" not in manager.get("/cart").get_data(as_text=True).replace("add up to $21.75.", "")
    data = fields(manager, "/cart", action) | {f"payer-{line_id}-1": "CC999"}
    answer = manager.post(action, data=data)
    assert answer.status_code == 422
    assert "No such cost center, or not one you may charge there: CC999" in answer.get_data(as_text=True)
    data = fields(manager, "/cart", action) | {f"split-{line_id}": ""}
    manager.post(action, data=data)
    assert "CC200" not in manager.get("/cart").get_data(as_text=True).partition("datalist")[0]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.integers(0, 10_000), min_size=1, max_size=5))
def test_whatever_is_held_each_budget_holds_its_share_of_it(
    third: tuple[int, Budget, Budget], steps: list[int]
) -> None:
    """A thread of holding and giving back, for a document of its own, that ends with nothing."""
    line_id, first, second = third
    document = Document("requisition", next(NUMBERS), "RQ-1")
    held = Decimal()
    for step in [*steps, 0]:
        wanted = Decimal(step) / 100
        with transaction():
            budgets.post([Change(line_id, Term.REQUESTED, wanted - held, document)])
        held = wanted
        sums = dict(
            db.session.query(BudgetEntry.budget_id, func.sum(BudgetEntry.amount))
            .filter_by(document_id=document.id)
            .group_by(BudgetEntry.budget_id)
            .all()
        )
        shares = split(held, [Decimal(2), Decimal(1)])
        assert [sums.get(first.id, 0), sums.get(second.id, 0)] == shares


def test_the_batch_screen_asks_for_each_cost_center(
    manager: Visitor, hospital: Hospital, surgery: Budget
) -> None:
    cart = shared(manager, hospital, "percent", {"CC100": "50", "CC200": "50"})
    with transaction():
        requisitions.submit(hospital.actor(Role.CLINIC_MANAGER), cart.id, seen_version=cart.version)
    manager.sign_in(hospital.email(Role.APPROVER))
    step = approval_queries.steps_of(cart.id)[1]
    text = manager.get(f"/approvals/{step.id}").get_data(as_text=True)
    assert "shared by 50 % CC100 Emergency ($10.88), 50 % CC200 Surgery ($10.87)" in text
    text = " ".join(manager.get("/approvals/batch").get_data(as_text=True).split())
    assert text.count("$10.88") == 1
    assert text.count("$10.87") == 1
    sent = fields(manager, "/approvals/batch", "/approvals/batch") | {"act": "send"}
    assert manager.post("/approvals/batch", data=sent).status_code == 303
    db.session.expire_all()
    now = queries.find(cart.id)
    assert now is not None
    assert now.state is RequisitionState.DECIDED


def test_an_approver_of_one_cost_center_cuts_the_line_for_both(
    manager: Visitor, hospital: Hospital, surgery: Budget
) -> None:
    cart = shared(manager, hospital, "amount", {"CC100": "14.50", "CC200": "14.50"}, quantity=4)
    with transaction():
        requisitions.submit(hospital.actor(Role.CLINIC_MANAGER), cart.id, seen_version=cart.version)
    first, second = approval_queries.steps_of(cart.id)
    line_id = cart.lines[0].id
    with transaction():
        now = queries.find(cart.id)
        assert now is not None
        less = {line_id: Decision(approved=True, quantity=Decimal(1), reason="One will do")}
        approvals.decide(hospital.actor(Role.APPROVER), first.id, less, seen_version=now.version)
    assert [one.requested for one in left(hospital.budget, surgery)] == [Decimal("3.63"), Decimal("3.62")]
    found = approval_queries.find(second.id)
    assert found is not None
    assert (found.amount, found.answers[0].amount) == (Decimal("3.62"), Decimal("3.62"))
    with transaction():
        now = queries.find(cart.id)
        assert now is not None
        no = {line_id: Decision(approved=False, reason="Not in the budget")}
        approvals.decide(hospital.actor(Role.APPROVER), second.id, no, seen_version=now.version)
    assert [one.available for one in left(hospital.budget, surgery)] == [1000, 100]
