"""Keeps suggestions true: soon after stock moved, and in any case by a sweep."""

from contextlib import suppress

from flask import current_app
from redis.exceptions import RedisError

from portal.exchange.jobs import organization_ids
from portal.foundation.db import enter_organization, transaction
from portal.foundation.jobs import enqueue, job
from portal.replenishment import queries, services


@job("default", timeout=120)
def refresh(organization_id: int, location_id: int) -> None:
    """Looks at one location; what moves from here on asks again."""
    with suppress(RedisError):  # the mark ends by itself
        current_app.extensions["redis"].delete(services.asked_key(organization_id, location_id))
    enter_organization(organization_id)
    with transaction():
        services.refresh(location_id)


@job("default", timeout=600)
def refresh_all(organization_id: int) -> None:
    """Looks at every location of an organization."""
    enter_organization(organization_id)
    with transaction():
        location_ids = queries.locations_with_levels()
    for location_id in location_ids:
        with transaction():
            services.refresh(location_id)


@job("default")
def sweep() -> None:
    """Finds what no wake-up told: promised dates, cases, review days, a lost queue."""
    for organization_id in organization_ids():
        enqueue(refresh_all, organization_id)
