"""Records invoices, matches them and moves their budget from ordered to invoiced."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from integrations import canonical
from portal.budgets import services as budgets
from portal.budgets.rules import Term
from portal.budgets.services import Change, Document
from portal.exchange import services as exchange
from portal.exchange.models import Message
from portal.exchange.rules import WorkItemKind
from portal.foundation import audit
from portal.foundation.access import Actor, system
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid, NotFound
from portal.foundation.money import extended, slice_amount
from portal.foundation.trace import follow_trace
from portal.invoices import queries
from portal.invoices.models import Invoice, InvoiceLine
from portal.invoices.rules import MatchLine, differences
from portal.orders import queries as orders
from portal.orders import services as order_services
from portal.orders.answers import in_order_unit
from portal.orders.models import PurchaseOrder, PurchaseOrderLine


@dataclass(frozen=True)
class Charged:
    """What is invoiced of an order line, in the order's unit."""

    order_line_id: int
    quantity: Decimal
    unit_price: Decimal


def record(
    actor: Actor, order_id: int, *, number: str, invoiced_on: date, charged: Sequence[Charged]
) -> Invoice:
    """Keeps an invoice and says where it differs; raises Conflict for a number that was recorded."""
    order = found(orders.find(order_id, lock=True), "order")
    number = number.strip()
    if not number:
        raise Invalid("Enter the invoice number.", field="number")
    if not charged:
        raise Invalid("Enter the quantity of at least one line.")
    if queries.find_by_number(order.supplier_id, number) is not None:
        raise Conflict(f"Invoice {number} of {order.supplier.name} was recorded already.")
    follow_trace(order.trace_id)
    lines = {line.id: line for line in order.lines}
    found_differences: list[str] = []
    invoice = Invoice(
        supplier=order.supplier, order=order, number=number, invoiced_on=invoiced_on,
        total=Decimal(), matched=True, entered_by_id=actor.account_id, trace_id=order.trace_id, lines=[],
    )  # fmt: skip
    db.session.add(invoice)
    db.session.flush()  # the ledger names it by its id
    changes: list[Change] = []
    for one in charged:
        line = found(lines.get(one.order_line_id), "line")
        if one.quantity <= 0:
            raise Invalid(f"{line.description}: enter a quantity above zero.")
        found_differences += differences(_match_line(line, one))
        changes += _changes(order, invoice, line, one)
        _add(invoice, line, one)
    budgets.post(changes)
    invoice.matched = not found_differences
    order_services.refresh(order)
    _report(invoice, found_differences)
    audit.record(
        actor, "invoice.record", invoice,
        after={"order": order.number, "total": invoice.total, "matched": invoice.matched},
        evidence={"differences": found_differences},
    )  # fmt: skip
    return invoice


def _match_line(line: PurchaseOrderLine, one: Charged) -> MatchLine:
    return MatchLine(
        name=line.description,
        uom=line.uom,
        ordered_price=line.unit_price,
        received=line.received,
        invoiced_before=line.invoiced,
        quantity=one.quantity,
        unit_price=one.unit_price,
    )


def _add(invoice: Invoice, line: PurchaseOrderLine, one: Charged) -> None:
    amount = extended(one.quantity, one.unit_price)
    invoice.lines.append(
        InvoiceLine(order_line=line, quantity=one.quantity, unit_price=one.unit_price, amount=amount)
    )
    invoice.total += amount
    line.invoiced += one.quantity


def _changes(order: PurchaseOrder, invoice: Invoice, line: PurchaseOrderLine, one: Charged) -> list[Change]:
    """Ordered money leaves at the ordered price, invoiced money enters at the invoiced price."""
    ordered = order_services.document_of(order)
    document = Document("invoice", invoice.id, invoice.number)
    changes: list[Change] = []
    start = Decimal()
    since, until = line.invoiced, line.invoiced + one.quantity
    last = line.sources[-1]
    for source in line.sources:
        end = start + source.quantity
        begin, finish = max(start, since), min(end, until)
        # What is invoiced beyond the order is charged to the last source; the order held nothing for it.
        charged = max(finish - begin, Decimal())
        if source is last:
            charged += max(until - max(end, since), Decimal())
        if finish > begin:
            amount = slice_amount(line.unit_price, begin - start, finish - start)
            changes.append(Change(source.requisition_line_id, Term.ORDERED, -amount, ordered))
        if charged > 0:
            amount = extended(charged, one.unit_price)
            changes.append(Change(source.requisition_line_id, Term.INVOICED, amount, document))
        start = end
    return changes


def _report(invoice: Invoice, found_differences: Sequence[str]) -> None:
    if found_differences:
        exchange.open_item(
            WorkItemKind.INVOICE_DIFFERENCE,
            key=f"invoice-{invoice.id}",
            sentence=f"Invoice {invoice.number} differs: {' '.join(found_differences)}",
            suggestion="Pay what was received at the ordered price, or ask the supplier for a credit.",
            subject=exchange.about(invoice),
            at_stake=invoice.total,
        )


def apply_invoice(message: Message, document: canonical.InboundDocument) -> None:
    """Records an invoice that came through the network; the same number again changes nothing."""
    assert isinstance(document, canonical.Invoice)
    numbers = {line.order_number for line in document.lines}
    if len(numbers) != 1:
        raise Invalid(f"Invoice {document.number} names {len(numbers)} orders; one is supported.")
    order_number = numbers.pop()
    order = orders.find_by_number(order_number, lock=True)
    if order is None:
        raise NotFound(f"There is no purchase order {order_number}.")
    if message.sender and order.supplier.network_id not in ("", message.sender):
        raise Invalid(
            f"{order_number} was ordered from {order.supplier.name}, but {message.sender} bills it."
        )
    message.subject_type, message.subject_id = "purchase_order", order.id
    message.trace_id = order.trace_id
    if queries.find_by_number(order.supplier_id, document.number) is not None:
        return
    if document.operation != "new" or document.purpose != "standard":
        raise Invalid(f"{document.number} is a {document.purpose} ({document.operation}); enter it by hand.")
    lines = {line.line_number: line for line in order.lines}
    record(
        system(order.organization_id, "invoice received"),
        order.id,
        number=document.number,
        invoiced_on=document.invoiced_on,
        charged=[_charged(found(lines.get(one.line_number), "line"), one) for one in document.lines],
    )


def _charged(line: PurchaseOrderLine, one: canonical.InvoiceLine) -> Charged:
    quantity = in_order_unit(line, one.quantity, one.uom)
    # The price is per invoiced unit; the order's unit may hold more or less.
    return Charged(line.id, quantity, extended(one.quantity, one.unit_price.amount) / quantity)
