"""The scheduled job that places what needs nobody; a repeat finds nothing left to do."""

from datetime import timedelta

from flask import current_app

from portal.exchange.jobs import organization_ids
from portal.foundation.db import enter_organization, transaction
from portal.foundation.jobs import job
from portal.orders.workbench import services
from portal.settings import Settings


def resting() -> int:
    """Minutes an approved line rests before it goes by itself."""
    settings: Settings = current_app.extensions["settings"]
    return settings.order_rest_minutes


@job("default", timeout=600)
def place_ready() -> None:
    """Places what has rested long enough, in every organization."""
    for organization_id in organization_ids():
        enter_organization(organization_id)
        with transaction():
            services.place_ready(organization_id, rested=timedelta(minutes=resting()))
