"""Whom and what the page is about: an EHR launch of one's own, or a case opened from the list of the day."""

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Select, and_, false, or_, select
from sqlalchemy.orm import joinedload, undefer

from portal.clinical.models import Case, Encounter, Launch, Patient
from portal.clinical.rules import CaseState, LaunchState
from portal.foundation import clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import NotFound
from portal.masterdata.models import Location

CASE_NUMBER = re.compile(r"[A-Z]{2}\d{2}-\d{7,}")
SAME_DAY = timedelta(hours=18)
PLACE = (joinedload(Location.facility), joinedload(Location.cost_center))
ENDED = "This launch has ended. Open the patient's chart in the EHR and start Clinic Supply again."


@dataclass(frozen=True)
class Care:
    """One patient's care at one place; `code` stands in the address, no name of a patient ever does."""

    code: str
    case: Case | None
    launch: Launch | None
    encounter_id: int | None
    patient_id: int | None
    location: Location | None

    @property
    def place(self) -> Location:
        """Where supplies are taken from; raises NotFound before it is known."""
        return found(self.location, "place")

    @property
    def today(self) -> date:
        """The day it is at the place."""
        return clock.today(self.place.facility.time_zone)

    @property
    def needs_banner(self) -> bool:
        """Whether the EHR around the page does not show the patient already (SMART, need_patient_banner)."""
        return self.patient_id is not None and (self.launch is None or self.launch.needs_banner)

    @property
    def is_closed(self) -> bool:
        """Whether the case is over."""
        return self.case is not None and self.case.state in (CaseState.CLOSED, CaseState.CANCELLED)


def find(actor: Actor, code: str, *, lock: bool = False) -> Care:
    """What the address names; raises NotFound for another person's launch or another facility's case."""
    care = _of_case(code, lock=lock) if CASE_NUMBER.fullmatch(code) else _of_launch(actor, code, lock=lock)
    if care.location is not None:
        actor.require(Permission.RECORD_USAGE, facility_id=care.location.facility_id)
    return care


def _of_launch(actor: Actor, code: str, *, lock: bool) -> Care:
    statement = _launches().where(Launch.code == code)
    if lock:
        # Two clicks at once in a launch without a case wait here, so that they do not open two.
        statement = statement.with_for_update(of=Launch).execution_options(populate_existing=True)
    launch = found(db.session.scalar(statement), "launch")
    if launch.account_id != actor.account_id:
        raise NotFound("This launch does not exist, or belongs to somebody else.")
    if launch.state is not LaunchState.OPEN:
        raise NotFound(ENDED)
    case = db.session.scalar(_locked(_case_of_launch(launch), lock=lock))
    encounter = launch.encounter
    places = (launch.location, encounter.location if encounter else None, case.location if case else None)
    patient_id = launch.patient_id or (encounter.patient_id if encounter else None)
    return Care(code, case, launch, launch.encounter_id, patient_id, next(filter(None, places), None))


def refreshed(care: Care) -> Care:
    """The care with the case that was opened in it a moment ago."""
    if care.launch is None or care.case is not None:
        return care
    return replace(care, case=db.session.scalar(_case_of_launch(care.launch)))


def _of_case(code: str, *, lock: bool) -> Care:
    statement = _cases().where(Case.number == code).options(joinedload(Case.encounter))
    case = found(db.session.scalar(_locked(statement, lock=lock)), "case")
    patient_id = case.encounter.patient_id if case.encounter else None
    return Care(code, case, None, case.encounter_id, patient_id, case.location)


def _locked(statement: Select[Case], *, lock: bool) -> Select[Case]:
    """Two who record in one case wait for each other, so that it cannot close in between."""
    return statement.with_for_update(of=Case).execution_options(populate_existing=True) if lock else statement


def _launches() -> Select[Launch]:
    encounter = joinedload(Launch.encounter)
    return select(Launch).options(
        joinedload(Launch.location).options(*PLACE),
        encounter.joinedload(Encounter.location).options(*PLACE),
    )


def _case_of_launch(launch: Launch) -> Select[Case]:
    """The case that was opened here, else the one of the encounter that is under way or comes next."""
    if launch.case_id is not None:
        return _cases().where(Case.id == launch.case_id)
    # Nothing known on both sides is nothing in common: never compare with NULL.
    mine = [Case.encounter_id == launch.encounter_id] if launch.encounter_id is not None else []
    if launch.patient_id is not None and launch.location_id is not None:
        mine.append(_of_patient(launch))
    is_now = Case.state.in_([CaseState.OPEN, CaseState.SCHEDULED])
    return (
        _cases()
        .where(or_(false(), *mine), is_now)
        .order_by(Case.state, Case.scheduled_at.nulls_last(), Case.id)
        .limit(1)
    )


def _of_patient(launch: Launch) -> ColumnElement[bool]:
    """The schedule may know the visit by a number of its own: patient, place and day then say which case."""
    return and_(
        Case.encounter.has(Encounter.patient_id == launch.patient_id),
        Case.location_id == launch.location_id,
        Case.scheduled_at.between(clock.now() - SAME_DAY, clock.now() + SAME_DAY),
    )


def _cases() -> Select[Case]:
    return select(Case).options(joinedload(Case.location).options(*PLACE))


def patient_of(patient_id: int) -> Patient:
    """The patient with what the banner shows."""
    statement = (
        select(Patient)
        .where(Patient.id == patient_id)
        .options(undefer(Patient.name), undefer(Patient.birth_date), undefer(Patient.sex))
    )
    return found(db.session.scalar(statement), "patient")
