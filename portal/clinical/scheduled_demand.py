"""What the scheduled cases of a place will take from its shelf, by their preference cards."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select, true

from portal.clinical.models import Case, PreferenceCard, PreferenceLine
from portal.clinical.rules import CaseState
from portal.foundation import clock
from portal.foundation.db import db
from portal.masterdata.models import Facility, Location
from portal.replenishment.rules import Demand


def of_location(location_id: int, until: date) -> list[Demand]:
    """What the cards of cases that have not begun say will be opened, up to a day at the place."""
    zone = db.session.scalar(
        select(Facility.time_zone)
        .join(Location, Location.facility_id == Facility.id)
        .where(Location.id == location_id)
    )
    if zone is None:
        return []
    end = datetime.combine(until + timedelta(days=1), time(), ZoneInfo(zone))
    # As care_queries.card_of: the practitioner's card before everybody's, the place's before all.
    card = (
        select(PreferenceCard.id)
        .where(
            PreferenceCard.procedure_code == Case.procedure_code,
            PreferenceCard.practitioner.in_(["", Case.practitioner]),
            or_(PreferenceCard.location_id == Case.location_id, PreferenceCard.location_id.is_(None)),
        )
        .order_by(PreferenceCard.practitioner == "", PreferenceCard.location_id.nulls_last())
        .limit(1)
        .correlate(Case)
        .lateral()
    )
    rows = db.session.execute(
        select(PreferenceLine.item_id, Case.scheduled_at, PreferenceLine.to_open)
        .select_from(Case)
        .join(card, true())
        .join(PreferenceLine, PreferenceLine.card_id == card.c.id)
        .where(
            Case.location_id == location_id,
            Case.state == CaseState.SCHEDULED,
            Case.procedure_code != "",
            Case.scheduled_at >= clock.now(),
            Case.scheduled_at < end,
            PreferenceLine.to_open > 0,
        )
        .order_by(Case.scheduled_at, PreferenceLine.id)
    )
    return [
        Demand(item_id, at.astimezone(ZoneInfo(zone)).date(), quantity)
        for item_id, at, quantity in rows
        if at is not None
    ]
