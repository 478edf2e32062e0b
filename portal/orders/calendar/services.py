"""Making, renewing and revoking the secret address of a person's calendar, and reading by it."""

from datetime import timedelta

from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.crypto import token, token_hash
from portal.foundation.db import db
from portal.foundation.errors import Invalid, NotFound
from portal.identity.services import actor_of
from portal.orders.calendar import queries
from portal.orders.calendar.models import CalendarFeed
from portal.orders.searching import location_choices

SEEN_EVERY = timedelta(hours=1)


def renew(actor: Actor, location_id: int | None = None) -> str:
    """Makes the address of the person's feed anew; an older one stops working. Returns its secret part.

    Raises Invalid (location) for a place whose orders the person may not see.
    """
    if location_id is not None and str(location_id) not in location_choices(actor):
        raise Invalid("Choose a place of the list.", field="location")
    value = token()
    feed = queries.feed_of(actor.account_id, lock=True)
    before = {"made_at": feed.made_at} if feed else None
    if feed is None:
        feed = CalendarFeed(account_id=actor.account_id)
        db.session.add(feed)
    feed.token_hash, feed.location_id = token_hash(value), location_id
    feed.made_at, feed.read_at = clock.now(), None
    db.session.flush()
    audit.record(actor, "calendar.renew", feed, before=before, after={"location_id": location_id})
    return value


def revoke(actor: Actor) -> None:
    """From now on the address answers nothing."""
    feed = queries.feed_of(actor.account_id, lock=True)
    if feed is not None:
        audit.record(actor, "calendar.revoke", feed, before={"made_at": feed.made_at})
        db.session.delete(feed)


def opened(value: str) -> tuple[Actor, CalendarFeed]:
    """The person and the feed behind a secret address; raises NotFound for one that was revoked."""
    feed = queries.enter_by_hash(token_hash(value))
    if feed is None:
        raise NotFound("This calendar address does not work any more. Make a new one in the portal.")
    if feed.read_at is None or clock.now() - feed.read_at >= SEEN_EVERY:
        feed.read_at = clock.now()
    return actor_of(feed.account), feed
