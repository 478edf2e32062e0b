"""The scheduled job of differences: acts on rejections that stand, and keeps days of cover true."""

from portal.exchange.jobs import organization_ids
from portal.foundation.db import enter_organization, transaction
from portal.foundation.jobs import job
from portal.orders.differences import covering, rejections


@job("default", timeout=600)
def attend() -> None:
    """Looks after the open differences of every organization; each in a transaction of its own."""
    for organization_id in organization_ids():
        enter_organization(organization_id)
        attend_organization(organization_id)


def attend_organization(organization_id: int) -> None:
    """The same for the organization the session is in."""
    with transaction():
        waiting = rejections.standing()
    for item_id in waiting:
        with transaction():
            rejections.compensate(organization_id, item_id)
    with transaction():
        covering.refresh()
