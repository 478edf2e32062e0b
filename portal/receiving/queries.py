"""Reading receipts and what can be received."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from portal.exchange.models import Message
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.inventory.queries import lots_at
from portal.masterdata.models import Location
from portal.orders import queries as orders
from portal.orders import searching
from portal.orders.models import PurchaseOrder, PurchaseOrderLine, ShipNotice, ShipNoticeLine
from portal.orders.searching import Search
from portal.orders.steps import Linked
from portal.receiving.models import Receipt, ReceiptLine
from portal.receiving.rules import Entry, ReceiptState, Receivable, as_sscc, still_to_come

NOTES = {
    ReceiptState.ENTERED: "to be checked",
    ReceiptState.POSTED: "posted, on its way to the ERP",
    ReceiptState.DISCARDED: "discarded",
}


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


def to_correct(order_id: int, receipt_id: int | None) -> Receipt | None:
    """The receipt of the order that was entered and is not posted yet, with its lines."""
    return db.session.scalar(
        select(Receipt)
        .where(
            Receipt.id == receipt_id,
            Receipt.order_id == order_id,
            Receipt.state == ReceiptState.ENTERED,
        )
        .options(selectinload(Receipt.lines))
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


def listing(actor: Actor, words: str = "") -> Select[Any]:
    """Receipts the person may see, newest first; words are a number of ours, of the order or of the ERP."""
    statement = (
        select(Receipt)
        .join(Receipt.order)
        .join(PurchaseOrder.location)
        .where(Receipt.state != ReceiptState.DISCARDED)
        .options(
            joinedload(Receipt.receiver),
            contains_eager(Receipt.order).joinedload(PurchaseOrder.supplier),
            contains_eager(Receipt.order)
            .contains_eager(PurchaseOrder.location)
            .joinedload(Location.facility),
        )
        .order_by(Receipt.id.desc())
    )
    if words := words.strip():
        numbers = (Receipt.number, Receipt.erp_number, PurchaseOrder.number, PurchaseOrder.erp_number)
        statement = statement.where(or_(*(number.icontains(words, autoescape=True) for number in numbers)))
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
    """Orders with something to receive, next first; words name an order, a ship notice or a parcel."""
    statement = searching.receivable(actor, Search())
    return statement.where(_is_named(words)) if words else statement


def named(actor: Actor, words: str) -> PurchaseOrder | None:
    """An order of that number, ship notice or parcel which cannot be received, to say why."""
    statement = searching.listing(actor, Search()).where(_is_named(words)).limit(1)
    order: PurchaseOrder | None = db.session.scalar(statement)
    return order


def _is_named(words: str) -> ColumnElement[bool]:
    number, sscc = words.upper(), as_sscc(words)
    inner = {"lines": [{"packages": [{"sscc": sscc}]}]}  # a box inside the announced pallet
    announced = (
        select(PurchaseOrderLine.order_id)
        .join(ShipNoticeLine, ShipNoticeLine.line_id == PurchaseOrderLine.id)
        .join(ShipNotice, ShipNotice.id == ShipNoticeLine.notice_id)
        .outerjoin(Message, Message.id == ShipNotice.message_id)
        .where(
            or_(
                func.upper(ShipNotice.number) == number,
                ShipNoticeLine.sscc == sscc,
                Message.canonical.contains(inner),
            )
        )
    )
    ours = (PurchaseOrder.number == number) | (PurchaseOrder.erp_number == number)
    return ours | PurchaseOrder.id.in_(announced)


def offered(order_id: int) -> list[Entry]:
    """What was shipped and not received yet, lot by lot."""
    shipped = [
        Entry(one.line_id, one.quantity, one.lot, one.expires_on) for one in orders.shipped_lines(order_id)
    ]
    received = [
        Entry(line.order_line_id, line.quantity, line.lot, line.expires_on)
        for receipt in receipts_of(order_id, state=ReceiptState.POSTED)
        for line in receipt.lines
    ]
    return still_to_come(shipped, received)


def stocked_lots(receipt: Receipt) -> dict[tuple[int, str], date | None]:
    """When the lots of a receipt that are on hand already expire, by item and lot."""
    item_ids = {line.order_line.item_id for line in receipt.lines}
    lots = lots_at(receipt.order.location_id, item_ids)
    return {(lot.item_id, lot.lot): lot.expires_on for lot in lots}


def linked_to_order(order_id: int) -> list[Linked]:
    """The receipts of an order as its page lists them."""
    return [
        Linked(
            kind="Receipt",
            number=receipt.number,
            endpoint="receiving.show",
            arguments={"receipt_id": receipt.id},
            at=receipt.entered_at,
            note=f"ERP {receipt.erp_number}" if receipt.erp_number else NOTES[receipt.state],
            permission=Permission.RECEIVE,
        )
        for receipt in receipts_of(order_id)
    ]
