"""Suppliers, receivers, buyers and analysts act in any sequence; quantities, money and stock always agree."""

from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from flask import Flask
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from integrations.canonical import Confirmation, ConfirmedPart, ShipNotice
from portal.exchange.queries import open_items_about
from portal.exchange.rules import WorkItemKind
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid
from portal.identity.rules import Role
from portal.inventory.queries import on_hand
from portal.invoices import queries as invoice_queries
from portal.invoices import services as invoices
from portal.invoices.services import Charged
from portal.orders import queries
from portal.orders.cancelling import cancel_rest
from portal.orders.differences import services as differences
from portal.orders.differences.queries import of_item
from portal.orders.differences.rules import Pack, acts_for
from portal.orders.followed import parts_of
from portal.orders.models import PurchaseOrder
from portal.orders.proposals import deciding
from portal.orders.proposals.queries import open_questions
from portal.orders.rules import status_of
from portal.orders.versions import proposing
from portal.orders.versions.rules import Wish
from portal.receiving import queries as receiving_queries
from portal.receiving import returns, reversing
from portal.receiving.rules import ReceiptState
from portal.requisitions.rules import progress_of
from tests import hospital as hospitals
from tests import ordering
from tests.ordering import balance, confirm, confirmation, fresh, lot, part, ship, ship_notice

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CENT = Decimal("0.01")
lines = st.sampled_from([10, 20])
some = st.sampled_from(["0.5", "1", "2", "3", "4"])
hours = st.integers(0, 5)
OVER_WITH_ARRIVAL = {WorkItemKind.BACKORDERED, WorkItemKind.REJECTED, WorkItemKind.DATE_CHANGED}


