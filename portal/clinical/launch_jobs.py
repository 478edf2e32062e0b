"""Launches that nobody ended: their tokens are given back, and those never opened are dropped."""

from datetime import timedelta

from flask import current_app

from portal.clinical import launches
from portal.exchange.jobs import organization_ids
from portal.foundation.db import enter_organization, transaction
from portal.foundation.jobs import enqueue, job
from portal.settings import Settings


@job("default")
def tidy() -> None:
    """Wakes the tidying of every organization."""
    for organization_id in organization_ids():
        enqueue(tidy_organization, organization_id)


@job("default", timeout=300)
def tidy_organization(organization_id: int) -> None:
    """Ends the launches that are older than any session may become, or left by signing out."""
    settings: Settings = current_app.extensions["settings"]
    enter_organization(organization_id)
    with transaction():
        launches.end_left(timedelta(hours=settings.session_absolute_hours))
