"""What clinical systems say of patients, encounters and cases; repeats and old news are harmless."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert

from integrations.clinical import CaseEvent, EncounterContext, EncounterEvent, ScheduledCase
from integrations.clinical import PatientIdentifier as Identifier
from portal.clinical import cases
from portal.clinical.cases import NewCase
from portal.clinical.memory import memory, own
from portal.clinical.models import Case, Encounter, Launch, Patient, PatientIdentifier, Usage
from portal.clinical.rules import CaseState, EncounterState
from portal.exchange.together import Alone, is_together, once
from portal.foundation import audit
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.sealed import keyring
from portal.masterdata.models import Location

STATES = {
    EncounterEvent.ADMIT: EncounterState.ACTIVE,
    EncounterEvent.REGISTER: EncounterState.ACTIVE,
    EncounterEvent.TRANSFER: EncounterState.ACTIVE,
    EncounterEvent.DISCHARGE: EncounterState.FINISHED,
    EncounterEvent.CANCEL_ADMIT: EncounterState.CANCELLED,
    EncounterEvent.CANCEL_DISCHARGE: EncounterState.ACTIVE,
}
BEFORE_ALL = datetime(1900, 1, 1, tzinfo=UTC)
BEGINNINGS = frozenset({EncounterEvent.ADMIT, EncounterEvent.REGISTER})
FOLLOWING: tuple[Any, ...] = (PatientIdentifier, Encounter, Usage, Launch)


@dataclass(frozen=True)
class System:
    """Who speaks: `name` makes visit and case numbers unique, `assigners` translates names of assigners."""

    name: str
    facility_id: int | None = None
    assigners: Mapping[str, str] = field(default_factory=dict)

    def key(self, number: str) -> str:
        """How a visit or case of this system is found."""
        return f"{self.name}|{number}"

    def assigner(self, identifier: Identifier) -> str:
        """Who assigned a patient's number; the system itself where nobody is named."""
        return self.assigners.get(identifier.assigner, identifier.assigner) or self.name


def location_id(system: System, code: str) -> int | None:
    """The place with this code at the system's facility; None for none or, without a facility, several."""
    if not code:
        return None
    places = select(Location.id).where(Location.code == code, Location.active)
    if system.facility_id is not None:
        places = places.where(Location.facility_id == system.facility_id)
    return memory.recall(own("location", system.facility_id, code), lambda: _only(places))


def _only(wanted: Select[int]) -> int | None:
    found = db.session.scalars(wanted.limit(2)).all()
    return found[0] if len(found) == 1 else None


def patient_id(system: System, identifier: Identifier) -> int | None:
    """The patient with this number, made when it is new; the one that stays after a merge."""
    if not identifier.id:
        return None
    assigner = system.assigner(identifier)
    found_by = f"{assigner}|{identifier.id}"
    return once(("patient", found_by), lambda: _patient_id(found_by, assigner, identifier))


def _patient_id(found_by: str, assigner: str, identifier: Identifier) -> int | None:
    statement = select(PatientIdentifier.patient_id).where(PatientIdentifier.found_by == found_by)
    known = db.session.scalar(statement)
    if known is not None:
        return known
    patient = Patient()
    db.session.add(patient)
    db.session.flush()
    values = {"patient_id": patient.id, "found_by": found_by, "assigner": assigner, "value": identifier.id}
    mine = insert(PatientIdentifier).values(values).on_conflict_do_nothing().returning(PatientIdentifier.id)
    if db.session.scalar(mine) is not None:
        return patient.id
    db.session.delete(patient)  # somebody else was a moment earlier
    db.session.flush()
    return db.session.scalar(statement)


def encounter_id(system: System, visit: str, patient: int | None) -> int | None:
    """The encounter with this number, made when it is new; a patient learned later is filled in."""
    if not visit:
        return None
    key = ("encounter", system.key(visit), patient)
    return once(key, lambda: _encounter_id(system, visit, patient))


def _encounter_id(system: System, visit: str, patient: int | None) -> int:
    known = db.session.execute(
        select(Encounter.id, Encounter.patient_id).where(Encounter.found_by == system.key(visit))
    ).first()
    if known is not None and (known.patient_id or patient is None):
        return int(known.id)
    row = _encounter(system, visit)
    row.patient_id = row.patient_id or patient
    return row.id


def _encounter(system: System, visit: str) -> Encounter:
    """The row, locked; made when it is new, with no event yet."""
    found_by = system.key(visit)
    statement = select(Encounter).where(Encounter.found_by == found_by).with_for_update()
    row = db.session.scalar(statement)
    if row is None:
        new = insert(Encounter).values(found_by=found_by, identifier=visit, updated_at=BEFORE_ALL)
        db.session.execute(new.on_conflict_do_nothing())
        row = db.session.scalars(statement).one()
    return row


