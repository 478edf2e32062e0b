"""Lines of one cart for several places: another box, another check, another order."""

import pytest

from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.orders import services as orders
from portal.requisitions import queries
from portal.requisitions import services as requisitions
from tests import ordering
from tests.hospital import Hospital
from tests.requesting import approve, fields, in_cart, stocked
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
    assert (bad.status_code, "No such place here" in bad.get_data(as_text=True)) == (422, True)
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
    assert "10 EA of Exam glove, nitrile, medium are on their way" in manager.get("/cart").get_data(
        as_text=True
    )
    action = f"/cart/{repeated.id}/save"
    data = fields(manager, "/cart", action) | {f"place-{line}": "ST01 Central storeroom"}
    manager.post(action, data=data)
    assert "20 EA of Exam glove, nitrile, medium are on their way" in manager.get("/cart").get_data(
        as_text=True
    )
