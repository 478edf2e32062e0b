"""Reading invoices and what waits for one."""

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.invoices.models import Invoice, InvoiceLine
from portal.orders import queries as orders
from portal.orders.models import PurchaseOrder, PurchaseOrderLine


def find(invoice_id: int) -> Invoice | None:
    """The invoice with its lines."""
    return db.session.scalar(
        select(Invoice)
        .where(Invoice.id == invoice_id)
        .options(
            joinedload(Invoice.supplier),
            joinedload(Invoice.order),
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
            .options(selectinload(Invoice.lines))
            .order_by(Invoice.id)
        )
    )


def listing(*, matched: bool | None = None, words: str = "") -> Select[Any]:
    """Invoices, newest first."""
    statement = (
        select(Invoice)
        .options(joinedload(Invoice.supplier), joinedload(Invoice.order))
        .order_by(Invoice.id.desc())
    )
    if matched is not None:
        statement = statement.where(Invoice.matched.is_(matched))
    if words:
        statement = statement.where(Invoice.number == words.strip())
    return statement


def to_invoice(actor: Actor, *, words: str = "") -> Select[Any]:
    """Orders with something received and not invoiced."""
    return orders.listing(actor, words=words).where(
        PurchaseOrder.lines.any(PurchaseOrderLine.received > PurchaseOrderLine.invoiced)
    )
