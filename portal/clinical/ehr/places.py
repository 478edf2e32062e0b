"""Which of our places a location or organization of an EHR is: by code, by a parent, or as a person said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import joinedload

from integrations.ehr.contract import PlaceFacts, Reading
from integrations.errors import PartnerError
from portal.clinical.models import EhrPlace, EhrSystem
from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.db import db, found, release
from portal.foundation.errors import Invalid
from portal.masterdata.models import Facility, Location

MOST_ASKED = 6  # of places read at one launch


@dataclass(frozen=True)
class Where:
    """Where a launch takes place, as far as known."""

    location_id: int | None = None
    facility_id: int | None = None


def resolve(system: EhrSystem, reading: Reading, references: Iterable[str]) -> Where:
    """The first reference, or parent of one, that is a place of ours; places are remembered as seen."""
    waiting = list(dict.fromkeys(references))
    known = Where()
    for _ in range(MOST_ASKED):
        if not waiting:
            break
        place, parents = _place(system, reading, waiting.pop(0))
        if place is None:
            continue
        if place.location_id is not None:
            return Where(place.location_id, _facility_of(place.location_id))
        known = known if known.facility_id else Where(None, place.facility_id)
        waiting += [parent for parent in parents if parent not in waiting]
    return known


def _place(system: EhrSystem, reading: Reading, reference: str) -> tuple[EhrPlace | None, tuple[str, ...]]:
    """The place with its parents; one that is mapped already is not asked about."""
    known = db.session.scalar(
        select(EhrPlace).where(EhrPlace.ehr_system_id == system.id, EhrPlace.reference == reference)
    )
    if known is not None and known.location_id is not None:
        return known, ()
    if not reading.may(reference.partition("/")[0]):
        return known, ()
    release()  # nothing waits for the EHR but the person who opened it
    try:
        facts = reading.place(reference)
    except PartnerError:
        return known, ()
    return _remember(system, facts), facts.part_of


def _remember(system: EhrSystem, facts: PlaceFacts) -> EhrPlace:
    """Adds a place seen for the first time, mapped where its code is one of ours."""
    codes = (*facts.identifiers, facts.reference.partition("/")[2])
    is_organization = facts.reference.startswith("Organization/")
    added = insert(EhrPlace).values(
        ehr_system_id=system.id,
        reference=facts.reference,
        name=facts.name,
        location_id=None if is_organization else _only_location(codes, system.facility_id),
        facility_id=_only_facility(codes) if is_organization else None,
        seen_at=clock.now(),
    )
    statement = added.on_conflict_do_update(
        index_elements=["ehr_system_id", "reference"],
        set_={"name": added.excluded.name, "seen_at": added.excluded.seen_at},
    ).returning(EhrPlace)
    return db.session.scalars(statement, execution_options={"populate_existing": True}).one()


def _only_location(codes: Sequence[str], facility_id: int | None) -> int | None:
    statement = select(Location.id).where(Location.code.in_(codes), Location.active).limit(2)
    if facility_id is not None:
        statement = statement.where(Location.facility_id == facility_id)
    ids = db.session.scalars(statement).all()
    return ids[0] if len(ids) == 1 else None


def _only_facility(codes: Sequence[str]) -> int | None:
    ids = db.session.scalars(
        select(Facility.id).where(Facility.code.in_(codes), Facility.active).limit(2)
    ).all()
    return ids[0] if len(ids) == 1 else None


def _facility_of(location_id: int) -> int | None:
    return db.session.scalar(select(Location.facility_id).where(Location.id == location_id))


def places_of(system: EhrSystem) -> Sequence[EhrPlace]:
    """The places seen at an EHR, those without a place of ours first."""
    statement = (
        select(EhrPlace)
        .options(joinedload(EhrPlace.location))
        .where(EhrPlace.ehr_system_id == system.id)
        .order_by(EhrPlace.location_id.is_not(None), EhrPlace.name, EhrPlace.reference)
    )
    return db.session.scalars(statement).all()


def get(system: EhrSystem, place_id: int) -> EhrPlace:
    """A place of an EHR; raises NotFound."""
    statement = select(EhrPlace).where(EhrPlace.ehr_system_id == system.id, EhrPlace.id == place_id)
    return found(db.session.scalar(statement), "place")


def assign(system: EhrSystem, place_id: int, location_id: int | None, *, by: Actor) -> EhrPlace:
    """Says which location of ours a place is (None: none of ours); raises NotFound or Invalid."""
    place = get(system, place_id)
    if location_id is not None and db.session.get(Location, location_id) is None:
        raise Invalid("Choose one of the locations.", field="location_id")
    before = {"location_id": place.location_id}
    place.location_id = location_id
    db.session.flush()
    after = {"location_id": location_id, "reference": place.reference}
    audit.record(by, "ehr_place.assigned", place, before=before, after=after)
    return place
