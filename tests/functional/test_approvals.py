"""The approver's inbox and decisions: line by line, with reasons, on what was seen, never on one's own."""

import re
from decimal import Decimal
from typing import Any

import pytest

from portal.approvals import queries
from portal.approvals.rules import LONGEST_COMMENT
from portal.foundation.db import db, enter_organization, transaction
from portal.identity.models import RoleAssignment
from portal.identity.rules import Role
from portal.masterdata.models import Facility
from portal.requisitions import queries as requisition_queries
from portal.requisitions import services as requisitions
from portal.requisitions.models import Requisition
from portal.requisitions.rules import LineState, RequisitionState
from tests import hospital as hospitals
from tests.hospital import Hospital
from tests.ordering import balance, priced
from tests.requesting import actions, colleague, fields, par, step_id, stocked, submitted
from tests.statements import recorded
from tests.visitor import Visitor


@pytest.fixture
def requisition(hospital: Hospital) -> Requisition:
    """Catheters for $60.00 and gloves for $14.50, submitted."""
    return submitted(hospital, {hospital.catheter_offer: 3, hospital.gloves_offer: 2})


@pytest.fixture
def approver(hospital: Hospital, client: Visitor) -> Visitor:
    """The approver, signed in."""
    client.sign_in(hospital.email(Role.APPROVER))
    return client


def page_of(requisition: Requisition) -> str:
    """The page of the requisition's only approval."""
    return f"/approvals/{queries.steps_of(requisition.id)[0].id}"


def fresh(requisition: Requisition) -> Requisition:
    """The requisition as the database has it."""
    db.session.expire_all()
    return db.session.get_one(Requisition, requisition.id)


def line_states(requisition: Requisition) -> list[tuple[LineState, str]]:
    """State and reason of each line."""
    present = requisition_queries.find(fresh(requisition).id)
    assert present is not None
    return [(line.state, line.decision_reason) for line in present.lines]


def test_the_inbox_leads_to_what_a_decision_needs(
    approver: Visitor, hospital: Hospital, requisition: Requisition
) -> None:
    with transaction():
        par(hospital.clinic, hospital.gloves.id, 10, 40)
        stocked(hospital.actor(Role.RECEIVER), hospital.clinic, hospital.gloves.id, 20)
    page = f"/approvals/{step_id(approver, str(requisition.number))}"
    text = approver.get(page).get_data(as_text=True)
    for shown in ("$74.50", "C-1001", "20 EA, par 10 to 40", "Enough is on hand", "$925.50", "$1,000.00"):
        assert shown in text
    assert re.search(r'value="yes"\s+selected|selected value="yes"', text), "yes is the default"


def test_one_click_approves_everything_and_leads_to_the_next(
    approver: Visitor, hospital: Hospital, requisition: Requisition
) -> None:
    following = submitted(hospital, {hospital.gloves_offer: 1})
    page = page_of(requisition)
    answer = approver.submit(page, action=page)
    assert (answer.status_code, answer.headers["Location"]) == (303, page_of(following))
    assert line_states(requisition) == [(LineState.APPROVED, "")] * 2
    assert fresh(requisition).state is RequisitionState.DECIDED
    answer = approver.submit(page_of(following), action=page_of(following))
    assert answer.headers["Location"] == "/approvals"
    assert "Nothing waits for you" in approver.get("/approvals").get_data(as_text=True)
    assert str(requisition.number) in approver.get("/approvals?show=decided").get_data(as_text=True)


