"""What features below orders show of them: how far a requisition has come, what is on its way."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Select, any_, bindparam, func, literal_column, select
from sqlalchemy.orm import joinedload

from portal.catalog.rules import Shelf
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.quantity import plain
from portal.foundation.together import Columns, Read
from portal.orders.expecting import expected_on, history_of
from portal.orders.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderSource
from portal.orders.punctuality import History
from portal.orders.rules import Transmission
from portal.requisitions.models import RequisitionLine
from portal.requisitions.rules import OrderPart


def on_order(actor: Actor, location_id: int, item_ids: Collection[int]) -> Sequence[Read[list[Shelf]]]:
    """What is ordered for a location and not received yet, in base units, with the day it is expected."""
    return [_of_one_place(read) for read in coming([location_id], item_ids)]


def _of_one_place(read: Read[list[tuple[int, Shelf]]]) -> Read[list[Shelf]]:
    return Read(read.statement, read.values, lambda rows: [shelf for _, shelf in read.meaning(rows)])


def coming(
    location_ids: Collection[int], item_ids: Collection[int]
) -> Sequence[Read[list[tuple[int, Shelf]]]]:
    """The same of several locations, each (by id) beside what is ordered for it."""
    return [
        Read(
            _coming(),
            {"coming_to": sorted(location_ids), "coming_items": sorted(item_ids)},
            lambda rows: [
                (location_id, Shelf(item_id, on_order=units, expected_on=day))
                for location_id, item_id, units, day in rows
            ],
        )
    ]


@cache
def _coming() -> Columns:
    line = PurchaseOrderLine
    place = PurchaseOrder.location_id
    open_quantity = line.quantity - line.cancelled - line.received
    return (
        select(place, line.item_id, func.sum(open_quantity * line.factor), func.min(line.expected_on))
        .join(line.order)
        .where(
            place == any_(bindparam("coming_to", type_=ARRAY(BigInteger))),
            line.item_id == any_(bindparam("coming_items", type_=ARRAY(BigInteger))),
            open_quantity > literal_column("0"),
        )
        .group_by(place, line.item_id)
    )


def parts_of(requisition_ids: Collection[int]) -> Sequence[OrderPart]:
    """What the orders carry of each line of the requisitions; the first requester is served first."""
    rows = db.session.execute(_statement(requisition_ids)).all()
    history = history_of({row[1].supplier_id for row in rows})
    return [_part(history, *row) for row in rows]


def _statement(requisition_ids: Collection[int]) -> Select[Any]:
    """The sources with what sources before them take of the same order line."""
    wanted = (
        select(PurchaseOrderSource.line_id)
        .join(PurchaseOrderSource.requisition_line)
        .where(RequisitionLine.requisition_id.in_(set(requisition_ids)))
    )
    before = func.sum(PurchaseOrderSource.quantity).over(
        partition_by=PurchaseOrderSource.line_id, order_by=PurchaseOrderSource.id, rows=(None, -1)
    )
    placed = (
        select(PurchaseOrderSource.id, func.coalesce(before, 0).label("before"))
        .where(PurchaseOrderSource.line_id.in_(wanted))
        .subquery()
    )
    return (
        select(
            RequisitionLine.requisition_id,
            PurchaseOrder,
            PurchaseOrderLine,
            PurchaseOrderSource,
            placed.c.before,
        )
        .join(PurchaseOrderSource.requisition_line)
        .join(PurchaseOrderSource.line)
        .join(PurchaseOrderLine.order)
        .join(placed, placed.c.id == PurchaseOrderSource.id)
        .where(RequisitionLine.requisition_id.in_(set(requisition_ids)))
        .options(joinedload(PurchaseOrder.supplier))
        .order_by(PurchaseOrderSource.id)
    )


def _part(
    history: History,
    requisition_id: int,
    order: PurchaseOrder,
    line: PurchaseOrderLine,
    source: PurchaseOrderSource,
    before: Decimal,
) -> OrderPart:
    mine = source.quantity - source.moved  # the moved part is told by the line it went to
    kept = _share(line.quantity - line.cancelled, before, source.quantity)
    asked = source.requested  # people see their share in the unit they asked in
    return OrderPart(
        requisition_id=requisition_id,
        line_id=source.requisition_line_id,
        order_id=order.id,
        order=order.number,
        supplier=order.supplier.name,
        ordered_at=order.ordered_at,
        is_sent=order.sent_at is not None,
        is_stopped=order.transmission is Transmission.STOPPED,
        quantity=asked(mine),
        cancelled=asked(max(mine - kept, Decimal())),
        confirmed=asked(_share(line.confirmed, before, kept)),
        shipped=asked(_share(max(line.shipped, line.received), before, kept)),
        received=asked(_share(line.received, before, kept)),
        expected_on=expected_on(history, order.supplier_id, line) or line.expected_on,
        needed_on=line.needed_on,
        troubles=tuple(_troubles(line)) if _share(line.received, before, kept) < kept else (),
    )


def _share(whole: Decimal, before: Decimal, most: Decimal) -> Decimal:
    """What of a quantity of the order line falls to a source."""
    return min(max(whole - before, Decimal()), most)


def _troubles(line: PurchaseOrderLine) -> list[str]:
    troubles = []
    if line.backordered:
        troubles.append(f"{plain(line.backordered)} {line.uom} backordered")
    if line.rejected:
        troubles.append(f"{plain(line.rejected)} {line.uom} rejected by the supplier")
    if line.promised_on and line.promised_on > line.needed_on:
        troubles.append(f"promised for {line.promised_on:%b %-d}, needed on {line.needed_on:%b %-d}")
    if line.substitute_part:
        troubles.append(f"the supplier offers {line.substitute_part} instead")
    return troubles
