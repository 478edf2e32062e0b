"""The scheduled proof that the book of stock is right."""

from portal.exchange import services as exchange
from portal.exchange.jobs import organization_ids
from portal.exchange.rules import WorkItemKind
from portal.foundation.access import system
from portal.foundation.db import enter_organization, transaction
from portal.foundation.jobs import job
from portal.inventory.proof import discrepancies

KEY = "stock-differs"


@job("default", timeout=600)
def prove() -> None:
    """Opens a work item in each organization whose stock is not the sum of its movements."""
    for organization_id in organization_ids():
        enter_organization(organization_id)
        with transaction():
            _prove(organization_id)


def _prove(organization_id: int) -> None:
    wrong = discrepancies()
    if not wrong:
        exchange.resolve_by_system(
            system(organization_id, "proof of stock"), KEY, "Every shelf adds up again."
        )
        return
    first = wrong[0]
    exchange.open_item(
        WorkItemKind.STOCK_DIFFERS,
        key=KEY,
        sentence=f"{len(wrong)} shelves differ from the sum of their movements. "
        f"The first: item {first.item_id} at location {first.location_id}, lot {first.lot or 'none'}.",
        suggestion="Somebody wrote past the portal. Count these shelves, and look at who can write there.",
    )
