"""Returns until their credit, and receipts rolled back with what was cancelled in them."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from werkzeug.test import TestResponse

from portal.exchange.models import Message
from portal.exchange.rules import MessageState
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, NotAllowed
from portal.identity.rules import Role
from portal.orders.models import OrderVersion, PurchaseOrder
from portal.receiving import queries, return_queries, returns
from portal.receiving import services as receiving
from portal.receiving.models import Receipt, SupplierReturn
from portal.receiving.rules import CREDIT_WITHIN, Entry, ReceiptState
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import balance, fresh, words
from tests.statements import recorded
from tests.visitor import Visitor

LIST = "/receive/returns"


@pytest.fixture
def order(hospital: Hospital) -> PurchaseOrder:
    """Four boxes of gloves that the supplier has."""
    ordering.connect(hospital)
    return ordering.sent(hospital, {hospital.gloves_offer: 4})


def sent_back(hospital: Hospital, order: PurchaseOrder, number: str = "RMA-7") -> SupplierReturn:
    """One box of a receipt of its own, on its way back."""
    receipt = ordering.received(hospital, fresh(order), {10: 1})
    asked = returns.Asked(f"form-{number}", number, "Torn", {receipt.lines[0].id: Decimal(1)})
    with transaction():
        return returns.send_back(hospital.actor(Role.RECEIVER), receipt.id, asked)


def answer(one: SupplierReturn, state: MessageState = MessageState.DONE) -> None:
    """The ERP takes the return, or stops it."""
    with transaction():
        message = db.session.query(Message).filter_by(kind="supplier_return", subject_id=one.id).one()
        message.state, message.reference = state, "5000000009"
        if state is MessageState.DONE:
            returns.taken_by_erp(message)


def row(client: Visitor, query: str = "") -> str:
    """The text of the list."""
    return words(client.get(LIST + query))


def credited(client: Visitor, one: SupplierReturn, number: str, amount: str) -> TestResponse:
    """Notes a credit on the page of the return."""
    page = f"{LIST}/{one.id}"
    return client.submit(page, {"number": number, "amount": amount}, action=f"{page}/credit")


def test_a_return_is_followed_until_its_credit(
    hospital: Hospital, order: PurchaseOrder, client: Visitor
) -> None:
    one = sent_back(hospital, order)
    client.sign_in(hospital.email(Role.AP_ANALYST))
    assert "Not in the ERP yetThe ERP has to take it" in row(client)
    answer(one, MessageState.NEEDS_ATTENTION)
    assert "The ERP refused it" in row(client)
    answer(one)
    assert "Credit awaited" in row(client, "?q=RMA-7")
    assert "Ask the supplier" not in row(client)
    late = clock.now() + CREDIT_WITHIN + timedelta(days=1)
    with time_machine.travel(late, tick=False):
        client.sign_in(hospital.email(Role.AP_ANALYST))
        assert one.number in row(client, "?state=late&sort=-credit")
        assert db.session.scalar(return_queries.late_count(hospital.actor(Role.BUYER))) == 1
    client.sign_in(hospital.email(Role.AP_ANALYST))
    for typed, sentence in {
        ("", "5"): "Enter the number of the credit note.",
        ("CN-1", "x"): "Enter an amount",
        ("CN-1", "0"): "Enter what the supplier credits, above zero.",
    }.items():
        refused = credited(client, one, *typed)
        assert refused.status_code == 422
        assert sentence in words(refused)
    less = one.credit_expected - 1
    assert credited(client, one, "CN-1", f"{less}").status_code == 303
    assert "Credited$1.00 less than expected" in row(client, "?q=CN-1&state=credited")
    assert "No returns here" in row(client, "?state=late")
    analyst = hospital.actor(Role.AP_ANALYST)
    with transaction():
        returns.credit(analyst, one.id, "CN-1", less)
    with pytest.raises(Conflict, match="credit note CN-1"), transaction():
        returns.credit(analyst, one.id, "CN-2", less)
    with pytest.raises(NotAllowed), transaction():
        returns.credit(hospital.actor(Role.RECEIVER), one.id, "CN-2", less)
    exported = client.get(f"{LIST}.csv?state=credited").get_data(as_text=True)
    (line,) = csv.DictReader(io.StringIO(exported))
    assert (line["authorization"], line["credit note"]) == ("RMA-7", "CN-1")


def test_the_list_of_returns_asks_as_often_for_many(
    hospital: Hospital, order: PurchaseOrder, client: Visitor
) -> None:
    sent_back(hospital, order, "RMA-1")
    client.sign_in(hospital.email(Role.RECEIVER))
    row(client)
    with recorded() as few:
        row(client)
    for number in ("RMA-2", "RMA-3"):
        sent_back(hospital, order, number)
    with recorded() as many:
        assert "RMA-3" in row(client, "?sort=supplier")
    assert len(many) == len(few)


# A receipt that cancelled the rest, rolled back


def received_in_part(hospital: Hospital, order: PurchaseOrder) -> Receipt:
    """Three boxes came, the fourth is cancelled with them."""
    receiver = hospital.actor(Role.RECEIVER)
    (line,) = fresh(order).lines
    with transaction():
        entries = [Entry(line.id, Decimal(3))]
        receipt = receiving.enter(receiver, order.id, form_key="form-part", entries=entries)
    with transaction():
        return receiving.post(receiver, receipt.id, cancel=[line.id])


def test_what_was_cancelled_with_a_receipt_is_expected_again(
    hospital: Hospital, order: PurchaseOrder, client: Visitor
) -> None:
    before = balance(hospital).ordered
    receipt = received_in_part(hospital, order)
    assert balance(hospital).ordered == before * 3 / 4
    client.sign_in(hospital.email(Role.RECEIVER))
    page = f"/receive/receipts/{receipt.id}/roll-back"
    assert "What was cancelled with it is ordered again" in words(client.get(page))
    assert client.submit(page, {"reason": "Another pallet"}, action=page).status_code == 303
    (line,) = fresh(order).lines
    assert (line.received, line.cancelled, line.quantities.outstanding) == (0, 0, 4)
    assert balance(hospital).ordered == before
    changes = [one.changes[0]["after"] for one in db.session.query(OrderVersion).order_by(OrderVersion.id)]
    assert changes[-2:] == ["3 BX", "4 BX"]
    assert ordering.received(hospital, fresh(order), {10: 4}).state is ReceiptState.POSTED


def test_a_rest_the_budget_no_longer_covers_stays_cancelled(
    hospital: Hospital, order: PurchaseOrder, client: Visitor
) -> None:
    receipt = received_in_part(hospital, order)
    with transaction():
        hospital.budget.amount = Decimal(balance(hospital).ordered)
    client.sign_in(hospital.email(Role.RECEIVER))
    page = f"/receive/receipts/{receipt.id}/roll-back"
    told = client.submit(page, {"reason": "Another pallet"}, action=page, follow_redirects=True)
    assert "What was cancelled with it stays cancelled" in words(told)
    assert "short of this change" in words(told)
    (line,) = fresh(order).lines
    assert (line.received, line.cancelled) == (0, 1)
    shown = queries.find(receipt.id)
    assert shown is not None
    assert shown.state is ReceiptState.REVERSED
