"""Orders call off a blanket order until it is used up, never more, also under two buyers at once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask

from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid
from portal.identity.rules import Role
from portal.orders.blanket import queries, services
from portal.orders.blanket.rules import Terms
from portal.orders.cancelling import cancel_order
from portal.orders.models import BlanketOrder
from portal.orders.services import place
from portal.orders.versions.rules import Wish
from portal.orders.versions.services import change
from tests import ordering
from tests.functional.test_requisitions_races import Race
from tests.hospital import Hospital
from tests.ordering import approved, placed, words
from tests.visitor import Visitor


@pytest.fixture
def connected(hospital: Hospital) -> Hospital:
    ordering.connect(hospital)
    return hospital


def agreed(hospital: Hospital, amount: str) -> BlanketOrder:
    """A blanket order valid from today on."""
    today = clock.today()
    terms = Terms("Gloves", hospital.supplier.id, Decimal(amount), today, today + timedelta(days=90))
    with transaction():
        return services.create(hospital.actor(Role.BUYER), terms)


def left(blanket: BlanketOrder) -> Decimal:
    db.session.expire_all()
    found = queries.find(blanket.id)
    assert found is not None
    return services.left_of([found])[found.id]


def test_orders_call_off_until_the_amount_is_used_up(connected: Hospital, client: Visitor) -> None:
    blanket = agreed(connected, "50.00")
    first = placed(connected, {connected.catheter_offer: 2})
    assert (first.blanket_id, left(blanket)) == (blanket.id, Decimal(10))
    assert placed(connected, {connected.catheter_offer: 1}).blanket_id is None  # 20.00 does not fit
    small = placed(connected, {connected.gloves_offer: 1})
    assert (small.blanket_id, left(blanket)) == (blanket.id, Decimal("2.75"))
    line = ordering.fresh(small).lines[0]
    more = Wish(line.id, Decimal(2), line.needed_on, line.unit_price)
    with pytest.raises(Invalid, match="short of this change"), transaction():
        change(connected.actor(Role.BUYER), small.id, [more], reason="More", seen=1, is_approved=True)
    with transaction():
        cancel_order(connected.actor(Role.BUYER), first.id, "No longer needed")
    assert left(blanket) == Decimal("42.75")
    buyer = ordering.visitor(client, connected, Role.BUYER)
    assert "$42.75 left of $50.00" in words(buyer.get(f"/blanket-orders/{blanket.id}"))
    assert "$42.75" in words(buyer.get("/blanket-orders"))
    with transaction():
        services.close(connected.actor(Role.BUYER), blanket.id)
    assert placed(connected, {connected.gloves_offer: 1}).blanket_id is None


def test_what_makes_no_sense_is_refused_at_its_field(connected: Hospital, client: Visitor) -> None:
    buyer = ordering.visitor(client, connected, Role.BUYER)
    typed = {
        "name": "Gloves",
        "supplier": str(connected.supplier.id),
        "valid_from": clock.today().isoformat(),
    }
    over = (clock.today() - timedelta(days=2)).isoformat()
    answer = buyer.submit("/blanket-orders/new", {**typed, "amount": "a lot", "valid_to": over})
    assert (answer.status_code, "Enter an amount" in words(answer)) == (422, True)
    answer = buyer.submit("/blanket-orders/new", {**typed, "amount": "100", "valid_to": over})
    assert (answer.status_code, "must not be over" in words(answer)) == (422, True)
    blanket = agreed(connected, "10")
    with transaction():
        services.close(connected.actor(Role.BUYER), blanket.id)
    with pytest.raises(Conflict, match="closed already"), transaction():
        services.close(connected.actor(Role.BUYER), blanket.id)


def test_two_buyers_at_once_never_take_more_than_there_is(app: Flask, connected: Hospital) -> None:
    blanket = agreed(connected, "30.00")
    lines = [approved(connected, {connected.catheter_offer: 1})[0] for _ in range(2)]
    buyer = connected.actor(Role.BUYER)
    race = Race(app, connected.organization.id)
    for outcome in race.run(lambda: place(buyer, lines[:1]), lambda: place(buyer, lines[1:])):
        outcome.result()
    assert left(blanket) == Decimal(10)