class Life(RuleBasedStateMachine):
    """One order of two lines, each shared by two requisitions, at prices that do not divide."""

    def __init__(self) -> None:
        super().__init__()
        with transaction() as session:
            session.expire_on_commit = False
            self.hospital = hospitals.build()
        ordering.connect(self.hospital)
        catheter, gloves = self.hospital.catheter_offer, self.hospital.gloves_offer
        ordering.priced(self.hospital, catheter, "0.3350")
        ordering.priced(self.hospital, gloves, "7.0050")
        asked = [
            line
            for wanted in ({catheter: 1, gloves: 3}, {catheter: 3, gloves: 1})
            for line in ordering.approved(self.hospital, wanted)
        ]
        self.order: PurchaseOrder = ordering.taken(ordering.placed_lines(self.hospital, asked))
        self.said: list[Confirmation | ShipNotice] = []
        self.invoices = self.returns = 0

    def hear(self, document: Confirmation | ShipNotice) -> None:
        """The document arrives."""
        if isinstance(document, Confirmation):
            confirm(document)
        else:
            ship(document)

    @rule(line=lines, counts=st.lists(some, min_size=1, max_size=3), data=st.data(), at=hours)
    def supplier_answers(self, line: int, counts: list[str], data: st.DataObject, at: int) -> None:
        statuses = st.sampled_from(["accepted", "changed", "backordered", "rejected", "unknown"])
        prices = st.sampled_from([None, "0.3350", "7.0050", "7.2"])
        uom = data.draw(st.sampled_from(["BX", "BX", "PK"]))  # nobody knows yet what a PK holds
        parts = [part(count, data.draw(statuses), price=data.draw(prices), uom=uom) for count in counts]
        self.answer({line: parts}, data, at)

    @rule(
        kind=st.sampled_from(["accept", "allDetail", "backordered", "except", "reject", "replace"]),
        named=st.booleans(),
        data=st.data(),
        at=hours,
    )
    def supplier_answers_for_all(self, kind: str, named: bool, data: st.DataObject, at: int) -> None:
        said = {10: [part(data.draw(some), data.draw(st.sampled_from(["changed", "rejected"])))]}
        self.answer(said if named else {}, data, at, kind)

    def answer(
        self, said: dict[int, list[ConfirmedPart]], data: st.DataObject, at: int, kind: str = "detail"
    ) -> None:
        number, operation = data.draw(st.sampled_from([("OC-1", "new"), ("OC-1", "update"), ("OC-2", "new")]))
        self.said.append(
            confirmation(
                self.order.number,
                said,
                number=number,
                type_=kind,
                operation=operation,
                at=NOON + timedelta(hours=at),
            )
        )
        self.hear(self.said[-1])

    @rule(data=st.data())
    def buyer_decides(self, data: st.DataObject) -> None:
        cases = [of_item(one) for one in open_items_about("purchase_order", self.order.id)]
        acts = [
            (one.item.id, act) for one in cases if one for act in acts_for(one.item.kind, one.line.quantities)
        ]
        if acts:
            item_id, act = data.draw(st.sampled_from(acts))
            event(f"decided: {act}")
            with suppress(Conflict, Invalid), transaction():
                pack = Pack(Decimal(1), Decimal(2))
                buyer = self.hospital.actor(Role.BUYER)
                differences.decide(buyer, item_id, act, words="As agreed by phone", pack=pack)

    @rule(yes=st.booleans(), data=st.data())
    def approver_answers(self, yes: bool, data: st.DataObject) -> None:
        asked = [one.id for one in open_questions()]
        if asked:
            question_id = data.draw(st.sampled_from(asked))
            with suppress(Conflict, Invalid), transaction():
                event(f"approver answered: {yes}")
                approver = self.hospital.actor(Role.APPROVER)
                deciding.decide(approver, question_id, approved=yes, comment="As it is")

    @rule(
        line=lines,
        count=some,
        number=st.sampled_from(["SN-1", "SN-2"]),
        operation=st.sampled_from(["new", "update", "delete"]),
        at=hours,
    )
    def supplier_ships(self, line: int, count: str, number: str, operation: str, at: int) -> None:
        notice = ship_notice(
            self.order.number,
            {line: [lot(count, "L1")]},
            number=number,
            operation=operation,
            at=NOON + timedelta(hours=at),
        )
        self.said.append(notice)
        self.hear(notice)

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def supplier_repeats(self, data: st.DataObject) -> None:
        self.hear(data.draw(st.sampled_from(self.said)))

    @rule(line=lines, count=some, cancel=st.booleans())
    def storeroom_receives(self, line: int, count: str, cancel: bool) -> None:
        with suppress(Invalid):
            ordering.received(self.hospital, fresh(self.order), {line: count}, cancel=cancel)

    @rule()
    def storeroom_rolls_back(self) -> None:
        posted = receiving_queries.receipts_of(self.order.id, state=ReceiptState.POSTED)
        before = {line.id: line.quantities.wanted for line in fresh(self.order).lines}
        rests = posted[-1].cancelled or {} if posted else {}
        with suppress(Invalid, Conflict), transaction():
            for receipt in posted[-1:]:
                reversing.roll_back(self.hospital.actor(Role.RECEIVER), receipt.id, "Counted wrong")
                event(f"rolled back, a rest cancelled: {bool(rests)}")
        for line in fresh(self.order).lines:
            assert line.quantities.wanted - before[line.id] in (0, Decimal(rests.get(str(line.id), 0)))

    @rule(count=some)
    def storeroom_sends_back(self, count: str) -> None:
        self.returns += 1
        posted = receiving_queries.receipts_of(self.order.id, state=ReceiptState.POSTED)
        with suppress(Invalid), transaction():
            for receipt in posted[-1:]:
                quantities = {receipt.lines[0].id: Decimal(count)}
                asked = returns.Asked(f"return-{self.returns}", "RMA-1", "Torn", quantities)
                returns.send_back(self.hospital.actor(Role.RECEIVER), receipt.id, asked)

    @rule(line=lines)
    def buyer_cancels(self, line: int) -> None:
        line_id = next(one.id for one in fresh(self.order).lines if one.line_number == line)
        with suppress(Conflict), transaction():
            cancel_rest(self.hospital.actor(Role.BUYER), self.order.id, line_id, "Ordered elsewhere")

    @rule(line=lines, count=some, later=st.integers(0, 9), price=st.sampled_from(["0.3333", "7.0050", "9"]))
    def buyer_changes(self, line: int, count: str, later: int, price: str) -> None:
        order = fresh(self.order)
        known = next(one for one in order.lines if one.line_number == line)
        day = clock.today() + timedelta(days=later)
        wish = Wish(known.id, min(Decimal(count), known.quantity), day, Decimal(price))
        with suppress(Conflict, Invalid), transaction():
            buyer = self.hospital.actor(Role.BUYER)
            seen = order.version
            asked = proposing.change_or_ask(buyer, order.id, [wish], reason="As agreed by phone", seen=seen)
            event(f"buyer asked for approval: {bool(asked)}")
            assert (order.version == seen) is bool(asked)

    @rule(line=lines, count=some, price=st.sampled_from(["0.3350", "7.0050", "8"]))
    def analyst_records(self, line: int, count: str, price: str) -> None:
        self.invoices += 1
        line_id = next(one.id for one in fresh(self.order).lines if one.line_number == line)
        with transaction():
            invoices.record(
                self.hospital.actor(Role.AP_ANALYST),
                self.order.id,
                number=f"INV-{self.invoices}",
                invoiced_on=clock.today(),
                charged=[Charged(line_id, Decimal(count), Decimal(price))],
            )

    @invariant()
    def quantities_follow_the_documents(self) -> None:
        order = fresh(self.order)
        posted = receiving_queries.receipts_of(order.id, state=ReceiptState.POSTED)
        billed = invoice_queries.invoices_of(order.id)
        for line in order.lines:
            mine = [
                one.quantity for receipt in posted for one in receipt.lines if one.order_line_id == line.id
            ]
            assert line.received == sum(mine)
            charged = [one.quantity for bill in billed for one in bill.lines if one.order_line_id == line.id]
            assert line.invoiced == sum(charged)
            shipped = [one.quantity for one in queries.shipped_lines(order.id) if one.line_id == line.id]
            assert line.shipped == sum(shipped)
            assert line.received <= line.quantity * Decimal("1.1")
            assert 0 <= line.cancelled <= line.quantity
            assert line.status is status_of([line.quantities], sent=True)
        assert order.status is status_of([line.quantities for line in order.lines], sent=True)

    @invariant()
    def stock_is_what_was_received(self) -> None:
        order = fresh(self.order)
        held = on_hand(self.hospital.clinic.id, [line.item_id for line in order.lines])
        came = {one.id: one for receipt in receiving_queries.receipts_of(order.id) for one in receipt.lines}
        back = receiving_queries.returned(list(came))
        factors = {line.id: (line.item_id, line.factor) for line in order.lines}
        kept: dict[int, Decimal] = defaultdict(Decimal)
        for line in order.lines:  # two lines may be of one item, once a backorder was split off
            kept[line.item_id] += line.received * line.factor
        for one, many in back.items():
            item_id, factor = factors[came[one].order_line_id]
            kept[item_id] -= many * factor
        assert {item_id: held.get(item_id, Decimal()) for item_id in kept} == kept

    @invariant()
    def budget_holds_what_is_still_to_be_invoiced(self) -> None:
        order = fresh(self.order)
        held = balance(self.hospital)
        assert held.requested == 0
        assert held.invoiced == sum(one.total for one in invoice_queries.invoices_of(order.id))
        dues = [
            max(line.quantities.wanted - line.invoiced, Decimal()) * line.unit_price for line in order.lines
        ]
        assert abs(held.ordered - sum(dues)) <= CENT * sum(len(line.sources) for line in order.lines)
        assert any(dues) or held.ordered == 0

    @invariant()
    def requesters_see_their_share(self) -> None:
        for asked in {source.requisition_line for line in fresh(self.order).lines for source in line.sources}:
            parts = [one for one in parts_of([asked.requisition_id]) if one.line_id == asked.id]
            seen = progress_of(
                requested=asked.quantity,
                closed=asked.closed_quantity,
                ordered=asked.ordered_quantity,
                parts=parts,
            )
            # More than was requested only where the approver said yes to it.
            assert 0 <= seen.wanted <= max(asked.quantity, sum(one.quantity for one in parts))
            assert seen.received <= sum(one.wanted for one in parts)

    @invariant()
    def decisions_are_asked_only_while_they_matter(self) -> None:
        order = fresh(self.order)
        items = open_items_about("purchase_order", order.id)
        assert len({item.key for item in items}) == len(items)
        for line in order.lines:
            kinds = {item.kind for item in items if item.key.startswith(f"line-{line.id}-")}
            if line.quantities.outstanding == 0:
                assert not kinds & OVER_WITH_ARRIVAL
            assert (WorkItemKind.OVER_RECEIPT in kinds) == (line.received > line.quantities.wanted)

    @invariant()
    def invoices_match_when_nothing_differs(self) -> None:
        compared = invoice_queries.matched_lines(invoice_queries.invoices_of(self.order.id))
        for invoice, matched in compared:
            differs = any(one.is_too_much or one.is_other_price for one in matched)
            assert invoice.matched is not differs
            assert bool(open_items_about("invoice", invoice.id)) is differs


def test_quantities_money_and_stock_agree_after_any_sequence(app: Flask) -> None:
    with app.app_context():
        run_state_machine_as_test(
            Life,
            settings=settings(
                max_examples=4,
                stateful_step_count=10,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )
        db.session.rollback()
