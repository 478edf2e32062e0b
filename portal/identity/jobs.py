"""Tidying up: sessions nobody came back to, and forms kept for them."""

from portal.exchange.jobs import organization_ids
from portal.foundation.db import enter_organization, transaction
from portal.foundation.jobs import enqueue, job
from portal.identity import saved_forms, sessions


@job("default")
def tidy() -> None:
    """Wakes the tidying of every organization."""
    for organization_id in organization_ids():
        enqueue(tidy_organization, organization_id)


@job("default")
def tidy_organization(organization_id: int) -> None:
    """Ends timed-out sessions and deletes kept forms that are too old."""
    enter_organization(organization_id)
    with transaction():
        sessions.end_timed_out()
        saved_forms.delete_expired()
