"""How far above approval an order may go without asking again, by the rulebook."""

from decimal import Decimal

from portal.masterdata.models import Location
from portal.orders.proposals.rules import Tolerance
from portal.requisitions.rulebook.queries import rulebook_on
from portal.requisitions.rulebook.rules import Rulebook, Severity
from portal.requisitions.services import today_at

SHARE, AMOUNT = "over_approval_share", "over_approval_amount"


def book_at(location: Location) -> Rulebook:
    """The rules of today at a place, in one query."""
    return rulebook_on(today_at(location), location.facility_id)


def tolerance(book: Rulebook, category: str) -> Tolerance:
    """What counts for the items of a category."""
    return Tolerance(_bound(book, SHARE, category), _bound(book, AMOUNT, category))


def _bound(book: Rulebook, rule: str, category: str) -> Decimal | None:
    setting = book.setting(rule, category)
    return setting.threshold if setting.severity is Severity.BLOCK else None
