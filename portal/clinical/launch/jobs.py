"""Reading in EHRs by the portal itself, and ending launches that nobody ended."""

from contextlib import suppress
from datetime import timedelta

from flask import current_app

from portal.clinical.ehr import poll as ehr_poll
from portal.clinical.ehr.systems import EhrTrouble, by_code
from portal.clinical.launch import services as launches
from portal.exchange.jobs import organization_ids
from portal.foundation.db import enter_organization, transaction
from portal.foundation.jobs import enqueue, job
from portal.settings import Settings


@job("default")
def tidy() -> None:
    """Wakes the tidying of every organization."""
    for organization_id in organization_ids():
        enqueue(tidy_organization, organization_id)


@job("exchange")
def poll() -> None:
    """Wakes the reading in every EHR that is asked for what changed."""
    for organization_id in organization_ids():
        enter_organization(organization_id)
        with transaction():
            codes = ehr_poll.polled()
        for code in codes:
            enqueue(poll_system, organization_id, code)


@job("exchange", timeout=300)
def poll_system(organization_id: int, code: str) -> None:
    """Reads what changed in one EHR; trouble there is logged and tried again at the next run."""
    enter_organization(organization_id)
    with suppress(EhrTrouble), transaction():
        ehr_poll.poll(by_code(code))


@job("default", timeout=300)
def tidy_organization(organization_id: int) -> None:
    """Ends the launches that are older than any session may become, or left by signing out."""
    settings: Settings = current_app.extensions["settings"]
    enter_organization(organization_id)
    with transaction():
        launches.end_left(timedelta(hours=settings.session_absolute_hours))
