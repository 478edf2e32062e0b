"""Jobs of master data: carry on with an import, find imports whose worker died."""

from portal.exchange.jobs import organization_ids
from portal.foundation.db import enter_organization, transaction
from portal.foundation.jobs import enqueue, job
from portal.masterdata import importing


@job("masterdata", timeout=3600)
def carry_on(organization_id: int, run_id: int) -> None:
    """Reads an uploaded file for its preview, or applies it."""
    enter_organization(organization_id)
    importing.carry_on(organization_id, run_id)


@job("masterdata")
def sweep() -> None:
    """Wakes the jobs of imports that wait, in every organization; one that is being worked on is let be."""
    for organization_id in organization_ids():
        enter_organization(organization_id)
        with transaction():
            waiting = importing.waiting()
        for run_id in waiting:
            enqueue(carry_on, organization_id, run_id)
