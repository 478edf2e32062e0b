"""Several approvals on one screen, without JavaScript: totals, cuts, what fails alone."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from portal.approvals import facility_hours, policies, queries
from portal.foundation.access import Actor, Grant, Permission
from portal.foundation.db import db, transaction
from portal.foundation.errors import NotAllowed
from portal.identity.rules import Role
from portal.masterdata.models import ClosedDay, ContractLine
from portal.requisitions import queries as requisitions
from portal.requisitions import services as requesting
from portal.requisitions.models import Requisition
from portal.requisitions.rules import LineState, RequisitionState
from tests.hospital import Hospital
from tests.ordering import balance
from tests.requesting import fields, submitted
from tests.visitor import Visitor

BATCH = "/approvals/batch"


@pytest.fixture
def two(hospital: Hospital, client: Visitor) -> tuple[Requisition, Requisition]:
    """Two requests, and the approver signed in."""
    both = (
        submitted(hospital, {hospital.catheter_offer: 3, hospital.gloves_offer: 2}),
        submitted(hospital, {hospital.gloves_offer: 4}),
    )
    client.sign_in(hospital.email(Role.APPROVER))
    return both


def box(requisition: Requisition, line: int) -> str:
    """The name of the box of a requisition's line (counted from 0)."""
    (step,) = queries.steps_of(requisition.id)
    return f"q-{step.id}-{requisition.lines[line].id}"


def fresh(requisition: Requisition) -> Requisition:
    """With its lines as the database has them."""
    db.session.expire_all()
    found = requisitions.find(requisition.id)
    assert found is not None
    return found


def test_totals_follow_and_nothing_is_decided_before_it_is_sent(
    hospital: Hospital, client: Visitor, two: tuple[Requisition, Requisition]
) -> None:
    first, second = two
    text = client.get(BATCH).get_data(as_text=True)
    assert text.count("Exam glove, nitrile, medium<span") == 1, "one row for each item"
    answer = client.submit(BATCH, {box(first, 1): "1", "act": "totals"}, action=BATCH)
    text = " ".join(answer.get_data(as_text=True).split())
    assert '$67.25</span> of <span class="money">$74.50' in text
    assert "$96.25" in text
    assert fresh(first).state is RequisitionState.SUBMITTED
    assert client.submit(BATCH, {box(first, 1): "x", "act": "send"}, action=BATCH).status_code == 422
    assert fresh(second).state is RequisitionState.SUBMITTED


def test_each_column_is_decided_by_itself(
    hospital: Hospital, client: Visitor, two: tuple[Requisition, Requisition]
) -> None:
    first, second = two
    sent = {box(first, 0): "0", box(first, 1): "1", "act": "send"}
    emptied = client.submit(BATCH, {box(first, 0): ""}, action=BATCH)
    assert "Enter how many; 0 rejects the line." in emptied.get_data(as_text=True)
    assert fresh(first).state is fresh(second).state is RequisitionState.SUBMITTED
    answer = client.submit(BATCH, sent, action=BATCH)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Say why Urinary catheter, 14 Fr is rejected" in text
    assert fresh(second).state is RequisitionState.DECIDED
    (step,) = queries.steps_of(first.id)
    again = {**sent, f"why-{step.id}": "Enough on hand"}
    assert client.submit(BATCH, again, action=BATCH).status_code == 303
    lines = fresh(first).lines
    assert [line.state for line in lines] == [LineState.REJECTED, LineState.APPROVED]
    assert [line.decision_reason for line in lines] == ["Enough on hand", "1 instead of 2. Enough on hand"]
    assert balance(hospital).requested == Decimal("7.25") + 29


def tiered(hospital: Hospital, minimum: int, price: str) -> None:
    """A tier of the catheters, $20.00 a box below it, from so many boxes on."""
    line = db.session.scalars(select(ContractLine).filter_by(item_id=hospital.catheter.id)).one()
    kept = ("contract_id", "item_id", "supplier_part", "uom", "valid_from", "valid_to")
    values = {name: getattr(line, name) for name in kept}
    db.session.add(ContractLine(**values, minimum_quantity=Decimal(minimum), unit_price=Decimal(price)))


@pytest.mark.parametrize(
    ("tier", "shown", "held"), [("18.00", "$40.00", "40.00"), ("10.00", "$40.00", "30.00")]
)
def test_fewer_have_the_price_of_so_few(
    hospital: Hospital, client: Visitor, tier: str, shown: str, held: str
) -> None:
    with transaction():
        tiered(hospital, 3, tier)
    requisition = submitted(hospital, {hospital.catheter_offer: 3})
    client.sign_in(hospital.email(Role.APPROVER))
    (step,) = queries.steps_of(requisition.id)
    sent = {box(requisition, 0): "2", f"why-{step.id}": "Enough on hand"}
    totals = client.submit(BATCH, {**sent, "act": "totals"}, action=BATCH).get_data(as_text=True)
    assert shown in totals
    answer = client.submit(BATCH, {**sent, "act": "send"}, action=BATCH)
    assert balance(hospital).requested == Decimal(held)
    if Decimal(held) < 40:
        assert answer.status_code == 422
        assert "2 BX would cost $40.00, more than the 3 asked for" in answer.get_data(as_text=True)


