"""What a launch is about: patient, encounter, place and case, asked of the EHR, then kept."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import joinedload, undefer

from integrations.ehr.contract import (
    BREAK_THE_GLASS,
    EncounterFacts,
    Granted,
    PatientFacts,
    ProcedureFacts,
    Reading,
)
from integrations.errors import PartnerError
from portal.clinical.ehr import places as ehr_places
from portal.clinical.ehr.places import Where
from portal.clinical.launch import case as launch_case
from portal.clinical.models import EhrSystem, Encounter, Feed, Patient, PatientIdentifier
from portal.clinical.rules import EncounterState
from portal.foundation import clock
from portal.foundation.db import db

PROCEDURES = frozenset({"Procedure", "ServiceRequest"})
# FHIR R4 EncounterStatus.
STATES = {
    "planned": EncounterState.PLANNED,
    "finished": EncounterState.FINISHED,
    "cancelled": EncounterState.CANCELLED,
    "entered-in-error": EncounterState.CANCELLED,
}


@dataclass(frozen=True)
class Told:
    """What the EHR told; `procedures` are what of fhirContext says which case is open in it."""

    patient: PatientFacts | None
    encounter: EncounterFacts | None
    procedures: tuple[ProcedureFacts, ...]
    where: Where


@dataclass(frozen=True)
class Context:
    """The rows of a launch."""

    patient_id: int | None
    encounter_id: int | None
    case_id: int | None
    where: Where


def ask(ehr: EhrSystem, reading: Reading, granted: Granted, places: tuple[str, ...]) -> Told:
    """Reads what the scope allows; only a refusal by the EHR's privacy policy is raised."""
    encounter = _encounter(reading, granted.encounter) if granted.encounter else None
    number = granted.patient or (encounter.patient if encounter else "")
    patient = _patient(reading, number) if number else None
    named = [item.reference for item in granted.context]
    procedures = tuple(_procedure(reading, one) for one in named if _kind(one) in PROCEDURES)
    launched_at = [f"Location/{granted.location}"] if granted.location else []
    opened_at = [one for one in named if _kind(one) == "Location"]
    of_encounter = (*encounter.locations, encounter.provider) if encounter else ()
    references = [*launched_at, *opened_at, *of_encounter, *places]
    where = ehr_places.resolve(ehr, reading, [one for one in references if one])
    return Told(patient, encounter, procedures, where)


def keep(ehr: EhrSystem, told: Told) -> Context:
    """Keeps what was told, under blind indexes."""
    patient_id = _keep_patient(ehr, told.patient) if told.patient else None
    encounter_id = _keep_encounter(ehr, told.encounter, patient_id, told.where) if told.encounter else None
    case_id = launch_case.choose(ehr, told.procedures, told.patient, patient_id, encounter_id, told.where)
    return Context(patient_id, encounter_id, case_id, told.where)


def _kind(reference: str) -> str:
    """The type of a reference, relative or absolute."""
    return ("/" + reference).split("/")[-2]


def _procedure(reading: Reading, reference: str) -> ProcedureFacts:
    """The procedure, or only its reference where the EHR does not let us read it."""
    if reading.may(_kind(reference)):
        try:
            return reading.procedure(reference)
        except PartnerError as error:
            if error.code == BREAK_THE_GLASS:
                raise
    return ProcedureFacts(reference)


def _patient(reading: Reading, number: str) -> PatientFacts:
    """The patient, or only the number where the EHR does not let us read one."""
    if reading.may("Patient"):
        try:
            return reading.patient(number)
        except PartnerError as error:
            if error.code == BREAK_THE_GLASS:
                raise
    return PatientFacts(id=number)


def _encounter(reading: Reading, number: str) -> EncounterFacts:
    if reading.may("Encounter"):
        try:
            return reading.encounter(number)
        except PartnerError as error:
            if error.code == BREAK_THE_GLASS:
                raise
    return EncounterFacts(id=number)


def _keep_patient(ehr: EhrSystem, facts: PatientFacts) -> int:
    """The patient known by any of the identifiers, or a new one; a merged one leads to the one that stays."""
    wanted = {f"{ehr.iss}|{facts.id}": (ehr.iss, facts.id)}
    wanted |= {
        f"{assigner}|{value}": (assigner, value) for assigner, value in facts.identifiers[:1] if assigner
    }
    statement = (
        select(PatientIdentifier)
        .options(joinedload(PatientIdentifier.patient))
        .where(PatientIdentifier.found_by.in_(list(wanted)))
        .order_by(PatientIdentifier.id)
    )
    known = db.session.scalars(statement).all()
    patient = known[0].patient if known else Patient()
    if patient.merged_into_id is not None:
        patient = db.session.get_one(Patient, patient.merged_into_id)
    if facts.name:
        patient.name, patient.birth_date, patient.sex = facts.name, facts.birth_date, facts.sex
    db.session.add(patient)
    db.session.flush()
    for found_by, (assigner, value) in wanted.items():
        added = insert(PatientIdentifier).values(
            patient_id=patient.id, found_by=found_by, assigner=assigner, value=value
        )
        db.session.execute(added.on_conflict_do_nothing())
    return patient.id


def _keep_encounter(ehr: EhrSystem, facts: EncounterFacts, patient_id: int | None, where: Where) -> int:
    found_by = f"{ehr.iss}|{facts.id}"
    encounter = _of_feed(facts.number, patient_id) or db.session.scalar(
        select(Encounter).where(Encounter.found_by == found_by).with_for_update()
    )
    if encounter is None:
        encounter = Encounter(found_by=found_by, identifier=facts.number or facts.id)
        db.session.add(encounter)
    encounter.patient_id = patient_id or encounter.patient_id
    encounter.location_id = where.location_id or encounter.location_id
    encounter.state = STATES.get(facts.status, EncounterState.ACTIVE)
    encounter.started_at = _moment(facts.started) or encounter.started_at
    encounter.updated_at = clock.now()
    db.session.flush()
    return encounter.id


def _of_feed(number: str, patient_id: int | None) -> Encounter | None:
    """The visit as a message feed told of it, with its scheduled cases; only of the same patient.

    Visit numbers of two hospitals may be alike, so a visit of nobody known to be the same is another one.
    """
    if not number or patient_id is None:
        return None
    feeds = db.session.scalars(select(Feed).where(Feed.active)).all()
    names = {str(feed.settings.get("system") or feed.sending_facility) for feed in feeds}
    statement = (
        select(Encounter)
        .where(
            Encounter.found_by.in_([f"{name}|{number}" for name in sorted(names)]),
            Encounter.patient_id == patient_id,
        )
        .order_by(Encounter.id)
        .limit(1)
        .with_for_update()
    )
    return db.session.scalar(statement)


def _moment(text: str) -> datetime | None:
    """A FHIR dateTime with a zone, else nothing."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def patient_name(patient_id: int) -> str:
    """The name as the banner shows it."""
    statement = select(Patient).options(undefer(Patient.name)).where(Patient.id == patient_id)
    patient = db.session.scalar(statement)
    return patient.name if patient else ""
