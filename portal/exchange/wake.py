"""Wakes a worker after the commit; losing a wake-up loses nothing, the sweep finds due messages."""

from portal.foundation.db import after_commit
from portal.foundation.jobs import enqueue_named

DELIVER = "portal.exchange.jobs.deliver"
APPLY = "portal.exchange.jobs.apply"


def deliver(organization_id: int, partner_id: int) -> None:
    """Asks for the deliveries of one partner."""
    after_commit(lambda: enqueue_named(DELIVER, organization_id, partner_id))


def apply(organization_id: int) -> None:
    """Asks for the application of inbound messages."""
    after_commit(lambda: enqueue_named(APPLY, organization_id))
