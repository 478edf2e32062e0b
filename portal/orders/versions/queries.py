"""Reading versions of orders, and where an order may go instead."""

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.foundation.db import db
from portal.masterdata.models import Location
from portal.orders.models import OrderVersion


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
