"""Jobs of master data: imports, reads from the ERP, and the sweep for those whose worker died."""

from portal.exchange.jobs import organization_ids
from portal.foundation.db import enter_organization, transaction
from portal.foundation.jobs import enqueue, job
from portal.masterdata import importing, syncing
from portal.masterdata.records import SOURCES
from portal.masterdata.rules import SyncState


@job("masterdata", timeout=3600)
def carry_on(organization_id: int, run_id: int) -> None:
    """Reads an uploaded file for its preview, or applies it."""
    enter_organization(organization_id)
    importing.carry_on(organization_id, run_id)


@job("masterdata", timeout=3600)
def sync_all(organization_id: int, forced: bool = False) -> None:
    """Reads every kind from the ERPs of an organization; one that fails is left until the next time."""
    enter_organization(organization_id)
    with transaction():
        partner_ids = syncing.erp_partner_ids()
    for partner_id in partner_ids:
        for kind in SOURCES:
            if syncing.sync(partner_id, kind, forced=forced) is SyncState.FAILED:
                break


@job("masterdata", timeout=3600)
def apply_sync(organization_id: int, run_id: int) -> None:
    """Applies a stopped read that a person confirmed."""
    enter_organization(organization_id)
    syncing.apply_confirmed(run_id)


@job("masterdata")
def sync_everywhere() -> None:
    """Asks for the reads of every organization."""
    for organization_id in organization_ids():
        enqueue(sync_all, organization_id)


@job("masterdata")
def sweep() -> None:
    """Wakes what waits for a job, in every organization; what is being worked on is let be."""
    for organization_id in organization_ids():
        enter_organization(organization_id)
        with transaction():
            imports, reads = importing.waiting(), syncing.waiting()
        for run_id in imports:
            enqueue(carry_on, organization_id, run_id)
        for run_id in reads:
            enqueue(apply_sync, organization_id, run_id)
