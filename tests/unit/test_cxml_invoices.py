"""Invoices as they come."""

from datetime import date
from decimal import Decimal

import pytest

from integrations.canonical import Invoice
from integrations.errors import Unreadable
from tests.unit.cxml_examples import ORDER, price, read, usd


def invoice(items: str, header: str = "", net: str = "408.00") -> tuple[Invoice, tuple[str, ...]]:
    translated = read(
        "<InvoiceDetailRequest>"
        f'<InvoiceDetailRequestHeader invoiceID="I-1" invoiceDate="2026-02-03" {header}/>'
        f"<InvoiceDetailOrder><InvoiceDetailOrderInfo>{ORDER}</InvoiceDetailOrderInfo>{items}"
        "</InvoiceDetailOrder><InvoiceDetailSummary><SubtotalAmount><Money currency='USD'>400</Money>"
        "</SubtotalAmount><Tax><Money currency='USD'>8</Money></Tax>"
        f"<NetAmount><Money currency='USD'>{net}</Money></NetAmount></InvoiceDetailSummary>"
        "</InvoiceDetailRequest>"
    )
    assert isinstance(translated.document, Invoice)
    return translated.document, translated.warnings


def invoiced(subtotal: str = "<SubtotalAmount><Money currency='USD'>400</Money></SubtotalAmount>") -> str:
    return (
        '<InvoiceDetailItem invoiceLineNumber="1" quantity="40"><UnitOfMeasure>BX</UnitOfMeasure>'
        f'{price("10")}<InvoiceDetailItemReference lineNumber="3"/>{subtotal}</InvoiceDetailItem>'
    )


def test_an_invoice_with_a_line() -> None:
    found, warnings = invoice(invoiced())
    assert (found.number, found.invoiced_on, found.purpose) == ("I-1", date(2026, 2, 3), "standard")
    assert (found.total, found.tax) == (usd("408"), usd("8"))
    line = found.lines[0]
    assert (line.order_number, line.line_number, line.quantity, line.uom) == ("PO-1", 3, Decimal(40), "BX")
    assert (line.unit_price, line.amount) == (usd("10"), usd("400"))
    assert warnings == ()


@pytest.mark.parametrize(
    ("header", "purpose", "operation"),
    [
        ('purpose="creditMemo"', "creditMemo", "new"),
        ('purpose="lineLevelCreditMemo"', "creditMemo", "new"),
        ('purpose="lineLevelDebitMemo"', "debitMemo", "new"),
        ('purpose="retro" operation="delete"', "other", "delete"),
    ],
)
def test_kinds_of_invoices(header: str, purpose: str, operation: str) -> None:
    found, _ = invoice(invoiced(), header, net="-408.00")
    assert (found.purpose, found.operation, found.total) == (purpose, operation, usd("-408"))


def test_an_order_invoiced_as_one_sum_is_named() -> None:
    info = f"<InvoiceDetailOrderInfo>{ORDER}</InvoiceDetailOrderInfo>"
    summed = f"<InvoiceDetailHeaderOrder>{info}</InvoiceDetailHeaderOrder>"
    found, warnings = invoice(f"</InvoiceDetailOrder>{summed}<InvoiceDetailOrder>{info}")
    assert (found.lines, found.whole_orders) == ((), ("PO-1",))
    assert warnings == ("line 2: an order is invoiced as one sum, without lines",)


def test_what_an_invoice_charges_without_a_line_is_a_warning() -> None:
    found, warnings = invoice("<InvoiceDetailServiceItem/>" + invoiced(""))
    assert found.lines[0].amount == usd("400.00")
    assert warnings == (
        "line 2: a service is invoiced; it is part of the total only",
        "line 2: no SubtotalAmount; quantity times price is taken",
    )


@pytest.mark.parametrize("net", ["", "four"])
def test_an_invoice_without_a_total_is_refused(net: str) -> None:
    with pytest.raises(Unreadable, match="Money"):
        invoice(invoiced(), net=net)
