"""Reading uses and cases for their pages."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, undefer

from portal.clinical import cases
from portal.clinical.access import records as access_records
from portal.clinical.models import Case, ChargeLine, Encounter, Patient, Usage
from portal.clinical.rules import UsageState
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.identity.queries import names_of
from portal.masterdata.models import Location
from portal.requisitions.models import Requisition

WAITING = (UsageState.REVIEW, UsageState.CONFLICT)


def waiting() -> Select[Any]:
    """Uses that wait for a decision, the oldest first."""
    return (
        select(Usage)
        .where(Usage.state.in_(WAITING))
        .options(joinedload(Usage.item), joinedload(Usage.location), joinedload(Usage.case))
        .order_by(Usage.recorded_at, Usage.id)
    )


@dataclass(frozen=True)
class Use:
    """A use with what followed from it; `serial` only for who may view patients."""

    row: Usage
    by: str
    serial: str
    charge: ChargeLine | None
    request: str
    first: Usage | None
    may_view_patients: bool


def use(actor: Actor, usage_id: int) -> Use:
    """One use; showing a serial that leads to a patient is recorded. Raises NotFound, NotAllowed."""
    row = found(
        db.session.scalar(
            select(Usage)
            .where(Usage.id == usage_id)
            .options(
                joinedload(Usage.item), joinedload(Usage.case), undefer(Usage.serial),
                joinedload(Usage.location).joinedload(Location.facility),
            )
        ),
        "use",
    )  # fmt: skip
    facility_id = row.location.facility_id if row.location else None
    if not actor.can(Permission.RESOLVE_WORK_ITEMS, facility_id=facility_id):
        actor.require(Permission.RECORD_USAGE, facility_id=facility_id)
    may_view = actor.can(Permission.VIEW_PATIENTS)
    if may_view and row.serial and row.patient_id is not None:
        access_records.record_view(actor, row.patient_id, "clinical.use")
    names = names_of({row.account_id}) if row.account_id else {}
    request = select(Requisition.number).where(Requisition.id == row.requisition_id)
    return Use(
        row=row, by=names.get(row.account_id or 0, row.source), serial=(row.serial or "") if may_view else "",
        charge=db.session.scalar(select(ChargeLine).where(ChargeLine.usage_id == row.id)),
        request=db.session.scalar(request) or "",
        first=db.session.get(Usage, row.reverses_id) if row.reverses_id else None,
        may_view_patients=may_view,
    )  # fmt: skip


@dataclass(frozen=True)
class CaseSheet:
    """All that is known of a case, its patient among it."""

    case: Case
    patient: Patient | None
    uses: list[Usage]
    people: dict[int, str]
    cost: Decimal


def case_sheet(actor: Actor, number: str) -> CaseSheet:
    """A case with its supplies, cost and patient; the view is recorded. Raises NotFound, NotAllowed."""
    case = found(
        db.session.scalar(
            select(Case)
            .where(Case.number == number)
            .options(
                joinedload(Case.location).joinedload(Location.facility),
                joinedload(Case.encounter)
                .joinedload(Encounter.patient)
                .options(undefer(Patient.name), undefer(Patient.birth_date), undefer(Patient.sex)),
            )
        ),
        "case",
    )
    actor.require(Permission.VIEW_PATIENTS, facility_id=case.location.facility_id if case.location else None)
    patient = case.encounter.patient if case.encounter else None
    if patient is not None:
        access_records.record_view(actor, patient.id, "clinical.case", reason=f"Case {case.number}")
    uses = cases.uses_of(case.id)
    people = names_of({one.account_id for one in uses if one.account_id is not None})
    return CaseSheet(case, patient, uses, people, cases.cost_of(case.id))


def places() -> list[tuple[int, str]]:
    """(id, name) of every active place, to say where something was used."""
    rows = db.session.execute(
        select(Location.id, Location.name).where(Location.active).order_by(Location.name, Location.id)
    )
    return [(row[0], row[1]) for row in rows]
