"""Everything that belongs to one business transaction, from the first click to the receipt."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, joinedload

from portal.approvals.models import ApprovalStep
from portal.exchange.models import Attempt, Message, WorkItem
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db
from portal.invoices.models import Invoice
from portal.operations.finding import Hit
from portal.orders.models import (
    OrderConfirmation,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderSource,
    ShipNotice,
    ShipNoticeLine,
)
from portal.receiving.models import Receipt
from portal.requisitions.models import Requisition, RequisitionLine


@dataclass(frozen=True)
class Scope:
    """The ids of the rows of a transaction, by table."""

    requisitions: Sequence[Requisition]
    orders: Sequence[PurchaseOrder]
    ids: dict[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """The scope and what happened in it, each in time order."""

    scope: Scope
    events: Sequence[AuditEvent]
    messages: Sequence[Message]
    attempts: Sequence[Attempt]
    items: Sequence[WorkItem]


def scope_of(hit: Hit) -> Scope:
    """The requisitions and orders around a document, and all rows that belong to them."""
    if hit.type == "requisition":
        requisition_ids = [hit.id]
        order_ids = _ids(
            _sources().where(RequisitionLine.requisition_id == hit.id), PurchaseOrderLine.order_id
        )
    else:
        order_ids = [_order_of(hit)]
        requisition_ids = _ids(
            _sources().where(PurchaseOrderLine.order_id.in_(order_ids)), RequisitionLine.requisition_id
        )
    requisitions = db.session.scalars(
        select(Requisition)
        .where(Requisition.id.in_(requisition_ids))
        .options(joinedload(Requisition.requester))
        .order_by(Requisition.id)
    ).all()
    orders = db.session.scalars(
        select(PurchaseOrder).where(PurchaseOrder.id.in_(order_ids)).order_by(PurchaseOrder.id)
    ).all()
    return Scope(requisitions, orders, _rows_of(requisition_ids, order_ids))


def _order_of(hit: Hit) -> int:
    if hit.type == "purchase_order":
        return hit.id
    model = Receipt if hit.type == "receipt" else Invoice
    return db.session.scalars(select(model.order_id).where(model.id == hit.id)).one()


def _sources() -> Any:
    return (
        select(PurchaseOrderLine.order_id, RequisitionLine.requisition_id)
        .join(PurchaseOrderSource, PurchaseOrderSource.line_id == PurchaseOrderLine.id)
        .join(RequisitionLine, RequisitionLine.id == PurchaseOrderSource.requisition_line_id)
    )


def _ids(statement: Any, column: InstrumentedAttribute[int]) -> list[int]:
    return list(db.session.scalars(statement.with_only_columns(column).distinct()))


def _rows_of(requisition_ids: list[int], order_ids: list[int]) -> dict[str, list[int]]:
    def of(model: Any, column: Any, ids: Collection[int]) -> list[int]:
        return list(db.session.scalars(select(model.id).where(column.in_(ids))))

    return {
        "requisition": requisition_ids,
        "requisition_line": of(RequisitionLine, RequisitionLine.requisition_id, requisition_ids),
        "approval_step": of(ApprovalStep, ApprovalStep.requisition_id, requisition_ids),
        "purchase_order": order_ids,
        "purchase_order_line": of(PurchaseOrderLine, PurchaseOrderLine.order_id, order_ids),
        "receipt": of(Receipt, Receipt.order_id, order_ids),
        "invoice": of(Invoice, Invoice.order_id, order_ids),
    }


def trace(hit: Hit) -> Trace:
    """What happened around a document."""
    scope = scope_of(hit)
    messages = db.session.scalars(
        select(Message)
        .where(or_(_about(Message, scope.ids), Message.id.in_(_carriers(scope))))
        .options(joinedload(Message.partner))
        .order_by(Message.id)
    ).all()
    message_ids = [message.id for message in messages]
    items = db.session.scalars(
        select(WorkItem)
        .where(or_(_about(WorkItem, scope.ids), WorkItem.message_id.in_(message_ids)))
        .order_by(WorkItem.id)
    ).all()
    ids = {**scope.ids, "message": message_ids, "work_item": [item.id for item in items]}
    return Trace(
        scope=scope,
        events=db.session.scalars(select(AuditEvent).where(_about(AuditEvent, ids))).all(),
        messages=messages,
        attempts=db.session.scalars(select(Attempt).where(Attempt.message_id.in_(message_ids))).all(),
        items=items,
    )


def _carriers(scope: Scope) -> list[int]:
    """The messages that brought the supplier's documents, also those about several orders."""
    order_ids = scope.ids["purchase_order"]
    confirmations = select(OrderConfirmation.message_id).where(OrderConfirmation.order_id.in_(order_ids))
    notices = (
        select(ShipNotice.message_id)
        .join(ShipNoticeLine, ShipNoticeLine.notice_id == ShipNotice.id)
        .where(ShipNoticeLine.line_id.in_(scope.ids["purchase_order_line"]))
    )
    found = [*db.session.scalars(confirmations), *db.session.scalars(notices)]
    return [message_id for message_id in found if message_id is not None]


def _about(model: Any, ids: dict[str, list[int]]) -> ColumnElement[bool]:
    return or_(
        *(and_(model.subject_type == type_, model.subject_id.in_(some)) for type_, some in ids.items())
    )
