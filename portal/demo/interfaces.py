"""The HL7 v2 interface of each demo organization: its operating rooms tell what they used."""

from sqlalchemy import select

from portal.clinical.feeds import settings as feed_settings
from portal.clinical.feeds.settings import FeedValues
from portal.clinical.models import Feed
from portal.demo.accounts import email_of
from portal.foundation.access import system
from portal.foundation.db import db
from portal.identity.queries import organization
from portal.masterdata.models import Location

CODE = "or"
# What the messages carry in MSH-3; MSH-4 is the organization's short name.
APPLICATION = "ORLOG"
PLACES = ("OR01", "FM01")


def add_interface(slug: str) -> None:
    """Sets it up where it is missing; a second call changes nothing."""
    if db.session.scalar(select(Feed.id).where(Feed.code == CODE)) is not None:
        return
    place = select(Location.facility_id).where(Location.code.in_(PLACES)).order_by(Location.id).limit(1)
    values = FeedValues(
        name="Operating room log",
        sending_application=APPLICATION,
        sending_facility=slug.upper(),
        facility_id=db.session.scalar(place),
        addresses=("127.0.0.1",),
        mapping={"location_code": "ZPA-3", "status": "ZPA-4"},
        statuses={"I": "implanted", "W": "wasted", "U": "used"},
        orders="request",
        requester=email_of("clinic-manager", slug),
    )
    feed_settings.add(system(organization().id, "demo"), CODE, values)
