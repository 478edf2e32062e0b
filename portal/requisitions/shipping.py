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
    named = [(line, lines[line.id].ship_to.strip()) for line in requisition.lines if line.id in lines]
    places = places_for(actor, requisition) if any(typed for _, typed in named) else ()
    for line, typed in named:
        place = _meant(typed, places, f"place-{line.id}") if typed else None
        line.location = place if place and place.id != requisition.location_id else None


def _meant(typed: str, places: Sequence[Location], box: str) -> Location:
    """The place by its code, or as the list says it."""
    found = (one for one in places if typed.upper() in (one.code.upper(), in_words(one).upper()))
    place = next(found, None)
    if place is None:
        sentence = f"No such place here, or not one you may request for: {typed[:60]}."
        raise Invalid(f"{sentence} Choose one from the list, or leave it empty.", field=box)
    return place


def in_words(place: Location | None) -> str:
    """ST01 Central storeroom; empty for none."""
    return f"{place.code} {place.name}" if place else ""


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
