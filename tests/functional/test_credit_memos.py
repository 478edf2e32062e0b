"""A credit memo of the network closes the return that waits for it, and the budget gets its money back."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from lxml import etree

from integrations.canonical import Invoice
from integrations.formats.cxml.envelope import Header, write_request
from integrations.registry import INBOUND
from portal.foundation import clock
from portal.foundation.db import found, transaction
from portal.foundation.errors import Conflict, Invalid
from portal.identity.rules import Role
from portal.inventory.rules import Owner
from portal.invoices import services as invoices
from portal.invoices.services import Charged
from portal.masterdata.models import ContractLine
from portal.orders import outbound
from portal.orders import queries as orders
from portal.orders import services as placing
from portal.orders.models import PurchaseOrder
from portal.receiving import return_queries, returns
from portal.receiving.models import Receipt, SupplierReturn
from portal.receiving.queries import find_return
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import balance, fresh, words
from tests.visitor import Visitor

PARTY = ("NetworkID", "AN-1")


def memo(order: PurchaseOrder, lines: dict[int, tuple[str, str]], number: str = "CM-1") -> Invoice:
    """A line-level credit memo as it comes over the wire: (quantity, amount) by line number, below zero."""
    items = "".join(
        f'<InvoiceDetailItem invoiceLineNumber="{line}" quantity="-{quantity}">'
        f'<UnitOfMeasure>BX</UnitOfMeasure><UnitPrice><Money currency="USD">1</Money></UnitPrice>'
        f'<InvoiceDetailItemReference lineNumber="{line}"/>'
        f'<SubtotalAmount><Money currency="USD">-{amount}</Money></SubtotalAmount></InvoiceDetailItem>'
        for line, (quantity, amount) in lines.items()
    )
    return read(
        number, f"<InvoiceDetailOrder>{about(order)}{items}</InvoiceDetailOrder>", "lineLevelCreditMemo"
    )


def summed(order: PurchaseOrder, net: str, number: str = "CM-1") -> Invoice:
    """A credit memo over one sum, tax included."""
    named = f"<InvoiceDetailHeaderOrder>{about(order)}</InvoiceDetailHeaderOrder>"
    return read(number, named, "creditMemo", net=net)


def about(order: PurchaseOrder) -> str:
    return (
        f'<InvoiceDetailOrderInfo><OrderReference orderID="{order.number}"><DocumentReference payloadID="p"/>'
        "</OrderReference></InvoiceDetailOrderInfo>"
    )


def read(number: str, body: str, purpose: str, net: str = "-1") -> Invoice:
    money = '<Money currency="USD">{}</Money>'.format
    request = etree.fromstring(
        "<InvoiceDetailRequest>"
        f'<InvoiceDetailRequestHeader invoiceID="{number}" invoiceDate="2026-03-01" purpose="{purpose}"/>'
        f"{body}<InvoiceDetailSummary><SubtotalAmount>{money('-1')}</SubtotalAmount><Tax>{money('-0.50')}</Tax>"
        f"<NetAmount>{money(net)}</NetAmount></InvoiceDetailSummary></InvoiceDetailRequest>"
    )
    header = Header(
        "m-1@s", datetime(2026, 3, 1, tzinfo=UTC), from_=PARTY, to=PARTY, sender=PARTY, secret="s"
    )
    document = INBOUND["cxml"].translate(write_request(header, request, dtd="InvoiceDetail.dtd")).document
    assert isinstance(document, Invoice)
    return document


def arrive(document: Invoice) -> None:
    with transaction():
        invoices.apply_invoice(ordering.inbound(), document)


@pytest.fixture
def receipt(hospital: Hospital) -> Receipt:
    """Four boxes of catheters at 20.00 and two of gloves at 7.25, received and invoiced: 94.50 spent."""
    ordering.connect(hospital)
    order = ordering.sent(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})
    receipt = ordering.received(hospital, fresh(order), {10: 4, 20: 2})
    with transaction():
        charged = [Charged(one.id, one.quantity, one.unit_price) for one in fresh(order).lines]
        analyst = hospital.actor(Role.AP_ANALYST)
        invoices.record(analyst, order.id, number="INV-1", invoiced_on=clock.today(), charged=charged)
    return receipt


def sent_back(hospital: Hospital, receipt: Receipt, number: str, *quantities: int) -> SupplierReturn:
    """So much of each line of the receipt, on its way back."""
    pieces = {line.id: Decimal(many) for line, many in zip(receipt.lines, quantities, strict=True)}
    with transaction():
        asked = returns.Asked(f"form-{number}", number, "Torn", pieces)
        return returns.send_back(hospital.actor(Role.RECEIVER), receipt.id, asked)


def credited(one: SupplierReturn) -> tuple[str | None, Decimal | None]:
    shown = find_return(one.id)
    assert shown is not None
    return shown.credit_number, shown.credited


def test_a_credit_memo_closes_its_return_and_gives_the_budget_back(
    hospital: Hospital, receipt: Receipt
) -> None:
    order = found(orders.find(receipt.order_id), "order")
    first = sent_back(hospital, receipt, "RMA-1", 1, 1)
    second = sent_back(hospital, receipt, "RMA-2", 2, 0)
    assert (first.credit_expected, second.credit_expected) == (Decimal("27.25"), 40)
    assert balance(hospital).invoiced == Decimal("94.50")
    arrive(memo(order, {10: ("2", "39.99")}))
    assert (credited(first), credited(second)) == ((None, None), ("CM-1", Decimal("39.99")))
    assert balance(hospital).invoiced == Decimal("54.51")
    arrive(memo(order, {10: ("2", "39.99")}))  # the same memo again
    assert balance(hospital).invoiced == Decimal("54.51")
    with pytest.raises(Conflict, match="is credited already, by credit note CM-1"):
        arrive(memo(order, {10: ("2", "35.00")}))
    arrive(summed(order, "-27.75", number="CM-2"))
    assert credited(first) == ("CM-2", Decimal("27.25"))
    assert balance(hospital).invoiced == Decimal("27.26")
    with pytest.raises(Invalid, match=r"CM-3 over \$5.00: nothing of PO.* went back that waits"):
        arrive(summed(order, "-5.50", number="CM-3"))


def test_a_memo_that_may_mean_several_returns_is_for_a_person(hospital: Hospital, receipt: Receipt) -> None:
    order = found(orders.find(receipt.order_id), "order")
    for number in ("RMA-1", "RMA-2"):
        sent_back(hospital, receipt, number, 1, 0)
    with pytest.raises(Invalid, match=r"may be for RS.*, RS.* of PO.*Note it on the right one by hand"):
        arrive(memo(order, {10: ("1", "20.00")}))


def test_consignment_stays_the_suppliers_from_contract_to_return(hospital: Hospital, client: Visitor) -> None:
    """The contract says it, the order tells the ERP, the dock need not; no credit is expected."""
    ordering.connect(hospital)
    with transaction() as session:
        line = session.query(ContractLine).filter_by(item_id=hospital.gloves.id, uom="BX").one()
        line.consignment = True
    order = ordering.sent(hospital, {hospital.gloves_offer: 2, hospital.catheter_offer: 1})
    assert (fresh(order).total, balance(hospital).ordered) == (20, 20)  # the catheters only
    assert balance(hospital).requested == 0
    with transaction():
        lines = ordering.approved(hospital, {hospital.gloves_offer: 1})
        (used,) = placing.place(hospital.actor(Role.BUYER), lines, reference="Bill only, used already")
    assert (fresh(used).lines[0].consignment, used.total) == (False, Decimal("7.25"))
    told = outbound.document(fresh(order), bill_to="Hospital").lines
    assert [one.is_consignment for one in told] == [one.item == hospital.gloves.code for one in told]
    (number,) = [one.line_number for one in told if one.is_consignment]
    receipt = ordering.received(hospital, fresh(order), {number: 2})
    assert [one.owner for one in receipt.lines] == [Owner.CONSIGNMENT]
    one = sent_back(hospital, receipt, "RMA-9", 1)
    assert one.credit_expected == 0
    assert return_queries.uncredited(order.id) == []
    client.sign_in(hospital.email(Role.AP_ANALYST))
    shown = words(client.get(f"/receive/returns/{one.id}"))
    assert "none: it was the supplier's" in shown
    assert "Note the credit" not in shown
