"""Where the lines of a cart are delivered."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import contains_eager, joinedload

from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.masterdata.models import Facility, Location
from portal.requisitions.edits import LineEdit
from portal.requisitions.models import Requisition


def send(actor: Actor, requisition: Requisition, lines: Mapping[int, LineEdit]) -> None:
    """Where each line is delivered: the cart's place, or another one this person requests for.

    Raises Invalid with the box place-<line>.
    """
    named = [(line, lines[line.id].ship_to.strip()) for line in requisition.lines if line.id in lines]
    places = places_for(actor, requisition) if any(typed for _, typed in named) else ()
    for line, typed in named:
        place = meant(typed, requisition, places, f"place-{line.id}") if typed else None
        line.location = place if place and place.id != requisition.location_id else None
        line.location_id = line.location.id if line.location else None


def meant(typed: str, requisition: Requisition, places: Sequence[Location], box: str) -> Location:
    """The place by its code, or as the list says it; a code of several facilities is that of the cart's."""
    wanted = typed.upper()
    found = [one for one in places if wanted in (one.code.upper(), in_words(one, requisition).upper())]
    own = [one for one in found if one.facility_id == requisition.location.facility_id]
    if not found:
        sentence = f"No such place, or not one you may request for: {typed[:60]}."
        raise Invalid(f"{sentence} Choose one from the list, or leave it empty.", field=box)
    if not own and len(found) > 1:
        several = " or ".join(in_words(one, requisition) for one in found[:3])
        raise Invalid(f"{typed[:60]} is a place of several facilities: {several}?", field=box)
    return (own or found)[0]


def in_words(place: Location | None, requisition: Requisition) -> str:
    """ST01 Central storeroom, with its facility where that is not the cart's; empty for none."""
    if place is None:
        return ""
    is_here = place.facility_id == requisition.location.facility_id
    return f"{place.code} {place.name}{'' if is_here else f', {place.facility.name}'}"


def places_for(actor: Actor, requisition: Requisition) -> Sequence[Location]:
    """Where lines of a cart may be delivered: places in use this person may request for, its own first."""
    places = db.session.scalars(
        select(Location)
        .join(Location.facility)
        .where(Location.active, Facility.active)
        .options(contains_eager(Location.facility), joinedload(Location.cost_center))
        .order_by(Facility.id != requisition.location.facility_id, Facility.name, Location.name)
    )
    return [
        one
        for one in places
        if actor.can(Permission.REQUEST, facility_id=one.facility_id, cost_center_id=one.cost_center_id)
    ]
