"""InvoiceDetailRequest: a supplier's invoice (InvoiceDetail.dtd 1.2.037, InvoiceDetailRequest)."""

from collections.abc import Iterator
from typing import Literal

from lxml import etree
from pydantic import ValidationError

from integrations.canonical import Invoice, InvoiceLine, Money
from integrations.errors import Unreadable
from integrations.formats.cxml.prices import price_per_unit
from integrations.formats.cxml.reading import Reader, unusable, where
from integrations.formats.cxml.references import OrderRef, read_order_reference

CENTS = 2
PURPOSES: dict[str, Literal["standard", "creditMemo", "debitMemo"]] = {
    "standard": "standard",
    "creditMemo": "creditMemo",
    "lineLevelCreditMemo": "creditMemo",
    "debitMemo": "debitMemo",
    "lineLevelDebitMemo": "debitMemo",
}


def read_invoice(request: etree._Element, reader: Reader) -> Invoice:
    """The invoice; what is invoiced without an order line is left out of `lines` with a warning."""
    header = reader.child(request, "InvoiceDetailRequestHeader")
    summary = reader.child(request, "InvoiceDetailSummary")
    invoiced_on = reader.optional_day(header, "invoiceDate")
    if invoiced_on is None:
        raise Unreadable("InvoiceDetailRequestHeader has no usable invoiceDate", position=where(header))
    tax = summary.find("Tax")
    try:
        return Invoice(
            number=reader.needed(header, "invoiceID"),
            invoiced_on=invoiced_on,
            operation=_operation(header),
            purpose=PURPOSES.get(header.get("purpose", "standard"), "other"),
            tax=reader.money(tax) if tax is not None else None,
            total=reader.money(reader.child(summary, "NetAmount")),
            lines=tuple(_lines(request, reader)),
            whole_orders=tuple(_whole_orders(request, reader)),
        )
    except ValidationError as error:
        raise unusable(header, error) from error


def _operation(header: etree._Element) -> Literal["new", "delete"]:
    operation = header.get("operation", "new")
    if operation == "new":
        return "new"
    if operation == "delete":
        return "delete"
    raise Unreadable(
        f"InvoiceDetailRequestHeader operation is unknown: {operation[:40]!r}", position=where(header)
    )


def _whole_orders(request: etree._Element, reader: Reader) -> Iterator[str]:
    for summed in request.findall("InvoiceDetailHeaderOrder"):
        order = read_order_reference(reader.child(summed, "InvoiceDetailOrderInfo"), reader)
        yield order.number or order.message_id


def _lines(request: etree._Element, reader: Reader) -> Iterator[InvoiceLine]:
    for summed in request.findall("InvoiceDetailHeaderOrder"):
        reader.warn(summed, "an order is invoiced as one sum, without lines")
    for invoiced in request.findall("InvoiceDetailOrder"):
        order = read_order_reference(reader.child(invoiced, "InvoiceDetailOrderInfo"), reader)
        for service in invoiced.findall("InvoiceDetailServiceItem"):
            reader.warn(service, "a service is invoiced; it is part of the total only")
        for item in invoiced.findall("InvoiceDetailItem"):
            yield _line(item, order, reader)


def _line(item: etree._Element, order: OrderRef, reader: Reader) -> InvoiceLine:
    quantity = reader.amount(reader.needed(item, "quantity"), item, "quantity")
    price = price_per_unit(item, reader)
    subtotal = item.find("SubtotalAmount")
    if subtotal is None:
        reader.warn(item, "no SubtotalAmount; quantity times price is taken")
        amount = Money(amount=round(quantity * price.amount, CENTS), currency=price.currency)
    else:
        amount = reader.money(subtotal)
    return InvoiceLine(
        order_number=order.number,
        order_message_id=order.message_id,
        line_number=reader.line_number(reader.child(item, "InvoiceDetailItemReference")),
        quantity=quantity,
        uom=reader.unit(item),
        unit_price=price,
        amount=amount,
    )