def apply_context(actor: Actor, said: EncounterContext, system: System) -> int | None:
    """Keeps where a patient is; returns the patient. Older news than the newest known changes nothing."""
    patient = patient_id(system, Identifier(id=said.patient_id, assigner=said.patient_assigner))
    if patient is None:
        return None
    _keep_person(patient, said)
    if said.event is EncounterEvent.MERGE:
        _merge(actor, patient, said, system)
    if said.visit:
        _keep_encounter(actor, patient, said, system)
    return patient


def _keep_person(patient: int, said: EncounterContext | ScheduledCase) -> None:
    name = ", ".join(filter(None, (said.family_name, said.given_name)))
    if not name:
        return
    row = db.session.get_one(Patient, patient)
    row.name = name
    if said.birth_date is not None:
        row.birth_date = said.birth_date.isoformat()
    if isinstance(said, EncounterContext) and said.sex:
        row.sex = said.sex


def _keep_encounter(actor: Actor, patient: int, said: EncounterContext, system: System) -> None:
    row = _encounter(system, said.visit)
    if row.patient_id is None or said.at >= row.updated_at:
        row.patient_id = patient
    if said.at < row.updated_at:
        return
    before = row.state
    row.updated_at = said.at
    row.state = STATES.get(said.event, row.state)
    row.location_id = location_id(system, said.location_code) or row.location_id
    if said.event in BEGINNINGS:
        row.started_at = said.at
    row.ended_at = said.at if row.state is EncounterState.FINISHED else None
    db.session.flush()
    if row.state != before:
        audit.record(
            actor, f"encounter.{said.event}", row, before={"state": before},
            after={"state": row.state, "location_id": row.location_id},
        )  # fmt: skip


def _merge(actor: Actor, patient: int, said: EncounterContext, system: System) -> None:
    """From now on the old numbers mean this patient, with all that hung on them."""
    if is_together():
        raise Alone  # the others remember who is who
    for identifier in said.merged:
        old = patient_id(system, identifier)
        if old is None or old == patient:
            continue
        for model in FOLLOWING:
            db.session.execute(
                update(model).where(model.patient_id == old).values(patient_id=patient),
                execution_options={"synchronize_session": False},
            )
        db.session.execute(
            update(Patient)
            .where((Patient.id == old) | (Patient.merged_into_id == old))
            .values(merged_into_id=patient)
        )
        db.session.expire_all()
        row = db.session.get_one(Patient, old)
        audit.record(actor, "patient.merge", row, after={"merged_into_id": patient})


def apply_case(actor: Actor, said: ScheduledCase, system: System) -> int | None:
    """Keeps a scheduled case; returns the patient. One that is under way or closed keeps its state."""
    patient = patient_id(system, Identifier(id=said.patient_id, assigner=said.patient_assigner))
    if patient is not None:
        _keep_person(patient, said)
    place = location_id(system, said.location_code)
    encounter = encounter_id(system, said.visit, patient)
    case = case_of(actor, system, said.case_id, encounter=encounter, place=place)
    case.location_id = place or case.location_id
    case.encounter_id = encounter or case.encounter_id
    case.scheduled_at = said.starts_at or case.scheduled_at
    case.procedure_code = said.procedure_code or case.procedure_code
    case.procedure_name = said.procedure_text or case.procedure_name
    case.practitioner = said.practitioner_id or case.practitioner
    if case.state in (CaseState.SCHEDULED, CaseState.CANCELLED):
        before, cancelled = case.state, said.event is CaseEvent.CANCELLED
        case.state = CaseState.CANCELLED if cancelled else CaseState.SCHEDULED
        if case.state != before:
            audit.record(
                actor, f"case.{said.event}", case, before={"state": before}, after={"state": case.state}
            )
    return patient


def case_of(
    actor: Actor, system: System, number: str, *, encounter: int | None = None, place: int | None = None
) -> Case:
    """The case with the system's number; scheduled when it is new."""
    key = system.key(number)
    known = cases.by_reference(key)
    if known is not None:
        return known
    lock = func.pg_advisory_xact_lock(func.hashtextextended(keyring().blind_index(key), 0))
    db.session.execute(select(lock))  # two messages may name a new case at the same moment
    return cases.open_case(
        actor,
        NewCase(
            place,
            found_by=key,
            identifier=number,
            encounter_id=encounter,
            state=CaseState.SCHEDULED,
        ),
    )
