"""Where the lines of a cart are delivered."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.masterdata.models import Location
from portal.requisitions.edits import LineEdit
from portal.requisitions.models import Requisition


def send(actor: Actor, requisition: Requisition, lines: Mapping[int, LineEdit]) -> None:
    """Where each line is delivered: the cart's place, or another of its facility this person requests for.

    Raises Invalid with the box place-<line>.
    """
    named = [(line, lines[line.id].ship_to) for line in requisition.lines if line.id in lines]
    places = (
        {one.id: one for one in places_for(actor, requisition)} if any(place for _, place in named) else {}
    )
    for line, place_id in named:
        if place_id in (None, requisition.location_id):
            line.location = None
        elif place_id in places:
            line.location = places[place_id]
        else:
            raise Invalid("Choose a place from the list.", field=f"place-{line.id}")


def places_for(actor: Actor, requisition: Requisition) -> Sequence[Location]:
    """Where lines of a cart may be delivered: places of its facility in use this person may request for."""
    location = requisition.location
    places = db.session.scalars(
        select(Location)
        .where(Location.facility_id == location.facility_id, Location.active)
        .options(joinedload(Location.facility), joinedload(Location.cost_center))
        .order_by(Location.name)
    )
    return [
        one
        for one in places
        if actor.can(Permission.REQUEST, facility_id=one.facility_id, cost_center_id=one.cost_center_id)
    ]
