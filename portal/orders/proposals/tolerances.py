"""How far above approval an order may go without asking again, by the rulebook."""

from portal.masterdata.models import Location
from portal.orders.proposals.rules import Tolerance
from portal.requisitions.rulebook.queries import rulebook_on
from portal.requisitions.rulebook.rules import Rulebook
from portal.requisitions.services import today_at

SHARE, AMOUNT = "over_approval_share", "over_approval_amount"


def book_at(location: Location) -> Rulebook:
    """The rules of today at a place, in one query."""
    return rulebook_on(today_at(location), location.facility_id)


def tolerance(book: Rulebook, category: str) -> Tolerance:
    """What counts for the items of a category."""
    return Tolerance(book.setting(SHARE, category).bound, book.setting(AMOUNT, category).bound)
