"""Scheduled work after uses: orders the bills of what was never the hospital's."""

from portal.clinical.usage import bill_only
from portal.exchange.jobs import organization_ids
from portal.foundation.db import enter_organization, transaction
from portal.foundation.jobs import job


@job("exchange", timeout=300)
def order_bills() -> None:
    """Orders what can no longer be undone by a click, in every organization."""
    for organization_id in organization_ids():
        enter_organization(organization_id)
        with transaction():
            bill_only.order_due(organization_id)
