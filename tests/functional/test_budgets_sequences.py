"""Whatever people do in whatever order: the ledger is the sum of the documents, never overdrawn."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from portal.approvals import queries as approval_queries
from portal.approvals import services as approvals
from portal.approvals.services import Decision
from portal.budgets.rules import Balance
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import DomainError, Invalid
from portal.foundation.money import extended, slice_amount
from portal.identity.rules import Role
from portal.invoices import services as invoices
from portal.invoices.services import Charged
from portal.masterdata.models import ContractLine
from portal.orders import cancelling
from portal.orders import services as orders
from portal.orders.models import PurchaseOrderLine
from portal.requisitions import queries as requisition_queries
from portal.requisitions import services as requisitions
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import LineState, RequisitionState
from tests import hospital as hospitals
from tests import ordering
from tests.hospital import Hospital

PRICE = Decimal("0.3333")  # a third of a cent is lost or won at every careless cut


class Spending(RuleBasedStateMachine):
    """One clinic's budget of $100 under random use."""

    hospital: Hospital

    def __init__(self) -> None:
        super().__init__()
        with transaction() as session:
            session.expire_on_commit = False
            self.hospital = hospitals.build(budget=Decimal(100))
            line = db.session.query(ContractLine).filter_by(item_id=self.hospital.gloves.id).one()
            line.unit_price = PRICE
        ordering.connect(self.hospital)

    @rule(gloves=st.integers(0, 150), catheters=st.integers(0, 3))
    def submit(self, gloves: int, catheters: int) -> None:
        """Asks for as much; the budget says whether it may."""
        manager = self.hospital.actor(Role.CLINIC_MANAGER)
        wanted = {self.hospital.gloves_offer.id: gloves, self.hospital.catheter_offer.id: catheters}
        packs = {offer_id: Decimal(quantity) for offer_id, quantity in wanted.items() if quantity}
        before = ordering.balance(self.hospital).available
        if not packs:
            return
        try:
            with transaction():
                requisitions.add_all(manager, self.hospital.clinic.id, packs)
                cart = requisitions.cart(manager, self.hospital.clinic.id)
                asked = cart.total
                requisitions.submit(manager, cart.id, seen_version=cart.version)
        except Invalid:
            assert asked > before, "refused although the budget covers it"

    @precondition(lambda self: self.waiting())
    @rule(data=st.data())
    def decide(self, data: st.DataObject) -> None:
        """Yes to some lines, no to others."""
        requisition = data.draw(st.sampled_from(self.waiting()))
        step = approval_queries.steps_of(requisition.id)[0]
        found = requisition_queries.find(requisition.id)
        assert found is not None
        answers = {line.id: Decision(data.draw(st.booleans()), "Not needed now") for line in found.lines}
        with transaction():
            approver = self.hospital.actor(Role.APPROVER)
            approvals.decide(approver, step.id, answers, seen_version=found.version)

    @precondition(lambda self: self.waiting())
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        """Takes one back."""
        requisition = data.draw(st.sampled_from(self.waiting()))
        with transaction():
            requisitions.withdraw(self.hospital.actor(Role.CLINIC_MANAGER), requisition.id)

    @precondition(lambda self: self.orderable())
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        """Closes what is open of a line."""
        line = data.draw(st.sampled_from(self.orderable()))
        with transaction():
            manager = self.hospital.actor(Role.CLINIC_MANAGER)
            requisitions.close_line(manager, line.requisition_id, line.id, "No longer needed")

    @precondition(lambda self: self.orderable())
    @rule(data=st.data())
    def place(self, data: st.DataObject) -> None:
        """Orders some of the approved lines."""
        lines = data.draw(
            st.lists(st.sampled_from(self.orderable()), min_size=1, unique_by=lambda one: one.id)
        )
        with transaction():
            orders.place(self.hospital.actor(Role.BUYER), [line.id for line in lines])

    @precondition(lambda self: self.ordered())
    @rule(data=st.data())
    def invoice(self, data: st.DataObject) -> None:
        """Invoices a part of an order line at the price ordered."""
        line = data.draw(st.sampled_from(self.ordered()))
        open_quantity = int(line.quantity - line.cancelled - line.invoiced)
        quantity = data.draw(st.integers(1, open_quantity))
        with transaction():
            invoices.record(
                self.hospital.actor(Role.AP_ANALYST),
                line.order_id,
                number=f"I-{line.id}-{line.invoiced}",
                invoiced_on=clock.today(),
                charged=[Charged(line.id, Decimal(quantity), line.unit_price)],
            )

    @precondition(lambda self: self.ordered())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Cancels what is open of an order line."""
        line = data.draw(st.sampled_from(self.ordered()))
        try:
            with transaction():
                cancelling.cancel_rest(
                    self.hospital.actor(Role.BUYER), line.order_id, line.id, reason="Not available"
                )
        except DomainError:
            assert line.invoiced + line.cancelled >= line.quantity

    @invariant()
    def the_ledger_is_the_sum_of_the_documents_and_nothing_is_overdrawn(self) -> None:
        """Each term by its documents, to the cent."""
        held = ordering.balance(self.hospital)
        assert held.available >= 0
        assert min(held.requested, held.ordered, held.invoiced) >= 0
        assert held.requested == self.open_requests(), "requested, neither ordered nor closed"
        everything = sum((line.amount for line in self.lines()), Decimal())
        assert held.requested + held.ordered + held.invoiced <= everything

    def teardown(self) -> None:
        """When everything open is taken back, only what was invoiced is gone."""
        db.session.expire_all()
        for requisition in self.waiting():
            with transaction():
                requisitions.withdraw(self.hospital.actor(Role.CLINIC_MANAGER), requisition.id)
        for line in self.orderable():
            with transaction():
                manager = self.hospital.actor(Role.CLINIC_MANAGER)
                requisitions.close_line(manager, line.requisition_id, line.id, "No longer needed")
        for placed in self.ordered():
            with transaction():
                buyer = self.hospital.actor(Role.BUYER)
                cancelling.cancel_rest(buyer, placed.order_id, placed.id, reason="Not available")
        held = ordering.balance(self.hospital)
        assert (held.requested, held.ordered) == (0, 0)
        assert held == Balance(Decimal(100), invoiced=held.invoiced)

    def waiting(self) -> list[Requisition]:
        """Requisitions nobody decided."""
        db.session.expire_all()
        found = db.session.query(Requisition).filter_by(state=RequisitionState.SUBMITTED)
        return found.order_by(Requisition.id).all()

    def lines(self) -> list[RequisitionLine]:
        """Lines of what was submitted."""
        db.session.expire_all()
        found = db.session.query(RequisitionLine).join(RequisitionLine.requisition)
        return found.filter(Requisition.state != RequisitionState.DRAFT).order_by(RequisitionLine.id).all()

    def orderable(self) -> list[RequisitionLine]:
        """Approved lines with something open."""
        return [
            line
            for line in self.lines()
            if line.state is LineState.APPROVED and requisitions.open_quantity(line) > 0
        ]

    def open_requests(self) -> Decimal:
        """What the open parts of all lines cost."""
        return sum(
            (
                slice_amount(line.unit_price, line.ordered_quantity + line.closed_quantity, line.quantity)
                for line in self.lines()
            ),
            Decimal(),
        )

    def ordered(self) -> list[PurchaseOrderLine]:
        """Order lines with something neither invoiced nor cancelled."""
        db.session.expire_all()
        found = db.session.query(PurchaseOrderLine).order_by(PurchaseOrderLine.id)
        return [line for line in found if line.quantity - line.cancelled - line.invoiced > 0]


@pytest.fixture
def fresh_session(app: Flask) -> Iterator[None]:
    """A session of its own."""
    with app.app_context():
        yield
        db.session.rollback()


def test_random_use_never_overdraws_and_always_adds_up(fresh_session: None) -> None:
    run_state_machine_as_test(
        Spending,
        settings=settings(
            max_examples=8,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_third_of_a_cent_is_not_lost() -> None:
    cuts = [Decimal(0), Decimal(1), Decimal(2), Decimal(7), Decimal(30)]
    parts = [slice_amount(PRICE, cuts[n], cuts[n + 1]) for n in range(4)]
    assert sum(parts, Decimal()) == extended(Decimal(30), PRICE)
