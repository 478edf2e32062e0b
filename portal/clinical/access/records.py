"""Every view of a patient is written down, and can be read by who audits."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select

from portal.clinical.models import AccessRecord, PatientIdentifier
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.identity.models import Account
from portal.identity.queries import organization


def record_view(actor: Actor, patient_id: int, page: str, *, reason: str = "") -> None:
    """One view of a patient's data on `page` (an endpoint or a document's name)."""
    db.session.add(
        AccessRecord(
            account_id=actor.account_id,
            actor=actor.name,
            patient_id=patient_id,
            page=page,
            reason=reason or actor.system_reason,
        )
    )


@dataclass(frozen=True)
class AccessFilter:
    """Which views are shown; None means any."""

    patient_id: int | None = None
    account_id: int | None = None
    since: date | None = None
    until: date | None = None


def records(wanted: AccessFilter) -> Select[Any]:
    """Views of patients, newest first."""
    statement = select(AccessRecord).order_by(AccessRecord.at.desc(), AccessRecord.id.desc())
    if wanted.patient_id is not None:
        statement = statement.where(AccessRecord.patient_id == wanted.patient_id)
    if wanted.account_id is not None:
        statement = statement.where(AccessRecord.account_id == wanted.account_id)
    if wanted.since is not None:
        statement = statement.where(AccessRecord.at >= _midnight(wanted.since))
    if wanted.until is not None and wanted.until < date.max:
        statement = statement.where(AccessRecord.at < _midnight(wanted.until + timedelta(days=1)))
    return statement


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(organization().time_zone))


def people_who_looked() -> list[tuple[int, str]]:
    """(account id, name) of everybody who looked at a patient, by name."""
    looked = select(AccessRecord.account_id).where(AccessRecord.account_id.is_not(None))
    rows = db.session.execute(
        select(Account.id, Account.name).where(Account.id.in_(looked)).order_by(Account.name, Account.id)
    )
    return [(row[0], row[1]) for row in rows]


def find_patient(actor: Actor, assigner: str, value: str) -> int:
    """The patient with this identifier; looking for one is recorded too. Raises Invalid without one."""
    patient_id = db.session.scalar(
        select(PatientIdentifier.patient_id).where(
            PatientIdentifier.found_by == f"{assigner.strip()}|{value.strip()}"
        )
    )
    if patient_id is None:
        raise Invalid(
            "No patient with this number is known here. Check the number and who assigned it.", field="value"
        )
    record_view(actor, patient_id, "clinical.find_patient")
    return patient_id


def assigners() -> list[str]:
    """Who assigns patient numbers, as far as any came."""
    return list(
        db.session.scalars(
            select(PatientIdentifier.assigner).distinct().order_by(PatientIdentifier.assigner).limit(100)
        )
    )
