"""Reading the workbench of approved lines, orders and the supplier's documents."""

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, select, true
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from portal.catalog.models import Offer
from portal.comments import queries as comments
from portal.exchange.models import Message, WorkItem
from portal.exchange.rules import UNFINISHED_STATES, Direction, MessageState
from portal.foundation import clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.masterdata.models import ContractLine, ItemPackaging, Location, Supplier
from portal.orders.models import (
    LineUnit,
    OrderConfirmation,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderSource,
    ShipNotice,
    ShipNoticeLine,
)
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.queries import completed
from portal.requisitions.rules import LineState


def workbench(actor: Actor) -> list[RequisitionLine]:
    """Approved lines not fully ordered, with all a buyer decides on; earliest need first."""
    statement = (
        select(RequisitionLine)
        .join(RequisitionLine.requisition)
        .join(Location, Location.id == func.coalesce(RequisitionLine.location_id, Requisition.location_id))
        .where(
            RequisitionLine.state == LineState.APPROVED,
            RequisitionLine.ordered_quantity + RequisitionLine.closed_quantity < RequisitionLine.quantity,
        )
        .options(*_of_line())
        .order_by(Requisition.need_by.nulls_last(), Requisition.submitted_at, RequisitionLine.id)
    )
    facilities = actor.facility_ids(Permission.BUY)
    if facilities is not None:
        statement = statement.where(Location.facility_id.in_(facilities))
    return completed(db.session.scalars(statement))


def _of_line() -> tuple[ORMOption, ...]:
    requisition = joinedload(RequisitionLine.requisition)
    return (
        requisition.joinedload(Requisition.location).joinedload(Location.facility),
        requisition.joinedload(Requisition.requester),
        joinedload(RequisitionLine.offer).joinedload(Offer.supplier),
        joinedload(RequisitionLine.item),
        joinedload(RequisitionLine.contract_line).joinedload(ContractLine.contract),
        joinedload(RequisitionLine.cost_center),
        joinedload(RequisitionLine.gl_account),
    )


def lock_lines(line_ids: list[int]) -> list[RequisitionLine]:
    """The lines and their requisitions, locked in one order: closing a line locks its requisition too."""
    return completed(
        db.session.scalars(
            select(RequisitionLine)
            .join(RequisitionLine.requisition)
            .where(RequisitionLine.id.in_(line_ids))
            .options(*_of_line())
            .order_by(RequisitionLine.requisition_id, RequisitionLine.id)
            .with_for_update(of=(Requisition, RequisitionLine))
            .execution_options(populate_existing=True)
        )
    )


def _of_order() -> tuple[ORMOption, ...]:
    lines = selectinload(PurchaseOrder.lines)
    sources = lines.selectinload(PurchaseOrderLine.sources)
    return (
        joinedload(PurchaseOrder.supplier),
        joinedload(PurchaseOrder.buyer),
        joinedload(PurchaseOrder.blanket),
        joinedload(PurchaseOrder.location).joinedload(Location.facility),
        lines.joinedload(PurchaseOrderLine.item),
        sources.joinedload(PurchaseOrderSource.cost_center),
        sources.joinedload(PurchaseOrderSource.gl_account),
        sources.joinedload(PurchaseOrderSource.requisition_line).joinedload(RequisitionLine.requisition),
    )


def find(order_id: int, *, lock: bool = False) -> PurchaseOrder | None:
    """The order with its lines and their sources; `lock` waits for others and reads it anew."""
    return _one(select(PurchaseOrder).where(PurchaseOrder.id == order_id), lock=lock)


def find_by_number(number: str, *, lock: bool = False) -> PurchaseOrder | None:
    """The order a partner names, by our number."""
    return _one(select(PurchaseOrder).where(PurchaseOrder.number == number), lock=lock)


def lock(order_id: int) -> None:
    """Waits for whoever changes the order, and keeps others waiting."""
    db.session.execute(select(PurchaseOrder.id).where(PurchaseOrder.id == order_id).with_for_update()).all()


def _one(statement: Select[Any], *, lock: bool) -> PurchaseOrder | None:
    statement = statement.options(*_of_order())
    if lock:
        statement = statement.with_for_update(of=PurchaseOrder).execution_options(populate_existing=True)
    order: PurchaseOrder | None = db.session.scalar(statement)
    if order is not None:
        completed(source.requisition_line for line in order.lines for source in line.sources)
    return order


def for_person(actor: Actor, order_id: int) -> PurchaseOrder | None:
    """The order, if the person may see orders of its facility."""
    order = find(order_id)
    if order is None or not actor.can(Permission.VIEW_ORDERS, facility_id=order.location.facility_id):
        return None
    return order


def confirmations_of(order_id: int) -> list[OrderConfirmation]:
    """Confirmations of the order with their parts, newest first."""
    return list(
        db.session.scalars(
            select(OrderConfirmation)
            .where(OrderConfirmation.order_id == order_id)
            .options(selectinload(OrderConfirmation.parts))
            .order_by(OrderConfirmation.noticed_at.desc(), OrderConfirmation.id.desc())
        )
    )


def shipped_lines(order_id: int, *, unread: bool = False) -> list[ShipNoticeLine]:
    """Lines of ship notices that stand, with their notice, oldest first.

    Those counted in a unit nobody knows (`Said.is_unread`) only with `unread`.
    """
    statement = (
        select(ShipNoticeLine)
        .join(ShipNoticeLine.line)
        .join(ShipNoticeLine.notice)
        .where(PurchaseOrderLine.order_id == order_id, ShipNotice.withdrawn.is_(False))
        .options(joinedload(ShipNoticeLine.notice))
        .order_by(ShipNotice.noticed_at, ShipNoticeLine.id)
    )
    return [one for one in db.session.scalars(statement) if unread or not one.is_unread]


