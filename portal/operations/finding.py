"""Finding a document by any number it is known by."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select

from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import NotFound
from portal.invoices.models import Invoice
from portal.masterdata.models import Location
from portal.orders.models import (
    OrderConfirmation,
    PurchaseOrder,
    PurchaseOrderLine,
    ShipNotice,
    ShipNoticeLine,
)
from portal.receiving.models import Receipt
from portal.requisitions.models import Requisition

MOST_HITS = 20


@dataclass(frozen=True)
class Hit:
    """A document that bears a number; `note` says what else is known by it."""

    type: str
    id: int
    number: str
    note: str = ""


def find(actor: Actor, number: str) -> list[Hit]:
    """Requisitions, orders, receipts and invoices known by a number, as far as the person may see them."""
    hits = [
        *_requisitions(number),
        *_orders(number),
        *_answers(number),
        *_receipts(number),
        *_invoices(number),
    ]
    unique = {(hit.type, hit.id): hit for hit in reversed(hits)}
    return [hit for hit in reversed(unique.values()) if _may_see(actor, hit)][:MOST_HITS]


def _may_see(actor: Actor, hit: Hit) -> bool:
    if actor.can(Permission.OPERATE_EXCHANGE):
        return True
    if not actor.can(Permission.VIEW_ORDERS):
        return False
    facilities = actor.facility_ids(Permission.VIEW_ORDERS)
    return facilities is None or _facility_of(hit) in facilities


def _facility_of(hit: Hit) -> int | None:
    statement = select(Location.facility_id)
    if hit.type == "requisition":
        statement = statement.join(Requisition, Requisition.location_id == Location.id).where(
            Requisition.id == hit.id
        )
        return db.session.scalar(statement)
    statement = statement.join(PurchaseOrder, PurchaseOrder.location_id == Location.id)
    if hit.type == "purchase_order":
        return db.session.scalar(statement.where(PurchaseOrder.id == hit.id))
    model = Receipt if hit.type == "receipt" else Invoice
    return db.session.scalar(
        statement.join(model, model.order_id == PurchaseOrder.id).where(model.id == hit.id)
    )


def _requisitions(number: str) -> list[Hit]:
    rows = db.session.execute(
        select(Requisition.id, Requisition.number).where(Requisition.number == number.upper())
    )
    return [Hit("requisition", row.id, row.number) for row in rows]


def _orders(number: str) -> list[Hit]:
    rows = db.session.execute(
        select(PurchaseOrder.id, PurchaseOrder.number, PurchaseOrder.erp_number).where(
            or_(PurchaseOrder.number == number.upper(), PurchaseOrder.erp_number == number)
        )
    )
    return [
        Hit("purchase_order", row.id, row.number, f"ERP {row.erp_number}" if row.erp_number else "")
        for row in rows
    ]


def _answers(number: str) -> list[Hit]:
    """Orders by the number of a confirmation or a ship notice about them."""
    confirmed = db.session.execute(
        select(PurchaseOrder.id, PurchaseOrder.number)
        .join(OrderConfirmation, OrderConfirmation.order_id == PurchaseOrder.id)
        .where(OrderConfirmation.number == number)
        .distinct()
        .limit(MOST_HITS)
    )
    shipped = db.session.execute(
        select(PurchaseOrder.id, PurchaseOrder.number)
        .join(PurchaseOrderLine, PurchaseOrderLine.order_id == PurchaseOrder.id)
        .join(ShipNoticeLine, ShipNoticeLine.line_id == PurchaseOrderLine.id)
        .join(ShipNotice, ShipNotice.id == ShipNoticeLine.notice_id)
        .where(ShipNotice.number == number)
        .distinct()
        .limit(MOST_HITS)
    )
    return [
        *(Hit("purchase_order", row.id, row.number, f"Confirmation {number}") for row in confirmed),
        *(Hit("purchase_order", row.id, row.number, f"Ship notice {number}") for row in shipped),
    ]


def _receipts(number: str) -> list[Hit]:
    rows = db.session.execute(
        select(Receipt.id, Receipt.number, Receipt.erp_number).where(
            or_(Receipt.number == number.upper(), Receipt.erp_number == number)
        )
    )
    return [
        Hit("receipt", row.id, row.number, f"ERP {row.erp_number}" if row.erp_number else "") for row in rows
    ]


def _invoices(number: str) -> list[Hit]:
    rows = db.session.execute(
        select(Invoice.id, Invoice.number).where(Invoice.number == number).limit(MOST_HITS)
    )
    return [Hit("invoice", row.id, row.number) for row in rows]


MODELS: dict[str, Any] = {
    "requisition": Requisition,
    "purchase_order": PurchaseOrder,
    "receipt": Receipt,
    "invoice": Invoice,
}


def by_id(kind: str, document_id: int) -> Hit:
    """A document by its own id; raises NotFound."""
    row = found(db.session.get(MODELS[kind], document_id), kind.replace("_", " "))
    return Hit(kind, row.id, row.number or "not submitted")


def requisition(text: str) -> Hit:
    """The requisition whose id was typed; raises NotFound."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound(f"No document of this organization is known by {text[:100]}.")
    return by_id("requisition", int(text))
