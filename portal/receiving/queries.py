"""Reading receipts and what can be received."""

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.masterdata.models import Location
from portal.orders import queries as orders
from portal.orders.models import PurchaseOrder, PurchaseOrderLine, ShipNotice, ShipNoticeLine
from portal.orders.page import Linked
from portal.receiving.models import Receipt, ReceiptLine
from portal.receiving.rules import ReceiptState, Receivable


def find(receipt_id: int, *, lock: bool = False) -> Receipt | None:
    """The receipt with its lines."""
    statement = (
        select(Receipt)
        .where(Receipt.id == receipt_id)
        .options(
            joinedload(Receipt.receiver),
            joinedload(Receipt.order).joinedload(PurchaseOrder.supplier),
            joinedload(Receipt.order).joinedload(PurchaseOrder.location).joinedload(Location.facility),
            selectinload(Receipt.lines).joinedload(ReceiptLine.order_line).joinedload(PurchaseOrderLine.item),
        )
    )
    if lock:
        statement = statement.with_for_update(of=Receipt).execution_options(populate_existing=True)
    return db.session.scalar(statement)


def order_of(receipt_id: int) -> int | None:
    """The order a receipt belongs to."""
    return db.session.scalar(select(Receipt.order_id).where(Receipt.id == receipt_id))


def find_by_form_key(form_key: str) -> Receipt | None:
    """The receipt a repeated form belongs to, with its lines; locked."""
    return db.session.scalar(
        select(Receipt)
        .where(Receipt.form_key == form_key)
        .options(selectinload(Receipt.lines))
        .with_for_update(of=Receipt)
        .execution_options(populate_existing=True)
    )


def receivable_lines(order: PurchaseOrder) -> dict[int, Receivable]:
    """The lines of an order as the rules of receiving want them."""
    return {
        line.id: Receivable(
            name=line.description,
            uom=line.uom,
            wanted=line.quantities.wanted,
            received=line.received,
            needs_lot=line.item.lot_tracked,
            needs_expiry=line.item.expiry_tracked,
        )
        for line in order.lines
    }


def receipts_of(order_id: int, *, state: ReceiptState | None = None) -> list[Receipt]:
    """Receipts of an order with lines, oldest first."""
    statement = (
        select(Receipt)
        .where(Receipt.order_id == order_id, Receipt.state != ReceiptState.DISCARDED)
        .options(joinedload(Receipt.receiver), selectinload(Receipt.lines))
        .order_by(Receipt.id)
    )
    if state is not None:
        statement = statement.where(Receipt.state == state)
    return list(db.session.scalars(statement))


def listing(actor: Actor) -> Select[Any]:
    """Receipts the person may see, newest first."""
    statement = (
        select(Receipt)
        .join(Receipt.order)
        .join(PurchaseOrder.location)
        .where(Receipt.state != ReceiptState.DISCARDED)
        .options(joinedload(Receipt.receiver), joinedload(Receipt.order).joinedload(PurchaseOrder.supplier))
        .order_by(Receipt.id.desc())
    )
    facilities = actor.facility_ids(Permission.RECEIVE)
    return statement if facilities is None else statement.where(Location.facility_id.in_(facilities))


def for_person(actor: Actor, receipt_id: int) -> Receipt | None:
    """The receipt, if the person receives for its facility."""
    receipt = find(receipt_id)
    if receipt is None:
        return None
    facility_id = receipt.order.location.facility_id
    return receipt if actor.can(Permission.RECEIVE, facility_id=facility_id) else None


def expected(actor: Actor, words: str) -> Select[Any]:
    """Orders with something to receive; words name an order, an ERP number, a ship notice or an SSCC."""
    if not words:
        return orders.receivable(actor)
    shipped = (
        select(PurchaseOrderLine.order_id)
        .join(ShipNoticeLine, ShipNoticeLine.line_id == PurchaseOrderLine.id)
        .join(ShipNotice, ShipNotice.id == ShipNoticeLine.notice_id)
        .where((ShipNotice.number == words) | (ShipNoticeLine.sscc == words.removeprefix("(00)")))
    )
    number = words.upper()
    return orders.receivable(actor).where(
        (PurchaseOrder.number == number)
        | (PurchaseOrder.erp_number == number)
        | PurchaseOrder.id.in_(shipped)
    )


def linked_to_order(order_id: int) -> list[Linked]:
    """The receipts of an order as its page lists them."""
    return [
        Linked(
            kind="Receipt",
            number=receipt.number,
            endpoint="receiving.show",
            arguments={"receipt_id": receipt.id},
            at=receipt.entered_at,
            note=f"ERP {receipt.erp_number}" if receipt.erp_number else str(receipt.state),
        )
        for receipt in receipts_of(order_id)
    ]
