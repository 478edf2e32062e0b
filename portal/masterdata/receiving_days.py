"""On which days a location takes deliveries."""

from sqlalchemy import or_, select

from portal.foundation.db import db
from portal.masterdata.models import ClosedDay, Location
from portal.masterdata.rules import Closing


def closings_of(location: Location) -> list[Closing]:
    """The closed days of a location: its own and those of its whole facility."""
    rows = db.session.scalars(
        select(ClosedDay).where(
            ClosedDay.facility_id == location.facility_id,
            or_(ClosedDay.location_id.is_(None), ClosedDay.location_id == location.id),
        )
    )
    return [Closing(row.day, row.weekday, row.reason) for row in rows]
