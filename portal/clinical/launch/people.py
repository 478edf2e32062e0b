"""The clinician of a launch: known by (iss, sub), made at the first launch, with the role at the place."""

import hashlib

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from integrations.ehr.contract import Clinician, PractitionerFacts
from portal.clinical.models import EhrSystem
from portal.foundation.access import Actor, system
from portal.foundation.db import db
from portal.foundation.errors import Invalid, NotAllowed
from portal.identity import queries, services, sign_in
from portal.identity.models import Account, ExternalIdentity
from portal.identity.rules import Role
from portal.masterdata.models import Facility

PATIENTS = ("Patient/", "RelatedPerson/")


def account_of(
    ehr: EhrSystem, clinician: Clinician, facts: PractitionerFacts | None, facility_id: int | None
) -> Account:
    """The account of a person the EHR vouches for, with the role of a clinician at the facility.

    Raises NotAllowed for a patient, a deactivated account, or a facility that is not known.
    """
    if clinician.fhir_user.startswith(PATIENTS):
        raise NotAllowed("Clinic Supply is for staff. You are signed in to the EHR as a patient.")
    identity = db.session.scalar(
        select(ExternalIdentity)
        .options(joinedload(ExternalIdentity.account))
        # By the FHIR base: issuers of id_tokens have changed their spelling, the person stays the same.
        .where(ExternalIdentity.issuer == ehr.iss, ExternalIdentity.subject == clinician.subject)
    )
    where = facility_id or ehr.facility_id or _only_facility()
    account = identity.account if identity else _new_account(ehr, clinician, facts, where)
    if not account.active:
        sign_in.refuse(account, "deactivated")
        raise NotAllowed("Your account here is deactivated. Ask the administrator of the portal.")
    _give_role(ehr, account, where)
    return account


def _new_account(
    ehr: EhrSystem, clinician: Clinician, facts: PractitionerFacts | None, facility_id: int | None
) -> Account:
    if facility_id is None:
        raise _nowhere(ehr)
    name = (facts.name if facts else "") or clinician.name or "Clinician"
    account = _created(ehr, clinician, name, facts.email if facts else "")
    db.session.add(ExternalIdentity(account_id=account.id, issuer=ehr.iss, subject=clinician.subject))
    db.session.flush()
    return account


def _created(ehr: EhrSystem, clinician: Clinician, name: str, email: str) -> Account:
    """An account under the person's e-mail; under a name of the portal's own when there is none to use.

    An address in use belongs to an account the EHR did not prove: it is never taken over.
    """
    mark = hashlib.sha256(f"{ehr.iss}|{clinician.subject}".encode()).hexdigest()[:16]
    try:
        return services.create_account(email=email, name=_tidy(name), by=_portal(ehr))
    except Invalid:
        return services.create_account(
            email=f"{mark}@{ehr.code}.ehr.invalid", name=_tidy(name), by=_portal(ehr)
        )


def _give_role(ehr: EhrSystem, account: Account, facility_id: int | None) -> None:
    """The clinician's role at a facility worked at for the first time; other roles stay as they are."""
    held = [one for one in queries.assignments_of(account.id) if one.role is Role.CLINICIAN]
    if any(one.facility_id in (None, facility_id) for one in held):
        return
    if facility_id is not None:
        services.assign_role(account, Role.CLINICIAN, facility_id, by=_portal(ehr))
    elif not held:
        raise _nowhere(ehr)


def _only_facility() -> int | None:
    ids = db.session.scalars(select(Facility.id).where(Facility.active).limit(2)).all()
    return ids[0] if len(ids) == 1 else None


def _nowhere(ehr: EhrSystem) -> NotAllowed:
    return NotAllowed(
        f"{ehr.name} did not say at which facility you work. The administrator of the portal can map the "
        "places of this EHR, or name a facility for it, under EHR systems; then open Clinic Supply again."
    )


def _tidy(name: str) -> str:
    return " ".join(part for part in name.split() if part.isprintable())[:120] or "Clinician"


def _portal(ehr: EhrSystem) -> Actor:
    return system(ehr.organization_id, f"launch from {ehr.code}")