def test_what_is_gone_meanwhile_is_left_out(
    hospital: Hospital, client: Visitor, two: tuple[Requisition, Requisition]
) -> None:
    first, second = two
    sent = fields(client, BATCH, BATCH)
    with transaction():
        requesting.withdraw(hospital.actor(Role.CLINIC_MANAGER), first.id)
    assert client.post(BATCH, data={**sent, "act": "send"}).status_code == 303
    assert fresh(first).state is RequisitionState.CANCELLED
    assert fresh(second).state is RequisitionState.DECIDED
    assert "Nothing waits for you" in client.get(BATCH).get_data(as_text=True)


def hours_of_a_facility(hospital: Hospital, client: Visitor, monday: datetime) -> None:
    """A facility has hours of its own until they are taken back."""
    place, page = hospital.facility.id, f"/approvals/rules/facilities/{hospital.facility.id}"
    assert page in client.get("/approvals/rules").get_data(as_text=True)

    def waited() -> timedelta:
        return queries.patience().waited(monday, monday + timedelta(days=2), place)

    for wrong in ({"opens": "early"}, {"closes": ""}, {"closes": "05:00"}, {"weekdays": "9"}):
        assert client.submit(page, wrong, action=page).status_code == 422, wrong
    assert client.submit(page, {"opens": "07:00", "closes": "10:00"}, action=page).status_code == 303
    assert "07:00 to 10:00, Tue, Wed, Thu, Fri" in client.get("/approvals/rules").get_data(as_text=True)
    assert waited() == timedelta(hours=3)
    assert client.submit(page, {"weekdays": "0"}, action=page).status_code == 303  # Mondays only
    assert waited() == timedelta(hours=3), "its own business day, whatever the dock takes"
    assert client.submit(page, action=f"{page}/usual").status_code == 303
    assert waited() == timedelta(hours=12.5)
    assert "As the organization" in client.get(page).get_data(as_text=True)
    elsewhere = Grant(frozenset({Permission.MANAGE_RULES}), facility_id=place + 1)
    person = Actor(hospital.organization.id, "Rules elsewhere", 1, (elsewhere,))
    with pytest.raises(NotAllowed, match="your own facility"):
        facility_hours.take_back(person, place)
    with pytest.raises(NotAllowed, match="all facilities"):
        policies.change(person, policies.Wanted(None, (), 1, 2))


def test_who_approves_what_is_set_with_its_history(hospital: Hospital, client: Visitor) -> None:
    page = "/approvals/rules"
    client.sign_in(hospital.email(Role.APPROVER))
    assert client.get(page).status_code == 403
    client.sign_in(hospital.email(Role.FINANCE_DIRECTOR))
    for wrong in (
        {"off_contract_above": "-1"},
        {"off_contract_above": "NaN"},
        {"off_contract_above": "much"},
        {"categories": "Nonsense"},
        {"remind_after": "0"},
        {"remind_after": "x"},
        {"escalate_after": "1"},
        {"escalate_after": "9" * 30},
        {"opens": "early"},
        {"closes": "07:30"},
        {"weekdays": "9"},
    ):
        assert client.submit(page, wrong, action=page).status_code == 422, wrong
    sent = {"off_contract_above": "0", "categories": "Med-surg", "remind_after": "1"}
    sent |= {"opens": "06:00", "closes": "18:30"}
    assert client.submit(page, sent, action=page).status_code == 303
    text = client.get(page).get_data(as_text=True)
    assert "Without contract: above 0.00. Categories: Med-surg." in text
    assert "Business hours 06:00 to 18:30, Mon, Tue, Wed, Thu, Fri." in text
    with transaction():
        db.session.add(ClosedDay(facility_id=hospital.facility.id, weekday=0, reason="Rest day"))
    known = queries.patience()
    monday = datetime(2026, 11, 23, 5, tzinfo=ZoneInfo("America/Chicago"))
    for days, hours in ((1, 0), (2, 12.5)):
        waited = known.waited(monday, monday + timedelta(days=days), hospital.facility.id)
        assert waited == timedelta(hours=hours), "the facility is closed on Mondays"
    hours_of_a_facility(hospital, client, monday)
    submitted(hospital, {hospital.gloves_offer: 1})
    client.sign_in(hospital.email(Role.BUYER))
    text = client.get("/approvals").get_data(as_text=True)
    assert "Buyer, category" in text
    assert "0 of 1 on hand there" in text
