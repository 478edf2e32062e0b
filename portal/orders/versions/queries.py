"""Reading versions of orders, and what a change is weighed against."""

from collections.abc import Collection
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from portal.foundation.db import db
from portal.masterdata.models import Location
from portal.orders.models import OrderVersion, PurchaseOrder, PurchaseOrderLine, PurchaseOrderSource


def versions_of(order_id: int) -> list[OrderVersion]:
    """The later versions of an order, newest first."""
    return list(
        db.session.scalars(
            select(OrderVersion).where(OrderVersion.order_id == order_id).order_by(OrderVersion.number.desc())
        )
    )


def places_of(facility_id: int) -> list[Location]:
    """The places of a facility that goods may be shipped to, by name."""
    return list(
        db.session.scalars(
            select(Location)
            .where(Location.facility_id == facility_id, Location.active)
            .options(joinedload(Location.facility))
            .order_by(Location.name)
        )
    )


def ordered_for(requisition_line_ids: Collection[int], *, but: int) -> dict[int, Decimal]:
    """What other orders than `but` cost for each requisition line; an order's cancelled part counts less."""
    source, line = PurchaseOrderSource, PurchaseOrderLine
    kept = source.amount * (line.quantity - line.cancelled) / line.quantity
    rows = db.session.execute(
        select(source.requisition_line_id, func.sum(kept))
        .join(source.line)
        .join(line.order)
        .where(source.requisition_line_id.in_(requisition_line_ids), PurchaseOrder.id != but)
        .group_by(source.requisition_line_id)
    )
    return {row[0]: row[1] for row in rows}
