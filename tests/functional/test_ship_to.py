"""Lines of one cart for several places: another box, another check, another order."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from portal.approvals import queries as approval_queries
from portal.approvals import services as approvals
from portal.approvals.services import Decision
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.identity.services import actor_of
from portal.masterdata.models import ClosedDay, CostCenter, Facility, Location
from portal.orders import queries as order_queries
from portal.orders import services as orders
from portal.requisitions import queries
from portal.requisitions import services as requisitions
from portal.requisitions.rulebook.models import RuleVersion
from portal.requisitions.rulebook.rules import Severity
from tests import ordering
from tests.hospital import Hospital
from tests.requesting import approve, colleague, fields, in_cart, stocked
from tests.visitor import Visitor


@pytest.fixture
def manager(hospital: Hospital, client: Visitor) -> Visitor:
    """The clinic manager, signed in."""
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    return client


def test_a_line_for_another_place_is_checked_and_ordered_for_that_place(
    manager: Visitor, hospital: Hospital
) -> None:
    ordering.connect(hospital)
    with transaction():
        stocked(hospital.actor(Role.RECEIVER), hospital.storeroom, hospital.gloves.id, 70)
    cart = in_cart(hospital, {hospital.gloves_offer: 2, hospital.catheter_offer: 1})
    gloves, action = cart.lines[0].id, f"/cart/{cart.id}/save"
    data = fields(manager, "/cart", action) | {f"place-{gloves}": "st01"}
    assert manager.post(action, data=data).status_code == 303
    page = manager.get("/cart").get_data(as_text=True)
    assert "deliver to ST01 Central storeroom" in page
    assert "70 EA" in page, "what is on hand there"
    bad = manager.post(action, data=fields(manager, "/cart", action) | {f"place-{gloves}": "NOWHERE"})
    assert (bad.status_code, "No such place" in bad.get_data(as_text=True)) == (422, True)
    # The same again is for the cart's own place: a line of its own.
    again = in_cart(hospital, {hospital.gloves_offer: 1})
    assert [(line.offer_id, line.ship_to.name) for line in again.lines] == [
        (hospital.gloves_offer.id, "Central storeroom"),
        (hospital.catheter_offer.id, "Emergency department"),
        (hospital.gloves_offer.id, "Emergency department"),
    ]
    with transaction():
        person = hospital.actor(Role.CLINIC_MANAGER)
        requisition = requisitions.submit(person, again.id, seen_version=again.version)
    assert "delivered to Central storeroom" in manager.get(f"/requisitions/{cart.id}").get_data(as_text=True)
    approve(hospital, requisition)
    db.session.expire_all()
    now = queries.find(cart.id)
    assert now is not None
    with transaction():
        placed = orders.place(hospital.actor(Role.BUYER), [line.id for line in now.lines])
    assert {order.location.name: len(order.lines) for order in placed} == {
        "Central storeroom": 1, "Emergency department": 2,
    }  # fmt: skip
    # What is on its way to the storeroom is said for the storeroom alone.
    repeated = in_cart(hospital, {hospital.gloves_offer: 1})
    line = repeated.lines[0].id
    assert "10 EA of Exam glove, nitrile, medium are requested or on order" in manager.get("/cart").get_data(
        as_text=True
    )
    action = f"/cart/{repeated.id}/save"
    data = fields(manager, "/cart", action) | {f"place-{line}": "ST01 Central storeroom"}
    manager.post(action, data=data)
    assert "20 EA of Exam glove, nitrile, medium are requested or on order" in manager.get("/cart").get_data(
        as_text=True
    )


@pytest.fixture
def clinic(hospital: Hospital) -> Location:
    """A place of another facility with a cost center of its own, closed on Sundays, far to the west."""
    with transaction():
        today = clock.today()
        facility = Facility(code="2020", name="West clinic", time_zone="Pacific/Honolulu")
        db.session.add(facility)
        db.session.flush()
        center = CostCenter(
            code="CC900", name="West", facility_id=facility.id, company_code="1010",
            valid_from=today - timedelta(days=2), valid_to=today + timedelta(days=365),
        )  # fmt: skip
        db.session.add(center)
        db.session.flush()
        place = Location(
            code="ST01", name="West storeroom", facility_id=facility.id, cost_center_id=center.id
        )
        db.session.add(place)
        db.session.add(ClosedDay(facility_id=facility.id, weekday=6, reason="nobody there"))
    return place


def test_a_line_goes_to_another_facility_by_the_rules_of_that_facility(
    manager: Visitor, hospital: Hospital, clinic: Location
) -> None:
    ordering.connect(hospital)
    cart = in_cart(hospital, {hospital.gloves_offer: 2, hospital.catheter_offer: 1})
    line, action = cart.lines[0].id, f"/cart/{cart.id}/save"
    sunday = clock.today() + timedelta(days=13 - clock.today().weekday())
    with transaction():
        since = {"number": 2, "starts_on": clock.today("Pacific/Honolulu"), "facility_id": clinic.facility_id}
        strict = RuleVersion(rule="contract_ends", severity=Severity.WARN, threshold=Decimal(400), **since)
        db.session.add(strict)
    data = fields(manager, "/cart", action)
    # A code of both facilities is that of the cart's own.
    manager.post(action, data=data | {f"place-{line}": "ST01"})
    assert "deliver to ST01 Central storeroom" in manager.get("/cart").get_data(as_text=True)
    data = fields(manager, "/cart", action) | {f"need-{line}": sunday.isoformat()}
    there = data | {f"place-{line}": "ST01 West storeroom, West clinic"}
    refused = manager.post(action, data=there | {f"center-{line}": "CC100"})
    assert "not one you may charge there: CC100" in refused.get_data(as_text=True)
    assert manager.post(action, data=there).status_code == 303
    page = manager.get("/cart").get_data(as_text=True)
    assert "deliver to ST01 West storeroom, West clinic" in page
    assert 'placeholder="CC900 West"' in page, "what goes there is paid there"
    assert "West storeroom takes no deliveries on Sun" in page
    assert re.findall(r"for ([\w, ]+) ends on [\w ,]+\. What comes later", page) == [
        "Exam glove, nitrile, medium"
    ], "a rule of the west alone"
    db.session.expire_all()
    cart = requisitions.cart(hospital.actor(Role.CLINIC_MANAGER), hospital.clinic.id)
    with transaction():
        requisitions.submit(hospital.actor(Role.CLINIC_MANAGER), cart.id, seen_version=cart.version)
    steps = approval_queries.steps_of(cart.id)
    assert [step.cost_center.code for step in steps] == ["CC100", "CC900"]
    # Whoever approves only at the west decides what is paid there, and nothing else.
    with transaction():
        west = actor_of(colleague(Role.APPROVER, facility_id=clinic.facility_id))
        home = actor_of(colleague(Role.APPROVER, facility_id=hospital.facility.id))
    seen = [[one.id for one in db.session.scalars(approval_queries.inbox(who))] for who in (home, west)]
    assert seen == [[steps[0].id], [steps[1].id]]
    for step, person in zip(steps, (home, west), strict=True):
        with transaction():
            now = queries.find(cart.id)
            assert now is not None
            answers = {one.id: Decision(approved=True) for one in now.lines}
            approvals.decide(person, step.id, answers, seen_version=now.version)
    with transaction():
        buyer = colleague(Role.BUYER, facility_id=clinic.facility_id)
    assert [one.id for one in order_queries.workbench(actor_of(buyer))] == [line]
    assert queries.for_person(actor_of(buyer), cart.id).id == cart.id
    with transaction():
        (placed,) = orders.place(actor_of(buyer), [line])
    assert (placed.location.name, placed.location.facility.name) == ("West storeroom", "West clinic")


def test_a_place_that_closed_is_refused(manager: Visitor, hospital: Hospital, clinic: Location) -> None:
    cart = in_cart(hospital, {hospital.gloves_offer: 1})
    line, action = cart.lines[0].id, f"/cart/{cart.id}/save"
    data = fields(manager, "/cart", action) | {f"place-{line}": "ST01 West storeroom, West clinic"}
    assert manager.post(action, data=data).status_code == 303
    with transaction():
        db.session.get_one(Location, clinic.id).active = False
    assert "West storeroom is not in use any more" in manager.get("/cart").get_data(as_text=True)
    answer = manager.post(action, data=fields(manager, "/cart", action))
    assert "No such place, or not one you may request for" in answer.get_data(as_text=True)
