"""Requests the standing orders that are due."""

from datetime import timedelta

from portal.exchange.jobs import organization_ids
from portal.foundation import clock
from portal.foundation.db import enter_organization, transaction
from portal.foundation.jobs import enqueue, job
from portal.requisitions.lists import queries, services


@job("default", timeout=300)
def run_due(organization_id: int) -> None:
    """Requests what is due in an organization, each in a transaction of its own."""
    enter_organization(organization_id)
    with transaction():
        order_ids = queries.due(clock.today() + timedelta(days=1))  # it is tomorrow already somewhere
    for order_id in order_ids:
        with transaction():
            services.run(order_id)


@job("default")
def sweep() -> None:
    """Looks into every organization."""
    for organization_id in organization_ids():
        enqueue(run_due, organization_id)
