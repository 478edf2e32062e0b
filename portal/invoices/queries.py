"""Reading invoices and what waits for one."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from portal.exchange.models import WorkItem
from portal.exchange.queries import open_items_about
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.invoices.models import Invoice, InvoiceLine
from portal.invoices.rules import MatchLine
from portal.masterdata.models import Location, Supplier
from portal.orders import searching
from portal.orders.differences.confirmed_prices import book_when_answered, price_tolerance
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.searching import Search
from portal.orders.steps import Linked
from portal.requisitions.rulebook.rules import Rulebook


def find(invoice_id: int) -> Invoice | None:
    """The invoice with its lines."""
    return db.session.scalar(
        select(Invoice)
        .where(Invoice.id == invoice_id)
        .options(
            joinedload(Invoice.supplier),
            joinedload(Invoice.order).joinedload(PurchaseOrder.location),
            selectinload(Invoice.lines).joinedload(InvoiceLine.order_line),
        )
    )


def find_by_number(supplier_id: int, number: str) -> Invoice | None:
    """The invoice of a supplier by its number."""
    return db.session.scalar(
        select(Invoice).where(Invoice.supplier_id == supplier_id, Invoice.number == number)
    )


def invoices_of(order_id: int) -> list[Invoice]:
    """Invoices of an order with their lines, oldest first."""
    return list(
        db.session.scalars(
            select(Invoice)
            .where(Invoice.order_id == order_id)
            .options(
                joinedload(Invoice.order).joinedload(PurchaseOrder.location).joinedload(Location.facility),
                selectinload(Invoice.lines)
                .joinedload(InvoiceLine.order_line)
                .joinedload(PurchaseOrderLine.item),
            )
            .order_by(Invoice.id)
        )
    )


def matched_lines(invoices: Sequence[Invoice]) -> Iterator[tuple[Invoice, list[MatchLine]]]:
    """Each of an order's invoices, oldest first, with its lines as the match sees them."""
    before: dict[int, Decimal] = defaultdict(Decimal)
    is_confirmed = any(line.order_line.confirmed_price is not None for one in invoices for line in one.lines)
    book = book_when_answered(invoices[0].order) if is_confirmed else Rulebook()
    for invoice in invoices:
        lines: list[MatchLine] = []
        for line in invoice.lines:
            ordered = line.order_line
            lines.append(
                MatchLine(
                    name=ordered.description,
                    uom=ordered.uom,
                    ordered_price=ordered.unit_price,
                    received=ordered.received,
                    invoiced_before=before[ordered.id],
                    quantity=line.quantity,
                    unit_price=line.unit_price,
                    confirmed_price=ordered.confirmed_price,
                    tolerance=price_tolerance(book, ordered.item.category),
                    currency=invoice.order.currency,
                )
            )
            before[ordered.id] += line.quantity
        yield invoice, lines


def lock_supplier(supplier_id: int) -> None:
    """One invoice of a supplier after the other, so that a number is never recorded twice."""
    db.session.execute(
        select(Supplier.id).where(Supplier.id == supplier_id).with_for_update(key_share=True)
    ).all()


def for_person(actor: Actor, invoice_id: int) -> Invoice | None:
    """The invoice, if the person matches invoices of its facility."""
    invoice = find(invoice_id)
    if invoice is None:
        return None
    facility_id = invoice.order.location.facility_id
    return invoice if actor.can(Permission.MATCH_INVOICES, facility_id=facility_id) else None


def open_items(invoice: Invoice) -> list[WorkItem]:
    """What is still to be decided about an invoice."""
    return open_items_about("invoice", invoice.id)


def linked_to_order(order_id: int) -> list[Linked]:
    """The invoices of an order as its page lists them."""
    return [
        Linked(
            kind="Invoice",
            number=invoice.number,
            endpoint="invoices.show",
            arguments={"invoice_id": invoice.id},
            at=invoice.entered_at,
            note="matches" if invoice.matched else "differs",
            permission=Permission.MATCH_INVOICES,
            needs_attention=not invoice.matched,
        )
        for invoice in invoices_of(order_id)
    ]


def listing(actor: Actor, shown: str, words: str = "", sort: str = "") -> Select[Any]:
    """Invoices the person may see, newest first unless sorted; `shown` "differs" leaves out what matches."""
    statement = (
        select(Invoice)
        .join(Invoice.order)
        .join(Invoice.supplier)
        .join(PurchaseOrder.location)
        .options(contains_eager(Invoice.supplier), contains_eager(Invoice.order))
        .where(*_within(actor))
    )
    if shown == "differs":
        statement = statement.where(Invoice.matched.is_(False))
    if words := words.strip():
        numbers = (Invoice.number, PurchaseOrder.number, PurchaseOrder.erp_number)
        statement = statement.where(or_(*(number.icontains(words, autoescape=True) for number in numbers)))
    key = _sorts().get(sort.removeprefix("-"))
    if key is not None:
        statement = statement.order_by(key.desc() if sort.startswith("-") else key)
    return statement.order_by(Invoice.id.desc())


def _sorts() -> dict[str, ColumnElement[Any]]:
    return {
        "number": Invoice.number.expression,
        "supplier": Supplier.name.expression,
        "date": Invoice.invoiced_on.expression,
        "amount": Invoice.total.expression,
    }


def _within(actor: Actor) -> list[ColumnElement[bool]]:
    facilities = actor.facility_ids(Permission.MATCH_INVOICES)
    return [] if facilities is None else [Location.facility_id.in_(facilities)]


def to_invoice(actor: Actor, words: str = "") -> Select[Any]:
    """Orders with something received and not invoiced, the oldest first."""
    line = PurchaseOrderLine
    return searching.listing(actor, Search(words=words, sort="placed")).where(
        # Consignment is invoiced when it is used, by an order of its own.
        PurchaseOrder.lines.any(and_(line.received > line.invoiced, line.consignment.is_(False))),
        *_within(actor),
    )


def counts(actor: Actor) -> dict[str, int]:
    """How many orders wait for an invoice, and how many invoices differ."""
    statements = {"waiting": to_invoice(actor), "differs": listing(actor, "differs")}
    return {
        name: db.session.scalar(select(func.count()).select_from(one.order_by(None).subquery())) or 0
        for name, one in statements.items()
    }


def match_of(invoice: Invoice) -> list[MatchLine]:
    """The lines of an invoice as the match sees them, with what earlier invoices of the order charged."""
    compared = matched_lines(invoices_of(invoice.order_id))
    return next(lines for one, lines in compared if one.id == invoice.id)