def test_a_line_is_rejected_with_its_reason_and_its_budget_returns(
    approver: Visitor, hospital: Hospital, requisition: Requisition
) -> None:
    first, second = (line.id for line in requisition.lines)
    page = page_of(requisition)
    sent = {f"line-{first}": "Too many", f"words-{first}": "two weeks are enough", "comment": "Thanks"}
    assert approver.submit(page, sent, action=page).status_code == 303
    assert line_states(requisition) == [
        (LineState.REJECTED, "Too many: two weeks are enough"),
        (LineState.APPROVED, ""),
    ]
    assert balance(hospital).requested == Decimal("14.50")
    assert actions("requisition", requisition.id) == [
        "requisition.submit",
        "approval.decide",
        "requisition.decide",
    ]
    shown = approver.get(page).get_data(as_text=True)
    assert "Too many: two weeks are enough" in shown
    assert "Thanks" in shown
    assert 'name="comment"' not in shown, "a decided step is only read"
    assert f'name="line-{second}"' not in shown


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"line": "Other"}, "Say why Urinary catheter, 14 Fr is rejected."),
        ({"line": "Other", "words": "  "}, "Say why"),
        ({"line": ""}, "Say yes or no to Urinary catheter, 14 Fr."),
        ({"line": "maybe"}, "Say yes or no"),
        ({"quantity": " "}, "Enter how many, or reject the line."),
        ({"quantity": "-1"}, "Enter a quantity above zero."),
        ({"quantity": "9" * 30}, "999,999"),
        ({"quantity": "4", "words": "More"}, "enter a whole number from 1 to"),
        ({"line": "Too many", "words": "x" * 301}, "at most 300"),
        ({"comment": "x" * (LONGEST_COMMENT + 1)}, "at most 1000"),
    ],
)
def test_what_is_missing_is_asked_for_and_nothing_chosen_is_lost(
    approver: Visitor, requisition: Requisition, values: dict[str, str], sentence: str
) -> None:
    first, second = (line.id for line in requisition.lines)
    page = page_of(requisition)
    names = {"line": f"line-{first}", "words": f"words-{first}", "comment": "comment"}
    names["quantity"] = f"quantity-{first}"
    sent = {names[name]: value for name, value in values.items()}
    answer = approver.submit(page, {f"line-{second}": "Not needed now", **sent}, action=page)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert sentence in text
    assert re.search(rf'name="line-{second}".*?<option selected value="Not needed now"', text, re.DOTALL)
    assert line_states(requisition) == [(LineState.OPEN, "")] * 2


def test_a_missing_answer_is_no_yes(approver: Visitor, requisition: Requisition) -> None:
    page = page_of(requisition)
    sent = fields(approver, page, page)
    del sent[f"line-{requisition.lines[1].id}"]
    answer = approver.post(page, data=sent)
    assert answer.status_code == 422
    assert "Say yes or no to Exam glove, nitrile, medium." in answer.get_data(as_text=True)
    assert line_states(requisition) == [(LineState.OPEN, "")] * 2


def test_the_second_of_two_approvers_is_told_who_decided(
    approver: Visitor, hospital: Hospital, requisition: Requisition
) -> None:
    page = page_of(requisition)
    sent = fields(approver, page, page)
    with transaction():
        second = colleague(Role.APPROVER)
    other = Visitor(approver.application, approver.application.response_class)
    other.sign_in(second.email)
    assert other.submit(page, action=page).status_code == 303
    for _ in range(2):
        answer = approver.post(page, data=sent)
        text = answer.get_data(as_text=True)
        assert answer.status_code == 409
        assert f"Second approver decided {requisition.number} already." in text
        assert "Back to your approvals" in text
    assert actions("requisition", requisition.id).count("approval.decide") == 1


def test_a_decision_on_an_older_view_shows_the_new_one_with_what_was_chosen(
    approver: Visitor, hospital: Hospital, requisition: Requisition
) -> None:
    page = page_of(requisition)
    line_id = requisition.lines[0].id
    chosen = {f"line-{line_id}": "Too many", f"words-{line_id}": "take one"}
    for version in ("0", "", "x", "99", "9" * 40, "-1"):
        answer = approver.submit(page, {**chosen, "version": version}, action=page)
        text = answer.get_data(as_text=True)
        assert answer.status_code == 409
        assert "changed since you looked at it" in text
        assert "take one" in text
    again = {**chosen, "version": re.findall(r'name="version"[^>]*value="(\d+)"', text)[0]}
    assert approver.submit(page, again, action=page).status_code == 303


def test_a_withdrawn_request_cannot_be_decided(
    approver: Visitor, hospital: Hospital, requisition: Requisition
) -> None:
    page = page_of(requisition)
    sent = fields(approver, page, page)
    with transaction():
        requisitions.withdraw(hospital.actor(Role.CLINIC_MANAGER), requisition.id)
    answer = approver.post(page, data=sent)
    assert answer.status_code == 409
    assert "was withdrawn by Clinic manager" in answer.get_data(as_text=True)
    step = queries.steps_of(requisition.id)[0]
    assert actions("approval_step", step.id) == ["approval.open", "approval.withdraw"]
    assert str(requisition.number) not in approver.get("/approvals").get_data(as_text=True)


