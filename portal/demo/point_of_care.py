"""What clinicians find in the demo: implants on consignment, cards, favorites, the cases of the day."""

from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.clinical import cases
from portal.clinical.cases import NewCase
from portal.clinical.models import (
    Encounter,
    Favorite,
    Patient,
    PatientIdentifier,
    PreferenceCard,
    PreferenceLine,
)
from portal.clinical.rules import CaseState
from portal.demo import tables
from portal.demo.organizations import Organization
from portal.foundation import clock
from portal.foundation.access import system
from portal.foundation.db import db
from portal.identity.queries import organization
from portal.inventory.rules import Condition, MovementKind, Owner
from portal.inventory.services import Move, move
from portal.masterdata.models import Location

# Who numbers the patients: the same as in the sandbox EHR, so that a launch finds the case of the day.
ASSIGNER = "urn:sandbox:mrn"
SCHEDULE = "demo-schedule"


def add_point_of_care(of: Organization) -> None:
    """Writes what does not change from day to day, in the current transaction."""
    _add_stock(of)
    _add_cards(of)
    db.session.add_all(
        Favorite(
            location_id=of.locations[row["location"]],
            procedure_code=row["procedure_code"],
            item_id=of.items[row["item"]],
            position=int(row["position"]),
        )
        for row in tables.rows(of.slug, "favorites", today=of.today)
    )


def _add_stock(of: Organization) -> None:
    rows = enumerate(tables.rows(of.slug, "care_stock", today=of.today))
    moves = [
        Move(
            key=f"opening-care-{number}",
            kind=MovementKind.OPENING,
            location_id=of.locations[row["location"]],
            item_id=of.items[row["item"]],
            quantity=Decimal(row["quantity"]),
            lot=row["lot"],
            serial=row["serial"],
            expires_on=date.fromisoformat(row["expires_on"]) if row["expires_on"] else None,
            owner=Owner(row["owner"]),
            condition=Condition(row["condition"]),
            document="Opening count",
        )
        for number, row in rows
    ]
    move(system(of.row.id, "opening stock of the demo"), moves)


def _add_cards(of: Organization) -> None:
    cards: dict[tuple[str, str, str], PreferenceCard] = {}
    for position, row in enumerate(tables.rows(of.slug, "preference_cards", today=of.today)):
        named = (row["procedure_code"], row["practitioner"], row["location"])
        if named not in cards:
            cards[named] = PreferenceCard(
                procedure_code=row["procedure_code"],
                procedure_name=row["procedure_name"],
                practitioner=row["practitioner"],
                location_id=of.locations[row["location"]] if row["location"] else None,
            )
        line = PreferenceLine(
            card=cards[named],
            item_id=of.items[row["item"]],
            position=position,
            to_open=Decimal(row["to_open"]),
            to_hold=Decimal(row["to_hold"]),
        )
        db.session.add(line)


def plan_day(slug: str) -> None:
    """Puts the cases of the present day into the schedule; a second call on one day adds nothing."""
    by = system(organization().id, "demo")
    statement = select(Location).options(joinedload(Location.facility))
    places = {one.code: one for one in db.session.scalars(statement)}
    patients = {
        row["letter"]: _patient(row) for row in tables.rows(slug, "care_patients", today=clock.today())
    }
    for row in tables.rows(slug, "care_cases", today=clock.today()):
        place = places[row["location"]]
        zone = ZoneInfo(place.facility.time_zone)
        day = clock.today(place.facility.time_zone)
        at = datetime.combine(day, time(int(row["hour"]), int(row["minute"])), zone)
        reference = f"{row['location']}-{at:%Y%m%d-%H%M}"
        if cases.by_reference(f"{SCHEDULE}|{reference}") is None:
            new = NewCase(
                place.id, found_by=f"{SCHEDULE}|{reference}", identifier=reference,
                encounter_id=_encounter(reference, patients[row["patient"]], place.id),
                procedure_code=row["procedure_code"], procedure_name=row["procedure_name"],
                practitioner=row["practitioner"], scheduled_at=at, state=CaseState.SCHEDULED,
            )  # fmt: skip
            cases.open_case(by, new)


def _patient(row: dict[str, str]) -> int:
    """The test patient, who may be known from the sandbox EHR already."""
    number = f"MRN-{row['letter']}-1001"
    found_by = f"{ASSIGNER}|{number}"
    known = db.session.scalar(select(PatientIdentifier).where(PatientIdentifier.found_by == found_by))
    if known is not None:
        return known.patient_id
    patient = Patient(name=f"Test patient {row['letter']}", birth_date=row["birth_date"], sex=row["sex"])
    db.session.add(patient)
    db.session.flush()
    db.session.add(
        PatientIdentifier(patient_id=patient.id, found_by=found_by, assigner=ASSIGNER, value=number)
    )
    return patient.id


def _encounter(reference: str, patient_id: int, location_id: int) -> int:
    encounter = Encounter(
        found_by=f"{SCHEDULE}|{reference}",
        identifier=reference,
        patient_id=patient_id,
        location_id=location_id,
    )
    db.session.add(encounter)
    db.session.flush()
    return encounter.id
