"""Reading blanket orders and what orders have called off them."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload

from portal.foundation.db import db
from portal.masterdata.models import Location, Supplier
from portal.orders.models import BlanketOrder, PurchaseOrder, PurchaseOrderLine


def listing() -> Select[Any]:
    """Blanket orders, those that end last first."""
    return (
        select(BlanketOrder)
        .options(joinedload(BlanketOrder.supplier))
        .order_by(BlanketOrder.closed_at.is_not(None), BlanketOrder.valid_to.desc(), BlanketOrder.id.desc())
    )


def find(blanket_id: int, *, lock: bool = False) -> BlanketOrder | None:
    """One blanket order with its supplier."""
    statement = (
        select(BlanketOrder).where(BlanketOrder.id == blanket_id).options(joinedload(BlanketOrder.supplier))
    )
    if lock:
        statement = statement.with_for_update(of=BlanketOrder).execution_options(populate_existing=True)
    return db.session.scalar(statement)


def lock_open(supplier_ids: Collection[int], day: date) -> list[BlanketOrder]:
    """What orders of a day may call off, the one that ends first first; locked in one order."""
    statement = (
        select(BlanketOrder)
        .where(
            BlanketOrder.supplier_id.in_(supplier_ids),
            BlanketOrder.closed_at.is_(None),
            BlanketOrder.valid_from <= day,
            BlanketOrder.valid_to >= day,
        )
        .order_by(BlanketOrder.id)
        .with_for_update(of=BlanketOrder)
        .execution_options(populate_existing=True)
    )
    return sorted(db.session.scalars(statement), key=lambda one: (one.valid_to, one.id))


def called_off(blanket_ids: Collection[int]) -> dict[int, Decimal]:
    """What the orders of each cost now, what is cancelled left out; 0 where nothing was called off."""
    if not blanket_ids:
        return {}
    line = PurchaseOrderLine
    amount = func.round((line.quantity - line.cancelled) * line.unit_price, 2)
    rows = db.session.execute(
        select(PurchaseOrder.blanket_id, func.sum(amount))
        .join(line.order)
        .where(PurchaseOrder.blanket_id.in_(blanket_ids))
        .group_by(PurchaseOrder.blanket_id)
    )
    return dict.fromkeys(blanket_ids, Decimal()) | {row[0]: row[1] for row in rows}


def orders_of(blanket_id: int, facility_ids: Collection[int] | None) -> list[PurchaseOrder]:
    """Orders that call off it, newest first; only of these facilities unless None."""
    statement = (
        select(PurchaseOrder)
        .join(PurchaseOrder.location)
        .where(PurchaseOrder.blanket_id == blanket_id)
        .options(
            joinedload(PurchaseOrder.supplier),
            joinedload(PurchaseOrder.location).joinedload(Location.facility),
            selectinload(PurchaseOrder.lines),
        )
        .order_by(PurchaseOrder.id.desc())
    )
    if facility_ids is not None:
        statement = statement.where(Location.facility_id.in_(facility_ids))
    return list(db.session.scalars(statement))


def supplier_choices() -> dict[int, str]:
    """Suppliers that may get orders, by name."""
    rows = db.session.execute(
        select(Supplier.id, Supplier.name).where(Supplier.blocked.is_(False)).order_by(Supplier.name)
    )
    return {row.id: row.name for row in rows}
