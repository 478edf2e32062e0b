"""The scheduled job that seals the audit trail."""

from datetime import timedelta

from sqlalchemy import func, select

from portal.exchange.jobs import organization_ids
from portal.foundation import audit, clock
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.jobs import job

# Longer than any transaction runs: what is older cannot get a late neighbor.
SETTLED_AFTER = timedelta(hours=1)
SEAL_LOCK = 7_020_519_844


@job("default", timeout=600)
def seal_audit() -> None:
    """Seals what is settled of every organization's trail."""
    for organization_id in organization_ids():
        enter_organization(organization_id)
        while _seal_some(organization_id):
            pass


def _seal_some(organization_id: int) -> int:
    with transaction():
        # Two seals over the same events would break the chain.
        db.session.execute(select(func.pg_advisory_xact_lock(SEAL_LOCK + organization_id)))
        return audit.seal(clock.now() - SETTLED_AFTER)