def test_the_own_request_is_never_shown(hospital: Hospital, client: Visitor) -> None:
    person = hospital.accounts[Role.APPROVER]
    with transaction():
        db.session.add(RoleAssignment(account_id=person.id, role=Role.CLINIC_MANAGER))
        colleague(Role.APPROVER)
    actor = hospital.actor(Role.APPROVER)
    own = submitted(hospital, {hospital.catheter_offer: 1}, actor=actor)
    client.sign_in(person.email)
    assert str(own.number) not in client.get("/approvals").get_data(as_text=True)
    page = page_of(own)
    assert client.get(page).status_code == 403
    answer = client.post(page, data={"csrf_token": client.csrf_token("/approvals")})
    assert answer.status_code == 403
    assert "your own request" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("scope", "status", "may"),
    [
        ({}, 200, True),
        ({"approval_limit": "74.50"}, 200, True),
        ({"approval_limit": "74.49"}, 200, False),
        ({"cost_center_id": "own"}, 200, True),
        ({"cost_center_id": "other"}, 404, False),
        ({"facility_id": "own"}, 200, True),
        ({"facility_id": "other"}, 404, False),
    ],
)
def test_place_cost_center_and_limit_decide_who_may(
    client: Visitor,
    hospital: Hospital,
    requisition: Requisition,
    scope: dict[str, Any],
    status: int,
    may: bool,
) -> None:
    ids = _ids(hospital)
    with transaction():
        person = colleague(
            Role.APPROVER, **{key: ids.get((key, value), value) for key, value in scope.items()}
        )
    client.sign_in(person.email)
    page = page_of(requisition)
    assert client.get(page).status_code == status
    listed = str(requisition.number) in client.get("/approvals").get_data(as_text=True)
    assert listed is may
    sent = {"csrf_token": client.csrf_token("/approvals"), "version": str(requisition.version)}
    answers = {f"line-{line.id}": "yes" for line in requisition.lines}
    assert client.post(page, data={**sent, **answers}).status_code == (
        303 if may else 403 if status == 200 else 404
    )
    assert (fresh(requisition).state is RequisitionState.DECIDED) is may


def _ids(hospital: Hospital) -> dict[tuple[str, str], int]:
    with transaction() as session:
        facility = Facility(code="2020", name="Other hospital")
        center = type(hospital.cost_center)(
            code="CC200", name="Other", valid_from=hospital.cost_center.valid_from,
            valid_to=hospital.cost_center.valid_to,
        )  # fmt: skip
        session.add_all([facility, center])
        session.flush()
        return {
            ("facility_id", "own"): hospital.facility.id,
            ("facility_id", "other"): facility.id,
            ("cost_center_id", "own"): hospital.cost_center.id,
            ("cost_center_id", "other"): center.id,
        }


def test_another_organization_sees_and_decides_nothing(
    client: Visitor, hospital: Hospital, requisition: Requisition
) -> None:
    page = page_of(requisition)
    with transaction():
        other = hospitals.build()
    enter_organization(hospital.organization.id)
    client.sign_in(other.email(Role.APPROVER))
    assert client.get(page).status_code == 404
    assert client.post(page, data={"csrf_token": client.csrf_token("/approvals")}).status_code == 404
    assert line_states(requisition) == [(LineState.OPEN, "")] * 2


def test_the_inbox_asks_as_little_for_many_rows(
    approver: Visitor, hospital: Hospital, requisition: Requisition
) -> None:
    approver.get("/approvals")
    with recorded() as few:
        approver.get("/approvals")
    for _ in range(4):
        submitted(hospital, {hospital.gloves_offer: 1})
    with recorded() as many:
        text = approver.get("/approvals").get_data(as_text=True)
    assert len(many) == len(few)
    assert text.index(str(requisition.number)) < text.rindex("RQ"), "the oldest first"
    for words in ("%", "\0", "'", "Clinic", str(requisition.number)):
        assert approver.get("/approvals", query_string={"q": words, "show": "x"}).status_code == 200


def test_what_was_asked_for_stays_at_the_price_it_was_asked(
    approver: Visitor, hospital: Hospital, requisition: Requisition
) -> None:
    priced(hospital, hospital.catheter_offer, "99.00")
    text = approver.get(page_of(requisition)).get_data(as_text=True)
    assert "$99.00" not in text
    approver.submit(page_of(requisition), action=page_of(requisition))
    assert balance(hospital).requested == Decimal("74.50")
