"""Business hours of one facility, where they are not those of the organization; every setting is kept."""

from collections.abc import Sequence
from datetime import time
from typing import Any

from sqlalchemy import select

from portal.approvals import queries
from portal.approvals.models import FacilityHours
from portal.approvals.policies import check_hours, hours_in_words
from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import NotAllowed
from portal.identity.models import Account
from portal.masterdata.models import Facility


def of_person(actor: Actor) -> list[dict[str, Any]]:
    """The facilities whose hours the person sets, by name, with the hours that count."""
    reach = actor.facility_ids(Permission.MANAGE_RULES)
    statement = select(Facility).where(Facility.active).order_by(Facility.name)
    if reach is not None:
        statement = statement.where(Facility.id.in_(reach))
    own = queries.facility_hours()
    rows = []
    for facility in db.session.scalars(statement):
        hours = own.get(facility.id)
        words = hours_in_words(hours.opens, hours.closes, hours.weekdays) if hours else ""
        rows.append({"id": facility.id, "name": facility.name, "zone": facility.time_zone, "hours": words})
    return rows


def facility(actor: Actor, facility_id: int) -> Facility:
    """One of them; raises NotFound, NotAllowed for another person's."""
    known = found(db.session.get(Facility, facility_id), "facility")
    reach = actor.facility_ids(Permission.MANAGE_RULES)
    if reach is not None and known.id not in reach:
        raise NotAllowed("You may set hours for your own facility only.")
    return known


def set_hours(
    actor: Actor, facility_id: int, opens: time, closes: time, weekdays: Sequence[int]
) -> FacilityHours:
    """These hours count at the facility from now on. Raises Invalid with the field that cannot be."""
    known = facility(actor, facility_id)
    check_hours(opens, closes, weekdays)
    return _keep(actor, known, opens, closes, sorted(weekdays))


def take_back(actor: Actor, facility_id: int) -> FacilityHours | None:
    """Those of the organization count again; nothing happens where they do already."""
    known = facility(actor, facility_id)
    if known.id not in queries.facility_hours():
        return None
    return _keep(actor, known, None, None, [])


def _keep(
    actor: Actor, known: Facility, opens: time | None, closes: time | None, weekdays: list[int]
) -> FacilityHours:
    before = queries.facility_hours().get(known.id)
    row = FacilityHours(
        facility_id=known.id, opens=opens, closes=closes, weekdays=weekdays, set_by_id=actor.account_id
    )
    db.session.add(row)
    db.session.flush()
    said = hours_in_words(before.opens, before.closes, before.weekdays) if before else ""
    after = {"facility": known.name, "hours": _words(row)}
    audit.record(actor, "facility.hours", row, before={"hours": said}, after=after)
    return row


def history(facility_id: int) -> list[dict[str, Any]]:
    """What counts and counted at a facility, the newest first."""
    rows = db.session.execute(
        select(FacilityHours, Account.name)
        .outerjoin(Account, Account.id == FacilityHours.set_by_id)
        .where(FacilityHours.facility_id == facility_id)
        .order_by(FacilityHours.id.desc())
        .limit(50)
    )
    return [{"title": _words(row), "at": row.set_at, "actor": name or "Portal"} for row, name in rows]


def _words(row: FacilityHours) -> str:
    if row.opens is None or row.closes is None:
        return "As the organization"
    return hours_in_words(row.opens, row.closes, row.weekdays)
