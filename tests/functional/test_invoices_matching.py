"""Invoices: matched over all deliveries, charged to the budget to the cent, never counted twice."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from integrations.canonical import Invoice as Document
from integrations.canonical import InvoiceLine as DocumentLine
from integrations.canonical import Money
from portal.exchange.queries import open_items_about
from portal.foundation import clock
from portal.foundation.audit import history_of
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.identity.rules import Role
from portal.invoices import queries
from portal.invoices import services as invoices
from portal.invoices.models import Invoice
from portal.invoices.services import Charged
from portal.orders.cancelling import cancel_rest
from portal.orders.models import PurchaseOrder
from portal.orders.rules import OrderStatus
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import balance, fresh


@pytest.fixture
def connected(hospital: Hospital) -> Hospital:
    """The hospital with its partners."""
    ordering.connect(hospital)
    return hospital


def invoiced(
    hospital: Hospital,
    order: PurchaseOrder,
    quantity: object,
    *,
    price: str = "7.25",
    number: str = "INV-1",
    role: Role = Role.AP_ANALYST,
) -> Invoice:
    """The first line is invoiced."""
    charged = [Charged(order.lines[0].id, Decimal(str(quantity)), Decimal(price))]
    with transaction():
        return invoices.record(
            hospital.actor(role), order.id, number=number, invoiced_on=clock.today(), charged=charged
        )


def invoices_shown(invoice: Invoice) -> Invoice:
    """The invoice as the database has it now."""
    shown = queries.find(invoice.id)
    assert shown is not None
    return shown


def items(invoice: Invoice) -> list[str]:
    return [item.sentence for item in open_items_about("invoice", invoice.id)]


def test_an_invoice_before_the_goods_differs_until_they_come(connected: Hospital) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 4})
    invoice = invoiced(connected, order, 4)
    assert not invoice.matched
    sentence = "Exam glove, nitrile, medium: 4 BX invoiced, 0 received."
    assert items(invoice) == [f"Invoice INV-1 differs: {sentence}"]
    assert fresh(order).status is OrderStatus.SENT
    ordering.received(connected, order, {10: 3})
    sentence = "Exam glove, nitrile, medium: 4 BX invoiced, 3 received."
    assert items(invoice) == [f"Invoice INV-1 differs: {sentence}"]
    ordering.received(connected, order, {10: 1})
    assert items(invoice) == []
    assert invoices_shown(invoice).matched
    assert fresh(order).status is OrderStatus.INVOICED
    assert [event.action for event in history_of("invoice", invoice.id)] == [
        "invoice.match",
        "invoice.record",
    ]


def test_part_deliveries_and_part_invoices_raise_no_false_difference(connected: Hospital) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 4})
    for number in ("INV-1", "INV-2"):
        ordering.received(connected, order, {10: 2})
        assert invoiced(connected, order, 2, number=number).matched
    assert not invoiced(connected, order, 1, number="INV-3").matched
    assert fresh(order).status is OrderStatus.INVOICED


def test_a_price_difference_is_charged_as_invoiced(connected: Hospital) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 4})
    ordering.received(connected, order, {10: 4})
    invoice = invoiced(connected, order, 4, price="7.30")
    assert items(invoice) == [
        "Invoice INV-1 differs: Exam glove, nitrile, medium: invoiced at $7.30 per BX, ordered at $7.25."
    ]
    held = balance(connected)
    assert (held.ordered, held.invoiced) == (0, Decimal("29.20"))


def test_what_is_invoiced_beyond_the_order_is_charged_and_releases_nothing_more(
    connected: Hospital,
) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 4})
    ordering.received(connected, order, {10: 4})
    invoiced(connected, order, 6)
    held = balance(connected)
    assert (held.ordered, held.invoiced) == (0, Decimal("43.50"))


def test_invoicing_what_was_cancelled_releases_nothing_twice(connected: Hospital) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 4})
    with transaction():
        cancel_rest(connected.actor(Role.BUYER), order.id, order.lines[0].id, "Not needed")
    assert balance(connected).ordered == 0
    invoiced(connected, order, 4)
    held = balance(connected)
    assert (held.ordered, held.invoiced, held.available) == (0, 29, 971)


def test_a_partial_cancel_after_a_partial_invoice_releases_the_rest(connected: Hospital) -> None:
    ordering.priced(connected, connected.gloves_offer, "0.0150")
    order = ordering.sent(connected, {connected.gloves_offer: 3})
    assert balance(connected).ordered == Decimal("0.05")
    ordering.received(connected, order, {10: 1})
    invoiced(connected, order, 1, price="0.0150")
    with transaction():
        cancel_rest(connected.actor(Role.BUYER), order.id, order.lines[0].id, "Not needed")
    held = balance(connected)
    assert (held.ordered, held.invoiced) == (0, Decimal("0.02"))


def test_shared_lines_are_charged_to_the_requests_they_serve(connected: Hospital) -> None:
    first = ordering.approved(connected, {connected.gloves_offer: 1})
    second = ordering.approved(connected, {connected.gloves_offer: 2})
    order = ordering.taken(ordering.placed_lines(connected, first + second))
    invoiced(connected, order, 3, price="0.3333")
    entries = db.session.execute(
        db.text(
            "SELECT requisition_line_id, sum(amount) FROM budget_entry WHERE term = 'invoiced' "
            "GROUP BY 1 ORDER BY 1"
        )
    ).all()
    assert [tuple(row) for row in entries] == [(first[0], Decimal("0.33")), (second[0], Decimal("0.67"))]


def test_the_same_number_is_recorded_once(connected: Hospital) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 4})
    invoiced(connected, order, 1)
    with pytest.raises(Conflict, match="Invoice INV-1 of Harborline Medical was recorded already"):
        invoiced(connected, order, 1, number=" INV-1 ")
    other = ordering.sent(connected, {connected.gloves_offer: 4})
    with pytest.raises(Conflict):
        invoiced(connected, other, 1)


@pytest.mark.parametrize(
    ("quantity", "price", "number", "sentence"),
    [
        (0, "1", "INV-1", "enter a quantity above zero"),
        (-1, "1", "INV-1", "enter a quantity above zero"),
        (1, "-1", "INV-1", "enter a price of zero or more"),
        (1, "1", "  ", "Enter the invoice number"),
    ],
)
def test_what_cannot_be_charged_is_refused(
    connected: Hospital, quantity: int, price: str, number: str, sentence: str
) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 4})
    with pytest.raises(Invalid, match=sentence):
        invoiced(connected, order, quantity, price=price, number=number)
    assert db.session.query(Invoice).count() == 0
    assert balance(connected).invoiced == 0


def test_only_an_analyst_records_invoices_and_only_for_lines_of_the_order(connected: Hospital) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 4})
    other = ordering.sent(connected, {connected.catheter_offer: 1})
    with pytest.raises(NotAllowed):
        invoiced(connected, fresh(order), 1, role=Role.BUYER)
    foreign = fresh(other).lines[0].id
    with pytest.raises(NotFound), transaction():
        invoices.record(
            connected.actor(Role.AP_ANALYST),
            order.id,
            number="INV-9",
            invoiced_on=clock.today(),
            charged=[Charged(foreign, Decimal(1), Decimal(1))],
        )


def document(order: PurchaseOrder, quantity: str = "4", price: str = "7.25", **changed: Any) -> Document:
    """An invoice as the network brings it."""
    values: dict[str, Any] = {"uom": "BX", "line_number": 10, "currency": "USD", **changed}
    currency = str(values.pop("currency"))
    line = DocumentLine(
        order_number=order.number,
        quantity=Decimal(quantity),
        unit_price=Money(amount=Decimal(price), currency=currency),
        amount=Money(amount=Decimal(quantity) * Decimal(price), currency=currency),
        **values,
    )
    total = Money(amount=Decimal(quantity) * Decimal(price), currency=currency)
    return Document(number="INV-N", invoiced_on=date(2026, 3, 1), total=total, lines=(line,))


def arrive(one: Document, sender: str = "") -> None:
    with transaction():
        invoices.apply_invoice(ordering.inbound(sender), one)


def test_an_invoice_from_the_network_counts_once_in_any_unit(connected: Hospital) -> None:
    ordering.priced(connected, connected.gloves_offer, "0.0825")
    order = ordering.sent(connected, {connected.gloves_offer: 3})
    ordering.received(connected, order, {10: 3})
    arrive(document(order, "30", "0.00825", uom="EA"))
    arrive(document(order, "30", "0.00825", uom="EA"))
    (invoice,) = db.session.query(Invoice).all()
    assert (invoice.matched, invoice.total) == (True, Decimal("0.25"))
    with pytest.raises(Invalid, match=r"recorded with \$0\.25; it came again with \$0\.50"):
        arrive(document(order, "6", "0.0825"))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"line_number": 70}, "Line 70 of invoice INV-N is not on PO"),
        ({"currency": "CAD"}, "is in CAD"),
        ({"uom": "CA"}, "ordered in BX, but counted in CA"),
    ],
)
def test_what_the_network_cannot_mean_is_refused(
    connected: Hospital, changed: dict[str, Any], sentence: str
) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 4})
    with pytest.raises(Invalid, match=sentence):
        arrive(document(order, **changed))


def test_another_suppliers_invoice_and_other_memos_are_left_to_a_person(connected: Hospital) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 4})
    with pytest.raises(Invalid, match="but AN-OTHER answers"):
        arrive(document(order), sender="AN-OTHER")
    with pytest.raises(Invalid, match="debitMemo"):
        arrive(document(order).model_copy(update={"purpose": "debitMemo"}))
    with pytest.raises(Invalid, match=r"nothing of PO.* went back that waits for a credit"):
        arrive(document(order).model_copy(update={"purpose": "creditMemo"}))
    line = document(order).lines[0].model_copy(update={"order_number": "PO00-0000000"})
    with pytest.raises(NotFound, match="There is no purchase order"):
        arrive(document(order).model_copy(update={"lines": (line,)}))
