"""What changed in an EHR since the last time: read by the portal itself, taken like what is posted to it."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import select

from integrations.ehr.contract import Reading, Resource
from portal.clinical.ehr.systems import reading_as_system
from portal.clinical.fhir import inbound as fhir_inbound
from portal.clinical.models import EhrSystem
from portal.exchange.models import Partner
from portal.foundation import clock
from portal.foundation.db import db

FIRST = timedelta(days=1)  # how far the first look goes back
OVERLAP = timedelta(minutes=2)  # clocks differ; what is read twice counts once
MOST = 500  # resources of one type in one look


def polled() -> list[str]:
    """Codes of the EHRs of the present organization that are asked."""
    statement = select(EhrSystem).where(EhrSystem.active).order_by(EhrSystem.id)
    return [system.code for system in db.session.scalars(statement) if system.polled_types]


def poll(ehr_system: EhrSystem) -> int:
    """Takes what changed; returns how many resources that were. Raises EhrTrouble; then nothing moved on."""
    began = clock.now()
    since = ehr_system.polled_until or began - FIRST
    with reading_as_system(ehr_system, ehr_system.polled_types) as reading:
        found = [one for kind in ehr_system.polled_types for one in _changed(reading, kind, since)]
    if found:
        entries = [{"fullUrl": f"{ehr_system.base_url}/{one['resourceType']}/{one['id']}", "resource": one}
                   for one in found]  # fmt: skip
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        fhir_inbound.take(_partner(ehr_system), json.dumps(bundle, sort_keys=True).encode())
    ehr_system.polled_until = began - OVERLAP
    db.session.flush()
    return len(found)


def _changed(reading: Reading, kind: str, since: datetime) -> Iterator[Resource]:
    """Resources of a type changed since then; a type that was not granted has none."""
    if not reading.may(kind, "s"):
        return
    wanted = {"_lastUpdated": f"ge{since.isoformat(timespec='seconds')}", "_count": "100"}
    for number, resource in enumerate(reading.search(kind, wanted)):
        if number >= MOST:
            return
        yield resource


def _partner(ehr_system: EhrSystem) -> Partner:
    """As whom the EHR is known among messages; the one that posts for the same FHIR base, if there is one."""
    for partner in db.session.scalars(select(Partner).where(Partner.kind == "ehr")):
        if partner.settings.get("iss") in (ehr_system.iss, ehr_system.base_url):
            return partner
    partner = Partner(
        code=f"fhir-{ehr_system.code}",
        name=ehr_system.name,
        kind="ehr",
        adapter="smart",
        base_url="",  # nothing is sent to it
        settings={"iss": ehr_system.iss, "facility_id": ehr_system.facility_id},
    )
    db.session.add(partner)
    db.session.flush()
    return partner
