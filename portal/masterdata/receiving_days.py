"""On which days a location takes deliveries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache

from sqlalchemy import ARRAY, BigInteger, and_, any_, bindparam, or_, select

from portal.foundation.db import db
from portal.foundation.together import Columns, Read, Rows
from portal.masterdata.models import ClosedDay, Location
from portal.masterdata.rules import Closing


def closings_of(location: Location) -> list[Closing]:
    """The closed days of a location: its own and those of its whole facility."""
    return closings([location.id]).now().get(location.id, [])


def closings(location_ids: Iterable[int]) -> Read[Mapping[int, list[Closing]]]:
    """The same of several locations, by id; those that are never closed are absent."""
    return Read(_closings(), {"closing_places": sorted(set(location_ids))}, _by_location)


def facility_closings() -> dict[int, list[Closing]]:
    """The days on which whole facilities are closed, by facility."""
    rows = db.session.execute(
        select(ClosedDay.facility_id, ClosedDay.day, ClosedDay.weekday, ClosedDay.reason)
        .where(ClosedDay.location_id.is_(None))
        .order_by(ClosedDay.id)
    )
    found: dict[int, list[Closing]] = defaultdict(list)
    for facility_id, day, weekday, reason in rows:
        found[facility_id].append(Closing(day, weekday, reason))
    return found


@cache
def _closings() -> Columns:
    is_there = and_(
        ClosedDay.facility_id == Location.facility_id,
        or_(ClosedDay.location_id.is_(None), ClosedDay.location_id == Location.id),
    )
    location_ids = bindparam("closing_places", type_=ARRAY(BigInteger))
    return (
        select(Location.id, ClosedDay.day, ClosedDay.weekday, ClosedDay.reason)
        .join(ClosedDay, is_there)
        .where(Location.id == any_(location_ids))
        .order_by(ClosedDay.id)
    )


def _by_location(rows: Rows) -> dict[int, list[Closing]]:
    found: dict[int, list[Closing]] = defaultdict(list)
    for location_id, *closing in rows:
        found[location_id].append(Closing(*closing))
    return found
