"""Who pays for a submitted line, and where it goes: the budget moves to the cent, approval reopens."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.approvals import queries as approval_queries
from portal.approvals import services as approvals
from portal.approvals.rules import AnswerState, StepState
from portal.approvals.services import Decision
from portal.budgets.models import Budget
from portal.budgets.queries import balances
from portal.budgets.rules import Control
from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import db, transaction
from portal.foundation.errors import Invalid
from portal.foundation.money import split
from portal.identity.rules import Role
from portal.masterdata.models import CostCenter
from portal.requisitions import changing, queries
from portal.requisitions import services as requisitions
from portal.requisitions.changing import Asked
from portal.requisitions.edits import LineEdit, ShareEdit
from portal.requisitions.models import Requisition
from portal.requisitions.rules import RequisitionState, SplitBy
from tests import ordering
from tests.hospital import Hospital
from tests.requesting import approved, fields
from tests.visitor import Visitor

DAY = timedelta(days=1)  # the facility may live a day behind


@pytest.fixture
def surgery(hospital: Hospital) -> Budget:
    """A second cost center with $100."""
    with transaction():
        return center(hospital, "CC200", "Surgery", "100.00")


def center(hospital: Hospital, code: str, name: str, amount: str) -> Budget:
    """A cost center with its budget; the caller commits."""
    today = clock.today()
    one = CostCenter(
        code=code, name=name, facility_id=hospital.facility.id, company_code="1010",
        valid_from=today - DAY, valid_to=today + 365 * DAY,
    )  # fmt: skip
    db.session.add(one)
    db.session.flush()
    budget = Budget(
        cost_center_id=one.id, period_start=today - DAY, period_end=today + DAY, amount=Decimal(amount),
        control=Control.BLOCK,
    )  # fmt: skip
    db.session.add(budget)
    return budget


def fresh(requisition: Requisition) -> Requisition:
    """The requisition as the database has it."""
    db.session.expire_all()
    found = queries.find(requisition.id)
    assert found is not None
    return found


def paid_by(*shares: tuple[str, str], by: SplitBy | None = None, place: str = "") -> LineEdit:
    """Who shall pay, and where it shall go."""
    rows = [ShareEdit(row, code, "", Decimal(part or 0)) for row, (code, part) in enumerate(shares)]
    alone = shares[0][0] if by is None and shares else ""
    return LineEdit(
        quantity=Decimal(1), offer_id=0, cost_center=alone, ship_to=place, split_by=by,
        shares=rows if by else (),
    )  # fmt: skip


def change(actor: Actor, requisition: Requisition, terms: LineEdit, quantity: int | None = None) -> None:
    """The requester changes the first line."""
    now = fresh(requisition)
    asked = Asked(Decimal(quantity or now.lines[0].quantity), None, "Used elsewhere", terms)
    with transaction():
        changing.change_line(actor, now.id, now.lines[0].id, asked, seen_version=now.version)


def held(*budgets: Budget) -> list[Decimal]:
    """What each budget holds as requested."""
    db.session.expire_all()
    found = balances(list(budgets))
    return [found[budget.id].requested for budget in budgets]


def steps(requisition: Requisition) -> list[tuple[str, StepState, list[AnswerState]]]:
    """Cost center, state and answers of each step."""
    db.session.expire_all()
    return [
        (step.cost_center.code, step.state, [one.state for one in step.answers])
        for step in approval_queries.steps_of(requisition.id)
    ]


def yes(hospital: Hospital, requisition: Requisition) -> None:
    """The approver says yes wherever it is open."""
    for step in approval_queries.steps_of(requisition.id):
        if step.state is StepState.OPEN:
            now = fresh(requisition)
            answers = {line.id: Decision(approved=True) for line in now.lines}
            with transaction():
                actor = hospital.actor(Role.APPROVER)
                approvals.decide(actor, step.id, answers, seen_version=now.version)


def test_another_cost_center_pays_and_only_its_owner_is_asked(hospital: Hospital, surgery: Budget) -> None:
    requisition = approved(hospital, {hospital.catheter_offer: 2, hospital.gloves_offer: 1})
    actor = hospital.actor(Role.CLINIC_MANAGER)
    change(actor, requisition, paid_by(("CC200", "")))
    assert held(hospital.budget, surgery) == [Decimal("7.25"), 40]
    decided, asked = (StepState.DECIDED, StepState.OPEN)
    assert steps(requisition) == [
        ("CC100", decided, [AnswerState.MOOT, AnswerState.APPROVED]),
        ("CC200", asked, [AnswerState.OPEN]),
    ]
    # Back again: the old yes does not count any more, and nobody of CC200 is asked.
    change(actor, requisition, paid_by(("CC100", "")))
    assert held(hospital.budget, surgery) == [Decimal("47.25"), 0]
    assert steps(requisition) == [
        ("CC100", asked, [AnswerState.OPEN, AnswerState.APPROVED]),
        ("CC200", StepState.SKIPPED, [AnswerState.MOOT]),
    ]
    change(actor, requisition, paid_by(("CC100", "75"), ("CC200", "25"), by=SplitBy.PERCENT), 3)
    assert held(hospital.budget, surgery) == [Decimal("52.25"), 15]
    yes(hospital, requisition)
    # Only who pays another part is asked: the same part of CC100, another place of CC200.
    assert fresh(requisition).state is RequisitionState.DECIDED
    ordering.connect(hospital)
    line_id = fresh(requisition).lines[0].id
    order = ordering.placed_lines(hospital, [line_id])
    db.session.expire_all()
    left = balances([hospital.budget, surgery])
    assert [left[one.id].ordered for one in (hospital.budget, surgery)] == [45, 15]
    assert order.total == 60


def test_only_those_whose_part_changes_are_asked(hospital: Hospital, surgery: Budget) -> None:
    with transaction():
        radiology = center(hospital, "CC300", "Radiology", "100.00")
    requisition = approved(hospital, {hospital.catheter_offer: 2})
    actor = hospital.actor(Role.CLINIC_MANAGER)
    change(actor, requisition, paid_by(("CC100", "50"), ("CC200", "50"), by=SplitBy.PERCENT))
    yes(hospital, requisition)
    by_amount = paid_by(("CC100", "20"), ("CC300", "20"), by=SplitBy.AMOUNT)
    change(actor, requisition, by_amount)
    assert held(hospital.budget, surgery, radiology) == [20, 0, 20]
    assert steps(requisition) == [
        ("CC100", StepState.DECIDED, [AnswerState.APPROVED]),
        ("CC200", StepState.SKIPPED, [AnswerState.MOOT]),
        ("CC300", StepState.OPEN, [AnswerState.OPEN]),
    ]
    # The place is asked of every owner; nobody else would have to know it.
    change(actor, requisition, replace(by_amount, ship_to="ST01"))
    assert [state for _, state, _ in steps(requisition)] == [
        StepState.OPEN, StepState.SKIPPED, StepState.OPEN,
    ]  # fmt: skip
    assert fresh(requisition).lines[0].ship_to.code == "ST01"


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        (paid_by(("CC200", "")), "Surgery has \\$100.00 available; this change needs \\$120.00"),
        (paid_by(("CC999", "")), "No such cost center, or not one you may charge there: CC999"),
        (paid_by(("CC100", "")), "Nothing is changed yet"),
        (paid_by(("CC100", "50"), ("CC200", "40"), by=SplitBy.PERCENT), "add up to 90 %"),
        (
            paid_by(("CC100", "100"), ("CC200", "10"), by=SplitBy.AMOUNT),
            "add up to \\$110.00; the line costs",
        ),
        (paid_by(("CC100", ""), place="NOWHERE"), "No such place"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_moves(
    hospital: Hospital, surgery: Budget, terms: LineEdit, sentence: str
) -> None:
    requisition = approved(hospital, {hospital.catheter_offer: 6})
    with pytest.raises(Invalid, match=sentence):
        change(hospital.actor(Role.CLINIC_MANAGER), requisition, terms)
    assert held(hospital.budget, surgery) == [120, 0]
    assert fresh(requisition).state is RequisitionState.DECIDED


def test_what_is_ordered_stays_with_who_pays_for_it(
    hospital: Hospital, surgery: Budget, client: Visitor
) -> None:
    ordering.connect(hospital)
    requisition = approved(hospital, {hospital.catheter_offer: 4})
    line = fresh(requisition).lines[0]
    with transaction():
        line = fresh(requisition).lines[0]
        line.closed_quantity = Decimal(2)
    ordering.placed_lines(hospital, [line.id])
    with transaction():
        fresh(requisition).lines[0].closed_quantity = Decimal(0)
    actor = hospital.actor(Role.CLINIC_MANAGER)
    sentence = "are ordered already, for ED01 Emergency department, paid by CC100 Emergency"
    with pytest.raises(Invalid, match=f"2 BX {sentence}"):
        change(actor, requisition, paid_by(("CC200", "")))
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    page = client.get(f"/requisitions/{requisition.id}/lines/{line.id}/change").get_data(as_text=True)
    assert sentence in page
    assert "If several cost centers pay" not in page
    change(actor, requisition, paid_by(("CC100", "")), 3)
    assert fresh(requisition).lines[0].quantity == 3


def test_the_page_changes_payers_and_place_and_the_approver_sees_the_difference(
    hospital: Hospital, surgery: Budget, client: Visitor
) -> None:
    requisition = approved(hospital, {hospital.catheter_offer: 2})
    line_id = fresh(requisition).lines[0].id
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    page = f"/requisitions/{requisition.id}/lines/{line_id}/change"
    typed = fields(client, page, page)
    assert typed[f"center-{line_id}"] == "CC100 Emergency"
    typed |= {f"payer-{line_id}-0": "CC100", f"part-{line_id}-0": "25", "reason": "Shared rooms"}
    answer = client.post(page, data=typed)
    assert (answer.status_code, "Choose by percent or by amount" in answer.get_data(as_text=True)) == (
        422,
        True,
    )
    typed |= {f"split-{line_id}": "percent", f"payer-{line_id}-1": "CC200", f"part-{line_id}-1": "x"}
    answer = client.post(page, data=typed)
    assert (answer.status_code, "Enter a number" in answer.get_data(as_text=True)) == (422, True)
    typed |= {f"part-{line_id}-1": "75", f"place-{line_id}": "ST01"}
    assert client.post(page, data=typed).status_code == 303
    assert held(hospital.budget, surgery) == [10, 30]
    told = client.get(f"/requisitions/{requisition.id}").get_data(as_text=True)
    difference = "CC100 Emergency → 25 % CC100 Emergency ($10.00), 75 % CC200 Surgery ($30.00)."
    assert difference in told
    client.sign_in(hospital.email(Role.APPROVER))
    step = next(one for one in approval_queries.steps_of(requisition.id) if one.cost_center.code == "CC200")
    shown = client.get(f"/approvals/{step.id}").get_data(as_text=True)
    assert f"Paid by {difference}" in shown
    assert "Delivered to ED01 Emergency department → ST01 Central storeroom." in shown
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    back = fields(client, page, page) | {f"split-{line_id}": "", "reason": "Alone again"}
    back |= {name: "" for name in back if name.startswith(("part-", "payer-"))}
    assert client.post(page, data=back | {f"center-{line_id}": "CC200"}).status_code == 303
    assert held(hospital.budget, surgery) == [0, 40]


PAYERS = st.one_of(
    st.sampled_from([[("CC100", "")], [("CC200", "")], [("CC400", "")]]),
    st.lists(st.integers(1, 98), min_size=1, max_size=2).map(
        lambda parts: (
            [
                *zip(("CC100", "CC200"), map(str, parts), strict=False),
                ("CC400", str(100 - sum(parts))),
            ]
            if sum(parts) < 100
            else [("CC100", "50"), ("CC200", "50")]
        )
    ),
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(PAYERS, st.integers(1, 5)), min_size=1, max_size=4))
def test_however_it_moves_each_payer_holds_its_part_and_closing_gives_all_back(
    hospital: Hospital, surgery: Budget, moves: list[tuple[list[tuple[str, str]], int]]
) -> None:
    """CC400 has no budget: what it pays is held by nobody."""
    with transaction():
        if not db.session.query(CostCenter).filter_by(code="CC400").count():
            budget = center(hospital, "CC400", "Laboratory", "1.00")
            db.session.flush()
            db.session.delete(budget)
    start = held(hospital.budget, surgery)
    actor = hospital.actor(Role.CLINIC_MANAGER)
    ordering.priced(hospital, hospital.catheter_offer, "3.33")
    requisition = approved(hospital, {hospital.catheter_offer: 1})
    for payers, quantity in moves:
        by = SplitBy.PERCENT if len(payers) > 1 else None
        with suppress(Invalid):  # nothing is changed by this one
            change(actor, requisition, paid_by(*payers, by=by), quantity)
        amount = quantity * Decimal("3.33")
        weights = [Decimal(part or 1) for _, part in payers]
        parts = dict(zip((code for code, _ in payers), split(amount, weights), strict=True))
        now = held(hospital.budget, surgery)
        assert [after - before for after, before in zip(now, start, strict=True)] == [
            parts.get("CC100", 0), parts.get("CC200", 0),
        ]  # fmt: skip
    yes(hospital, requisition)
    with transaction():
        requisitions.close_line(actor, requisition.id, fresh(requisition).lines[0].id, "Not needed")
    assert held(hospital.budget, surgery) == start
