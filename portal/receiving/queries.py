"""Reading receipts and what can be received."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from portal.exchange.models import Message
from portal.exchange.rules import Direction
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.inventory.queries import lots_at
from portal.masterdata.models import Location
from portal.masterdata.scanning import meant, read
from portal.orders import queries as orders
from portal.orders import searching
from portal.orders.models import PurchaseOrder, PurchaseOrderLine, ShipNotice, ShipNoticeLine, ShipPackage
from portal.orders.searching import Search
from portal.orders.steps import Linked
from portal.receiving.models import Receipt, ReceiptLine, ReceiptScan, SupplierReturn, SupplierReturnLine
from portal.receiving.rules import (
    THOUSANDTH,
    Entry,
    ReceiptState,
    Verdict,
    as_sscc,
    still_to_come,
)

MOST_UNCHECKED = 5
NOTES = {
    ReceiptState.ENTERED: "to be checked",
    ReceiptState.POSTED: "posted, on its way to the ERP",
    ReceiptState.DISCARDED: "discarded",
    ReceiptState.REVERSED: "rolled back",
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


def lock_order_of(receipt_id: int) -> int | None:
    """Locks the order a receipt belongs to; its id."""
    order_id = select(Receipt.order_id).where(Receipt.id == receipt_id).scalar_subquery()
    return db.session.scalar(select(PurchaseOrder.id).where(PurchaseOrder.id == order_id).with_for_update())


def find_by_form_key(form_key: str) -> Receipt | None:
    """The receipt a repeated form belongs to, with its lines; locked."""
    return db.session.scalar(
        select(Receipt)
        .where(Receipt.form_key == form_key)
        .options(selectinload(Receipt.lines))
        .with_for_update(of=Receipt)
        .execution_options(populate_existing=True)
    )


def lock_messages(receipt: Receipt) -> tuple[list[Message], int]:
    """Those of the messages that told the ERP of a receipt which nobody works on; how many there are."""
    of_receipt = select(Message.id).where(
        Message.direction == Direction.OUTBOUND,
        Message.kind == "receipt",
        Message.subject_type == Receipt.__tablename__,
        Message.subject_id == receipt.id,
    )
    ids = list(db.session.scalars(of_receipt))
    free = (
        select(Message)
        .where(Message.id.in_(ids))
        .options(joinedload(Message.partner))
        .with_for_update(of=Message, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return list(db.session.scalars(free)), len(ids)


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


def draft_of(order_id: int, account_id: int | None) -> Receipt | None:
    """What the person has entered of the order and not posted yet, the newest, with its lines."""
    return db.session.scalar(
        select(Receipt)
        .where(
            Receipt.order_id == order_id,
            Receipt.receiver_id == account_id,
            Receipt.state == ReceiptState.ENTERED,
        )
        .options(selectinload(Receipt.lines))
        .order_by(Receipt.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )


def scan_named(key: str) -> ReceiptScan | None:
    """The scan that the browser named so."""
    return db.session.scalar(select(ReceiptScan).where(ReceiptScan.key == key))


def scanned(order_id: int) -> set[str]:
    """What was scanned of the order before, for whatever receipt that stands; packages by their number."""
    texts = (
        select(ReceiptScan.text)
        .join(Receipt, Receipt.id == ReceiptScan.receipt_id)
        .where(
            Receipt.order_id == order_id,
            Receipt.state.in_((ReceiptState.ENTERED, ReceiptState.POSTED)),
            ReceiptScan.undone.is_(False),
        )
    )
    return {as_sscc(text) for text in db.session.scalars(texts)}


def is_last(receipt: Receipt) -> bool:
    """Whether nothing was posted for the order after this posted receipt."""
    last = last_posted(receipt.order_id)
    return last is not None and last.id == receipt.id


def last_posted(order_id: int) -> Receipt | None:
    """The receipt of an order that was posted last, whichever was entered first."""
    return db.session.scalar(
        select(Receipt)
        .where(Receipt.order_id == order_id, Receipt.state == ReceiptState.POSTED)
        .order_by(Receipt.posted_at.desc(), Receipt.id.desc())
        .limit(1)
    )


def last_scan(receipt_id: int) -> ReceiptScan | None:
    """The newest scan of a receipt that still counts."""
    return db.session.scalar(
        select(ReceiptScan)
        .where(ReceiptScan.receipt_id == receipt_id, ReceiptScan.undone.is_(False))
        .order_by(ReceiptScan.id.desc())
        .limit(1)
    )


def scan_of(receipt_id: int, scan_id: int) -> ReceiptScan | None:
    """One scan of a receipt."""
    statement = select(ReceiptScan).where(ReceiptScan.receipt_id == receipt_id, ReceiptScan.id == scan_id)
    return db.session.scalar(statement)


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


def unchecked(actor: Actor, order_id: int | None = None, *, but: Collection[str] = ()) -> Sequence[Receipt]:
    """Receipts (of one order, if said) that were entered and not posted, newest first, a few.

    `but` are the form keys of those the person has in hand.
    """
    statement = listing(actor).where(Receipt.state == ReceiptState.ENTERED, Receipt.form_key.not_in(but))
    if order_id is not None:
        statement = statement.where(Receipt.order_id == order_id)
    return db.session.scalars(statement.limit(MOST_UNCHECKED)).all()


def for_person(actor: Actor, receipt_id: int) -> Receipt | None:
    """The receipt, if the person receives for its facility."""
    receipt = find(receipt_id)
    if receipt is None:
        return None
    facility_id = receipt.order.location.facility_id
    return receipt if actor.can(Permission.RECEIVE, facility_id=facility_id) else None


def expected(actor: Actor, words: str) -> Select[Any]:
    """Orders with something to receive, next first; words name an order, notice, parcel or item."""
    statement = searching.receivable(actor, Search())
    return statement.where(_is_named(words) | _holds(words)) if words else statement


def named(actor: Actor, words: str) -> PurchaseOrder | None:
    """An order of that number, ship notice or parcel which cannot be received, to say why."""
    statement = searching.listing(actor, Search()).where(_is_named(words)).limit(1)
    order: PurchaseOrder | None = db.session.scalar(statement)
    return order


def _holds(words: str) -> ColumnElement[bool]:
    """Whether an order still waits for the item of a barcode or number."""
    scan, _ = read(words)
    meaning = meant(scan.di if scan else None, words).subquery()
    waits = (
        select(PurchaseOrderLine.order_id)
        .join(meaning, meaning.c.item_id == PurchaseOrderLine.item_id)
        .where(PurchaseOrderLine.received < PurchaseOrderLine.quantity - PurchaseOrderLine.cancelled)
    )
    return PurchaseOrder.id.in_(waits)


def _is_named(words: str) -> ColumnElement[bool]:
    number, sscc = words.upper(), as_sscc(words)
    of_line = and_(ShipPackage.notice_id == ShipNotice.id, ShipPackage.line_id == ShipNoticeLine.line_id)
    announced = (
        select(PurchaseOrderLine.order_id)
        .join(ShipNoticeLine, ShipNoticeLine.line_id == PurchaseOrderLine.id)
        .join(ShipNotice, ShipNotice.id == ShipNoticeLine.notice_id)
        .outerjoin(ShipPackage, of_line)
        .where(
            or_(
                func.upper(ShipNotice.number) == number,
                ShipNoticeLine.sscc == sscc,
                ShipPackage.sscc == sscc,  # a box inside the announced pallet
            )
        )
    )
    ours = (PurchaseOrder.number == number) | (PurchaseOrder.erp_number == number)
    return ours | PurchaseOrder.id.in_(announced)


def offered(order_id: int) -> list[Entry]:
    """What was shipped and not received yet, lot by lot."""
    shipped = [entry for one in orders.shipped_lines(order_id) for entry in announced(one)]
    received = [
        Entry(line.order_line_id, line.quantity, line.lot, line.expires_on, line.serial)
        for receipt in receipts_of(order_id, state=ReceiptState.POSTED)
        for line in receipt.lines
        if line.verdict in (Verdict.GOOD, Verdict.DAMAGED)
    ]
    return still_to_come(shipped, received)


def announced(line: ShipNoticeLine) -> list[Entry]:
    """What a line of a ship notice says is in it; one entry for each serial number it names."""
    whole = Entry(line.line_id, line.quantity, line.lot, line.expires_on)
    if not line.serials:
        return [whole]
    each = (line.quantity / len(line.serials)).quantize(THOUSANDTH)
    if each * len(line.serials) != line.quantity:
        return [whole]
    return [replace(whole, quantity=each, serial=str(serial)) for serial in line.serials]


def stocked_lots(receipt: Receipt) -> dict[tuple[int, str], date | None]:
    """When the lots of a receipt that are on hand already expire, by item and lot."""
    item_ids = {line.order_line.item_id for line in receipt.lines}
    lots = lots_at(receipt.order.location_id, item_ids)
    return {(lot.item_id, lot.lot): lot.expires_on for lot in lots}


def returned(receipt_line_ids: Collection[int]) -> dict[int, Decimal]:
    """What of receipt lines went back already, by their id; lines of which nothing did are absent."""
    rows = db.session.execute(
        select(SupplierReturnLine.receipt_line_id, func.sum(SupplierReturnLine.quantity))
        .where(SupplierReturnLine.receipt_line_id.in_(receipt_line_ids))
        .group_by(SupplierReturnLine.receipt_line_id)
    )
    return {row[0]: row[1] for row in rows}


def _of_return() -> tuple[ORMOption, ...]:
    line = selectinload(SupplierReturn.lines).joinedload(SupplierReturnLine.receipt_line)
    return (
        joinedload(SupplierReturn.returned_by),
        joinedload(SupplierReturn.order).joinedload(PurchaseOrder.supplier),
        joinedload(SupplierReturn.order).joinedload(PurchaseOrder.location).joinedload(Location.facility),
        line.joinedload(ReceiptLine.order_line).joinedload(PurchaseOrderLine.item),
    )


def find_return(return_id: int, *, lock: bool = False) -> SupplierReturn | None:
    """The return with its lines and its order."""
    statement = select(SupplierReturn).where(SupplierReturn.id == return_id).options(*_of_return())
    if lock:
        statement = statement.with_for_update(of=SupplierReturn).execution_options(populate_existing=True)
    return db.session.scalar(statement)


def return_ids(order_id: int) -> list[int]:
    """The returns of an order, oldest first."""
    of_order = select(SupplierReturn.id).where(SupplierReturn.order_id == order_id)
    return list(db.session.scalars(of_order.order_by(SupplierReturn.id)))


def return_by_form_key(form_key: str) -> SupplierReturn | None:
    """The return a repeated form belongs to."""
    return db.session.scalar(select(SupplierReturn).where(SupplierReturn.form_key == form_key))


def return_for_person(actor: Actor, return_id: int) -> SupplierReturn | None:
    """The return, if the person may see the orders of its facility."""
    sent_back = find_return(return_id)
    if sent_back is None:
        return None
    facility_id = sent_back.order.location.facility_id
    return sent_back if actor.can(Permission.VIEW_ORDERS, facility_id=facility_id) else None


def returns_of_order(order_id: int) -> list[Linked]:
    """The returns of an order as its page lists them."""
    statement = select(SupplierReturn).where(SupplierReturn.order_id == order_id).order_by(SupplierReturn.id)
    return [
        Linked(
            kind="Return",
            number=one.number,
            endpoint="receiving.show_return",
            arguments={"return_id": one.id},
            at=one.returned_at,
            note=f"ERP {one.erp_number}" if one.erp_number else f"RMA {one.authorization}",
            permission=Permission.VIEW_ORDERS,
        )
        for one in db.session.scalars(statement)
    ]


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