def find_notice(supplier_id: int, number: str) -> ShipNotice | None:
    """The ship notice of a supplier, with its lines; locked."""
    return db.session.scalar(
        select(ShipNotice)
        .where(ShipNotice.supplier_id == supplier_id, ShipNotice.number == number)
        .options(
            selectinload(ShipNotice.lines).joinedload(ShipNoticeLine.line),
            selectinload(ShipNotice.packages),
        )
        .with_for_update(of=ShipNotice)
    )


def supplier_of_sender(network_id: str) -> int | None:
    """The supplier with this network id."""
    if not network_id:
        return None
    return db.session.scalar(select(Supplier.id).where(Supplier.network_id == network_id).limit(1))


def has_confirmation(order_id: int, number: str, operation: str, noticed_at: datetime) -> bool:
    """Whether this version of a confirmation is known."""
    known = select(OrderConfirmation.id).where(
        OrderConfirmation.order_id == order_id,
        OrderConfirmation.number == number,
        OrderConfirmation.operation == operation,
        OrderConfirmation.noticed_at == noticed_at,
    )
    return db.session.scalar(known.limit(1)) is not None


def packaging_of(item_ids: set[int]) -> dict[tuple[int, str], Decimal]:
    """Base units in a unit, by item and unit."""
    rows = db.session.execute(
        select(ItemPackaging.item_id, ItemPackaging.uom, ItemPackaging.factor).where(
            ItemPackaging.item_id.in_(item_ids)
        )
    )
    return {(row.item_id, row.uom): row.factor for row in rows}


def units_agreed(order_id: int) -> dict[tuple[int, str], Decimal]:
    """How many of a unit are in one order unit, as people said it, by order line and unit."""
    rows = db.session.execute(
        select(LineUnit.line_id, LineUnit.uom, LineUnit.units / LineUnit.order_units)
        .join(PurchaseOrderLine, PurchaseOrderLine.id == LineUnit.line_id)
        .where(PurchaseOrderLine.order_id == order_id)
    )
    return {(line_id, uom): ratio for line_id, uom, ratio in rows}


def orders_of(requisition_id: int) -> list[PurchaseOrder]:
    """Orders that serve a requisition, with their lines."""
    return list(
        db.session.scalars(
            select(PurchaseOrder)
            .where(
                PurchaseOrder.lines.any(
                    PurchaseOrderLine.sources.any(
                        PurchaseOrderSource.requisition_line.has(
                            RequisitionLine.requisition_id == requisition_id
                        )
                    )
                )
            )
            .options(*_of_order())
            .order_by(PurchaseOrder.id)
        )
    )


def taken_before(order_id: int, partner_id: int) -> str:
    """The key of the newest document of the order that the partner took; empty when it took none."""
    statement = (
        select(Message.key)
        .where(
            Message.direction == Direction.OUTBOUND,
            Message.subject_type == PurchaseOrder.__tablename__,
            Message.subject_id == order_id,
            Message.partner_id == partner_id,
            Message.state == MessageState.DONE,
        )
        .order_by(Message.id.desc())
    )
    return db.session.scalar(statement.limit(1)) or ""


def unfinished_messages(order_id: int) -> list[Message]:
    """Documents of the order that have not left yet."""
    return list(db.session.scalars(_unfinished().where(Message.subject_id == order_id)))


def lock_messages(message_ids: list[int]) -> list[Message]:
    """Those of the messages that nobody works on and that have not left yet, with their partner; locked."""
    return list(
        db.session.scalars(
            _unfinished()
            .where(Message.id.in_(message_ids))
            .options(joinedload(Message.partner))
            .with_for_update(of=Message, skip_locked=True)
            .execution_options(populate_existing=True)
        )
    )


def _unfinished() -> Select[Any]:
    return (
        select(Message)
        .where(
            Message.direction == Direction.OUTBOUND,
            Message.subject_type == PurchaseOrder.__tablename__,
            Message.state.in_(UNFINISHED_STATES),
        )
        .order_by(Message.id)
    )


def seen(order_id: int) -> str:
    """A mark of everything the page of the order shows: it differs once something has changed."""
    subject = PurchaseOrder.__tablename__
    stopped = Message.state == MessageState.NEEDS_ATTENTION
    unfinished = Message.state.in_(UNFINISHED_STATES)
    messages = select(
        func.max(Message.id),
        func.sum(Message.tries),
        func.count().filter(stopped).label("stopped"),
        func.count().filter(unfinished).label("unfinished"),
    ).where(Message.subject_type == subject, Message.subject_id == order_id)
    items = select(
        func.max(WorkItem.id), func.count(WorkItem.resolved_at), func.sum(WorkItem.owner_id)
    ).where(WorkItem.subject_type == subject, WorkItem.subject_id == order_id)
    sent, waiting = messages.subquery(), items.subquery()
    said = comments.newest(subject, order_id).subquery()
    marks = db.session.execute(
        select(PurchaseOrder.changed_at, *sent.c, *waiting.c, *said.c)
        .select_from(PurchaseOrder)
        .join(sent, true())
        .join(waiting, true())
        .join(said, true())
        .where(PurchaseOrder.id == order_id)
    ).all()
    shown = (clock.today(), *(tuple(mark) for mark in marks))
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]
