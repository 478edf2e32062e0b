"""Lists of orders: filtered, sorted, within the facilities a person may see."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, cast, func, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from portal.exchange.models import WorkItem
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.masterdata.models import Location, Supplier
from portal.orders.models import PurchaseOrder, PurchaseOrderLine, ShipNotice, ShipNoticeLine
from portal.orders.rules import OrderStatus, Transmission

RECEIVABLE = (
    OrderStatus.SENT,
    OrderStatus.PARTLY_CONFIRMED,
    OrderStatus.BACKORDERED,
    OrderStatus.CONFIRMED,
    OrderStatus.PARTLY_SHIPPED,
    OrderStatus.SHIPPED,
    OrderStatus.PARTLY_RECEIVED,
)
NEEDS_DECISION = "decision"
STOPPED = "stopped"
EXPORT_BATCH = 500


@dataclass(frozen=True)
class Search:
    """What a list of orders shows; `status` is an OrderStatus, NEEDS_DECISION or STOPPED."""

    words: str = ""
    status: str = ""
    supplier_id: int | None = None
    location_id: int | None = None
    sort: str = ""


def next_expected() -> ColumnElement[Any]:
    """The next day on which something of the order should arrive; none when nothing is outstanding."""
    line = PurchaseOrderLine
    return (
        select(func.min(line.expected_on))
        .where(line.order_id == PurchaseOrder.id, line.received < line.quantity - line.cancelled)
        .correlate(PurchaseOrder)
        .scalar_subquery()
    )


def _arrivals(order_id: Any) -> Select[Any]:
    """When what is shipped of an order and not received yet arrives."""
    return (
        select(func.min(ShipNotice.delivery_expected_at))
        .join(ShipNoticeLine, ShipNoticeLine.notice_id == ShipNotice.id)
        .join(PurchaseOrderLine, PurchaseOrderLine.id == ShipNoticeLine.line_id)
        .where(
            PurchaseOrderLine.order_id == order_id,
            PurchaseOrderLine.received < PurchaseOrderLine.shipped,
            ShipNotice.withdrawn.is_(False),
        )
    )


def open_items(order_id: Any) -> Select[Any]:
    """Work items about an order that nobody has decided yet."""
    return select(WorkItem.id).where(
        WorkItem.subject_type == PurchaseOrder.__tablename__,
        WorkItem.subject_id == order_id,
        WorkItem.resolved_at.is_(None),
    )


def _sorts() -> dict[str, ColumnElement[Any]]:
    return {
        "number": PurchaseOrder.number.expression,
        "supplier": Supplier.name.expression,
        "placed": PurchaseOrder.ordered_at.expression,
        "expected": next_expected(),
        "amount": PurchaseOrder.total.expression,
    }


def listing(actor: Actor, search: Search) -> Select[Any]:
    """Orders the person may see, newest first unless sorted."""
    statement = (
        select(PurchaseOrder)
        .join(PurchaseOrder.location)
        .join(PurchaseOrder.supplier)
        .options(
            contains_eager(PurchaseOrder.supplier),
            contains_eager(PurchaseOrder.location).joinedload(Location.facility),
            selectinload(PurchaseOrder.lines),
        )
        .where(*_conditions(search))
    )
    facilities = actor.facility_ids(Permission.VIEW_ORDERS)
    if facilities is not None:
        statement = statement.where(Location.facility_id.in_(facilities))
    key = _sorts().get(search.sort.removeprefix("-"))
    is_down = search.sort.startswith("-") or key is None
    key = PurchaseOrder.ordered_at.expression if key is None else key
    first = key.desc().nulls_last() if is_down else key.asc().nulls_last()
    return statement.order_by(first, PurchaseOrder.id.desc() if is_down else PurchaseOrder.id)


def _conditions(search: Search) -> Iterator[ColumnElement[bool]]:
    if search.status == NEEDS_DECISION:
        yield open_items(PurchaseOrder.id).exists()
    elif search.status == STOPPED:
        yield PurchaseOrder.transmission == Transmission.STOPPED
    elif search.status in set(OrderStatus):
        yield PurchaseOrder.status == OrderStatus(search.status)
    if search.supplier_id:
        yield PurchaseOrder.supplier_id == search.supplier_id
    if search.location_id:
        yield PurchaseOrder.location_id == search.location_id
    if words := search.words.strip():
        ours = PurchaseOrder.number.icontains(words, autoescape=True)
        yield ours | PurchaseOrder.erp_number.icontains(words, autoescape=True)


def receivable(actor: Actor, search: Search) -> Select[Any]:
    """Orders with something still to receive, what comes next first."""
    facilities = actor.facility_ids(Permission.RECEIVE)
    statement = listing(actor, search).where(PurchaseOrder.status.in_(RECEIVABLE))
    if facilities is not None:
        statement = statement.where(Location.facility_id.in_(facilities))
    arrives = cast(_arrivals(PurchaseOrder.id).correlate(PurchaseOrder).scalar_subquery(), Date)
    first = func.least(arrives, next_expected())
    return statement.order_by(None).order_by(first, PurchaseOrder.ordered_at, PurchaseOrder.id)


def arrivals(order_ids: list[int]) -> dict[int, datetime]:
    """When what is on its way arrives, by order; orders with nothing on their way are absent."""
    statement = _arrivals(PurchaseOrderLine.order_id).add_columns(PurchaseOrderLine.order_id)
    statement = statement.where(
        PurchaseOrderLine.order_id.in_(order_ids), ShipNotice.delivery_expected_at.is_not(None)
    ).group_by(PurchaseOrderLine.order_id)
    return {row[1]: row[0] for row in db.session.execute(statement)}


def count_open_items(order_ids: list[int] | None = None) -> dict[int, int]:
    """How many decisions each order (None means all) waits for; orders without any are absent."""
    statement = (
        select(WorkItem.subject_id, func.count())
        .where(WorkItem.subject_type == PurchaseOrder.__tablename__, WorkItem.resolved_at.is_(None))
        .group_by(WorkItem.subject_id)
    )
    if order_ids is not None:
        statement = statement.where(WorkItem.subject_id.in_(order_ids))
    return {row[0]: row[1] for row in db.session.execute(statement) if row[0] is not None}


def every(statement: Select[Any]) -> Iterator[Any]:
    """All rows of a list, read in batches."""
    batch = statement.execution_options(yield_per=EXPORT_BATCH)
    yield from db.session.scalars(batch)


def supplier_choices() -> dict[str, str]:
    """Suppliers with orders, for the filter."""
    rows = db.session.execute(
        select(Supplier.id, Supplier.name)
        .where(Supplier.id.in_(select(PurchaseOrder.supplier_id)))
        .order_by(Supplier.name)
    )
    return {str(row.id): row.name for row in rows}


def location_choices(actor: Actor) -> dict[str, str]:
    """Locations with orders that the person may see, for the filter."""
    statement = (
        select(Location)
        .join(Location.facility)
        .where(Location.id.in_(select(PurchaseOrder.location_id)))
        .options(joinedload(Location.facility))
        .order_by(Location.name)
    )
    facilities = actor.facility_ids(Permission.VIEW_ORDERS)
    if facilities is not None:
        statement = statement.where(Location.facility_id.in_(facilities))
    return {str(row.id): f"{row.name}, {row.facility.name}" for row in db.session.scalars(statement)}
