"""Which case a launch is about, where the EHR says what is open in it (fhirContext, SMART 2.2)."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, select

from integrations.ehr.contract import PatientFacts, ProcedureFacts
from portal.clinical import cases
from portal.clinical.cases import NewCase
from portal.clinical.ehr.places import Where
from portal.clinical.models import Case, EhrSystem, Encounter, Feed
from portal.clinical.rules import CaseState
from portal.foundation import clock
from portal.foundation.access import system
from portal.foundation.db import db

NOW = (CaseState.OPEN, CaseState.SCHEDULED)
SAME_DAY = timedelta(hours=18)


def choose(
    ehr: EhrSystem,
    procedures: Sequence[ProcedureFacts],
    patient: PatientFacts | None,
    patient_id: int | None,
    encounter_id: int | None,
    where: Where,
) -> int | None:
    """The patient's case of a procedure that is open in the EHR; None leaves it to encounter and schedule.

    A procedure that no schedule told of, but the EHR lets us read, becomes a scheduled case.
    """
    if patient is None or patient_id is None:
        return None
    for facts in procedures:
        known = _known(_by_number(ehr, facts), patient_id) or _of_day(facts, patient_id)
        if known is not None:
            return known
        if facts.patient == patient.id and (facts.code or facts.name):
            return _scheduled(ehr, facts, encounter_id, where)
    return None


def _by_number(ehr: EhrSystem, facts: ProcedureFacts) -> ColumnElement[bool]:
    """By its own reference or a number that this EHR, or an interface, gave it."""
    feeds = db.session.scalars(select(Feed).where(Feed.active)).all()
    names = {str(feed.settings.get("system") or feed.sending_facility) for feed in feeds}
    spoken = [f"{name}|{number}" for name in sorted(names) for number in facts.numbers]
    mine = (_local(ehr, facts), *facts.numbers)
    own = [f"{iss}|{number}" for iss in (ehr.iss, ehr.base_url) for number in mine]
    return Case.found_by.in_([*own, *spoken])


def _local(ehr: EhrSystem, facts: ProcedureFacts) -> str:
    return facts.reference.removeprefix(f"{ehr.base_url.rstrip('/')}/")


def _of_day(facts: ProcedureFacts, patient_id: int) -> int | None:
    """The schedule may know the procedure by a number of its own: code and day then say which case."""
    if not facts.code:
        return None
    around = Case.scheduled_at.between(clock.now() - SAME_DAY, clock.now() + SAME_DAY)
    return _known(and_(Case.procedure_code == facts.code, around), patient_id)


def _known(wanted: ColumnElement[bool], patient_id: int) -> int | None:
    """A case under way, else the next one, of this patient: numbers of two hospitals may be alike."""
    statement = (
        select(Case.id)
        .where(wanted, Case.state.in_(NOW), Case.encounter.has(Encounter.patient_id == patient_id))
        .order_by(Case.state, Case.scheduled_at.nulls_last(), Case.id)
        .limit(1)
    )
    return db.session.scalar(statement)


def _scheduled(ehr: EhrSystem, facts: ProcedureFacts, encounter_id: int | None, where: Where) -> int:
    reference = _local(ehr, facts)
    new = NewCase(
        where.location_id,
        found_by=f"{ehr.iss}|{reference}",
        identifier=reference,
        encounter_id=encounter_id,
        procedure_code=facts.code,
        procedure_name=facts.name or facts.code,
        state=CaseState.SCHEDULED,
    )
    return cases.open_case(system(ehr.organization_id, f"launch from {ehr.code}"), new).id
