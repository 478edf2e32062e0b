"""Records invoices, matches them and moves their budget from ordered to invoiced."""

from collections.abc import Iterator, Sequence
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
from portal.foundation.access import Actor, Permission, system
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.filters import money
from portal.foundation.money import extended, split
from portal.foundation.quantity import plain
from portal.foundation.trace import follow_trace
from portal.invoices import crediting, queries
from portal.invoices.models import Invoice, InvoiceLine
from portal.invoices.rules import differences
from portal.orders import queries as orders
from portal.orders import services as order_services
from portal.orders.answers import order_answered
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.rules import overlaps, part_of
from portal.orders.units import Units

COMPARED = "compared with the receipts"


@dataclass(frozen=True)
class Charged:
    """What is invoiced of an order line, in the order's unit."""

    order_line_id: int
    quantity: Decimal
    unit_price: Decimal


def record(
    actor: Actor, order_id: int, *, number: str, invoiced_on: date, charged: Sequence[Charged]
) -> Invoice:
    """Keeps an invoice and says where it differs.

    Raises Conflict for a number that was recorded already, Invalid for what cannot be charged.
    """
    order = found(orders.find(order_id, lock=True), "order")
    actor.require(Permission.MATCH_INVOICES, facility_id=order.location.facility_id)
    queries.lock_supplier(order.supplier_id)
    number = number.strip()
    _check(order, number, charged)
    follow_trace(order.trace_id)
    lines = {line.id: line for line in order.lines}
    invoice = Invoice(
        supplier=order.supplier, order=order, number=number, invoiced_on=invoiced_on,
        total=Decimal(), matched=True, entered_by_id=actor.account_id, trace_id=order.trace_id, lines=[],
    )  # fmt: skip
    db.session.add(invoice)
    db.session.flush()  # the ledger names it by its id
    changes: list[Change] = []
    for one in charged:
        line = lines[one.order_line_id]
        changes += _released(order, line, one)
        changes += _entered(invoice, line, one)
        _add(invoice, line, one)
    budgets.post(changes)
    order_services.refresh(order)
    told = next(told for one, told in _differences(order) if one.id == invoice.id)
    _judge(invoice, told)
    audit.record(actor, "order.invoice", order, after={"invoice": number, "matched": invoice.matched})
    audit.record(
        actor, "invoice.record", invoice,
        after={"order": order.number, "total": invoice.total, "matched": invoice.matched},
        evidence={"differences": told},
    )  # fmt: skip
    return invoice


def _check(order: PurchaseOrder, number: str, charged: Sequence[Charged]) -> None:
    if not number:
        raise Invalid("Enter the invoice number.", field="number")
    if queries.find_by_number(order.supplier_id, number) is not None:
        raise Conflict(f"Invoice {number} of {order.supplier.name} was recorded already.")
    if not charged:
        raise Invalid("Enter the quantity of at least one line.")
    lines = {line.id: line for line in order.lines}
    for one in charged:
        line = found(lines.get(one.order_line_id), "line")
        if one.quantity <= 0:
            raise Invalid(f"{line.description}: enter a quantity above zero.")
        if one.unit_price < 0:
            raise Invalid(f"{line.description}: enter a price of zero or more.")


def _add(invoice: Invoice, line: PurchaseOrderLine, one: Charged) -> None:
    amount = extended(one.quantity, one.unit_price)
    invoice.lines.append(
        InvoiceLine(order_line=line, quantity=one.quantity, unit_price=one.unit_price, amount=amount)
    )
    invoice.total += amount
    line.invoiced += one.quantity


def _released(order: PurchaseOrder, line: PurchaseOrderLine, one: Charged) -> list[Change]:
    """Ordered money leaves at the ordered price; what is cancelled or beyond the order holds none."""
    document = order_services.document_of(order)
    until = min(line.invoiced + one.quantity, line.quantities.wanted)
    changes: list[Change] = []
    for index, begin, end in overlaps(_quantities(line), line.invoiced, until):
        source = line.sources[index]
        amount = part_of(source.amount, source.quantity, begin, end)
        changes.append(Change(source.requisition_line_id, Term.ORDERED, -amount, document))
    return changes


