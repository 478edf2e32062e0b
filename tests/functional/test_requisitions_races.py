"""Two people at once, on two connections: one waits for the other, and nothing is spent or decided twice."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from decimal import Decimal
from threading import Event

import pytest
from flask import Flask
from sqlalchemy import select, text

from portal.approvals import queries as approval_queries
from portal.approvals import services as approvals
from portal.approvals.services import Decision
from portal.foundation.access import Actor
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.errors import Conflict, Invalid
from portal.identity import services as identity
from portal.identity.rules import Role
from portal.orders import services as orders
from portal.requisitions import services as requisitions
from portal.requisitions.models import LastRequest
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import balance
from tests.requesting import actions, approved, colleague, in_cart, submitted

PATIENCE = 30.0
Act = Callable[[], object]


class Race:
    """Runs one person's transaction up to its commit, lets another begin, and commits once that one waits."""

    def __init__(self, app: Flask, organization_id: int) -> None:
        self._app = app
        self._organization_id = organization_id
        self._acted = Event()
        self._may_commit = Event()

    def run(self, first: Act, second: Act) -> tuple[Future[object], Future[object]]:
        """Both outcomes, `first` having acted first and `second` having waited for it."""
        with ThreadPoolExecutor(2) as pool:
            one = pool.submit(Context().run, self._act, first, self._hold)
            assert self._acted.wait(PATIENCE) or one.done()
            two = pool.submit(Context().run, self._act, second, lambda: None)
            try:
                self._wait_until_somebody_waits(two)
            finally:
                self._may_commit.set()
        return one, two

    def _act(self, act: Act, before_commit: Callable[[], None]) -> object:
        with self._app.app_context():
            enter_organization(self._organization_id)
            with transaction():
                result = act()
                db.session.flush()
                before_commit()
            return result

    def _hold(self) -> None:
        self._acted.set()
        assert self._may_commit.wait(PATIENCE)

    def _wait_until_somebody_waits(self, two: Future[object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not two.done():
            with db.engine.connect() as connection:
                if connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                    return
            self._may_commit.wait(0.02)
        assert two.done(), "the second person neither waited nor finished"


@pytest.fixture
def race(app: Flask, hospital: Hospital) -> Race:
    """Two connections inside the hospital."""
    return Race(app, hospital.organization.id)


def another(role: Role) -> Actor:
    """A second person with a role."""
    with transaction():
        return identity.actor_of(colleague(role))


def test_two_submitters_cannot_both_take_the_last_dollar(race: Race, hospital: Hospital) -> None:
    one, two = hospital.actor(Role.CLINIC_MANAGER), another(Role.CLINIC_MANAGER)
    carts = [in_cart(hospital, {hospital.catheter_offer: 30}, actor=person) for person in (one, two)]
    ids = [(cart.id, cart.version) for cart in carts]
    first, second = race.run(
        lambda: requisitions.submit(one, ids[0][0], seen_version=ids[0][1]).number,
        lambda: requisitions.submit(two, ids[1][0], seen_version=ids[1][1]).number,
    )
    assert first.result()
    with pytest.raises(Invalid, match=r"has \$400\.00 available; this request needs \$600\.00"):
        second.result()
    assert balance(hospital).requested == 600


def test_one_cart_submitted_twice_at_once_is_one_requisition(race: Race, hospital: Hospital) -> None:
    person = hospital.actor(Role.CLINIC_MANAGER)
    cart = in_cart(hospital, {hospital.catheter_offer: 3})
    cart_id, version = cart.id, cart.version

    def act() -> str | None:
        return requisitions.submit(person, cart_id, seen_version=version).number

    first, second = race.run(act, act)
    assert first.result() == second.result()
    assert balance(hospital).requested == 60
    assert actions("requisition", cart_id) == ["requisition.submit"]


def test_two_approvers_at_once_one_wins_and_the_other_is_told(race: Race, hospital: Hospital) -> None:
    requisition = submitted(hospital, {hospital.catheter_offer: 3})
    requisition_id, version = requisition.id, requisition.version
    line_id = requisition.lines[0].id
    step_id = approval_queries.steps_of(requisition_id)[0].id
    yes, no = hospital.actor(Role.APPROVER), another(Role.APPROVER)
    first, second = race.run(
        lambda: approvals.decide(yes, step_id, {line_id: Decision(approved=True)}, seen_version=version),
        lambda: approvals.decide(no, step_id, {line_id: Decision(False, "Too many")}, seen_version=version),
    )
    first.result()
    with pytest.raises(Conflict, match=r"Approver decided RQ.* already"):
        second.result()
    assert balance(hospital).requested == 60
    assert actions("requisition", requisition_id).count("approval.decide") == 1


def test_withdrawing_while_somebody_approves(race: Race, hospital: Hospital) -> None:
    requisition = submitted(hospital, {hospital.catheter_offer: 3})
    requisition_id, version, line_id = requisition.id, requisition.version, requisition.lines[0].id
    step_id = approval_queries.steps_of(requisition_id)[0].id
    owner, approver = hospital.actor(Role.CLINIC_MANAGER), hospital.actor(Role.APPROVER)
    first, second = race.run(
        lambda: requisitions.withdraw(owner, requisition_id).id,
        lambda: approvals.decide(approver, step_id, {line_id: Decision(True)}, seen_version=version),
    )
    first.result()
    with pytest.raises(Conflict, match="was withdrawn by Clinic manager"):
        second.result()
    assert balance(hospital).available == 1000


@pytest.mark.parametrize("withdrawing_first", [True, False])
def test_withdrawing_while_somebody_asks_for_the_same(
    race: Race, hospital: Hospital, withdrawing_first: bool
) -> None:
    one, two = hospital.actor(Role.CLINIC_MANAGER), another(Role.CLINIC_MANAGER)
    wanted = {hospital.catheter_offer: 3, hospital.gloves_offer: 2}
    submitted(hospital, wanted)
    requisition_id = submitted(hospital, wanted).id
    cart = in_cart(hospital, wanted, actor=two)
    cart_id, version = cart.id, cart.version
    both: list[Act] = [
        lambda: requisitions.withdraw(one, requisition_id).id,
        lambda: requisitions.submit(two, cart_id, seen_version=version).id,
    ]
    for outcome in race.run(*(both if withdrawing_first else reversed(both))):
        outcome.result()
    asked = db.session.scalars(select(LastRequest).order_by(LastRequest.id)).all()
    assert {last.item_id: last.requisition_id for last in asked} == {
        hospital.catheter.id: cart_id,
        hospital.gloves.id: cart_id,
    }


@pytest.mark.parametrize("closing_first", [True, False])
def test_closing_a_line_while_it_is_ordered(race: Race, hospital: Hospital, closing_first: bool) -> None:
    ordering.connect(hospital)
    requisition = approved(hospital, {hospital.catheter_offer: 3})
    requisition_id, line_id = requisition.id, requisition.lines[0].id
    owner, buyer = hospital.actor(Role.CLINIC_MANAGER), hospital.actor(Role.BUYER)

    def close() -> int:
        return requisitions.close_line(owner, requisition_id, line_id, "No longer needed").id

    def place() -> int:
        return orders.place(buyer, [line_id])[0].id

    first, second = race.run(close, place) if closing_first else race.run(place, close)
    first.result()
    with pytest.raises(Conflict):
        second.result()
    held = balance(hospital)
    assert (held.requested, held.ordered) == ((0, 0) if closing_first else (0, 60))


def test_two_clicks_on_add_make_one_cart_with_both(race: Race, hospital: Hospital) -> None:
    person = hospital.actor(Role.CLINIC_MANAGER)
    clinic_id, offer_id = hospital.clinic.id, hospital.catheter_offer.id

    def act() -> Decimal:
        return requisitions.add(person, clinic_id, offer_id, Decimal(1)).quantity

    first, second = race.run(act, act)
    assert sorted([first.result(), second.result()], key=str) == [1, 2]