def _entered(invoice: Invoice, line: PurchaseOrderLine, one: Charged) -> list[Change]:
    """Invoiced money enters at the invoiced price; what is beyond the order is charged to the last source."""
    document = Document("invoice", invoice.id, invoice.number)
    until = line.invoiced + one.quantity
    weights = [Decimal() for _ in line.sources]
    for index, begin, end in overlaps(_quantities(line), line.invoiced, until):
        weights[index] += end - begin
    weights[-1] += max(until - max(line.invoiced, line.quantity), Decimal())
    amounts = split(extended(one.quantity, one.unit_price), weights)
    return [
        Change(source.requisition_line_id, Term.INVOICED, amount, document)
        for source, amount in zip(line.sources, amounts, strict=True)
    ]


def _quantities(line: PurchaseOrderLine) -> list[Decimal]:
    return [source.quantity for source in line.sources]


def match(order: PurchaseOrder) -> None:
    """Compares every invoice of the order with what was ordered and received up to now.

    Opens a work item for those that differ, and closes it once they fit.
    """
    for invoice, told in _differences(order):
        before = invoice.matched
        _judge(invoice, told)
        if before != invoice.matched:
            audit.record(
                system(invoice.organization_id, COMPARED), "invoice.match", invoice,
                before={"matched": before}, after={"matched": invoice.matched},
                evidence={"differences": told},
            )  # fmt: skip


def _differences(order: PurchaseOrder) -> Iterator[tuple[Invoice, list[str]]]:
    for invoice, lines in queries.matched_lines(queries.invoices_of(order.id)):
        yield invoice, [sentence for line in lines for sentence in differences(line)]


def _judge(invoice: Invoice, told: Sequence[str]) -> None:
    invoice.matched = not told
    key = f"invoice-{invoice.id}"
    if invoice.matched:
        portal = system(invoice.organization_id, COMPARED)
        exchange.resolve_by_system(portal, key, "The invoice fits order and receipt.")
        return
    exchange.open_item(
        WorkItemKind.INVOICE_DIFFERENCE,
        key=key,
        sentence=f"Invoice {invoice.number} differs: {' '.join(told)}",
        suggestion="Pay what was received at the ordered price, or ask the supplier for a credit.",
        subject=exchange.about(invoice),
        at_stake=invoice.total,
    )


def apply_invoice(message: Message, document: canonical.InboundDocument) -> None:
    """Records an invoice that came through the network; the same invoice again changes nothing.

    Raises NotFound for an unknown order, Invalid for what must be entered by a person.
    """
    assert isinstance(document, canonical.Invoice)
    if document.purpose == "creditMemo":
        crediting.apply_credit(message, document)
        return
    named = {(line.order_number, line.order_message_id) for line in document.lines}
    if len({number or sent_as for number, sent_as in named}) != 1:
        raise Invalid(
            f"Invoice {document.number} names {len(named)} orders; enter it by hand for each order."
        )
    order = order_answered(message, *named.pop())
    known = queries.find_by_number(order.supplier_id, document.number)
    charged = [_charged(order, document, one) for one in document.lines]
    if known is not None:
        _refuse_other_content(known, charged, order.currency)
        return
    if document.operation != "new" or document.purpose != "standard":
        raise Invalid(f"{document.number} is a {document.purpose} ({document.operation}); enter it by hand.")
    record(
        system(order.organization_id, "invoice received"),
        order.id,
        number=document.number,
        invoiced_on=document.invoiced_on,
        charged=charged,
    )


def _refuse_other_content(known: Invoice, charged: Sequence[Charged], currency: str) -> None:
    total = sum((extended(one.quantity, one.unit_price) for one in charged), Decimal())
    if total != known.total:
        raise Invalid(
            f"Invoice {known.number} was recorded with {money(known.total, currency)}; it came again with "
            f"{money(total, currency)}."
        )


def _charged(order: PurchaseOrder, document: canonical.Invoice, one: canonical.InvoiceLine) -> Charged:
    line = next((line for line in order.lines if line.line_number == one.line_number), None)
    if line is None:
        raise Invalid(f"Line {one.line_number} of invoice {document.number} is not on {order.number}.")
    if one.unit_price.currency != order.currency:
        raise Invalid(
            f"Invoice {document.number} is in {one.unit_price.currency}, {order.number} in {order.currency}."
        )
    units = Units(order)
    if units.knows(line, one.uom) and not all(units.counted(line, [(one.quantity, one.uom)])):
        raise Invalid(
            f"Line {one.line_number} of invoice {document.number}: {plain(one.quantity)} {one.uom} are no "
            f"exact number of {line.uom}. Enter it by hand."
        )
    (quantity,) = units.quantities(line, [(one.quantity, one.uom)])
    return Charged(line.id, quantity, units.price(line, one.unit_price.amount, one.uom))
