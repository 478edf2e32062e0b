"""The filter of the stock page."""

from datetime import date

from wtforms import BooleanField, StringField

from portal.catalog.forms import PlaceForm
from portal.inventory.queries import Wanted
from portal.inventory.rules import SOON


class StockFilter(PlaceForm):
    """Which items of which location the page shows."""

    q = StringField("Item or number")
    low = BooleanField("Below par only")
    expiring = BooleanField("Expired or soon")

    def wanted(self, today: date) -> Wanted:
        """What was asked for."""
        return Wanted(
            words=self.q.data or "",
            low_only=self.low.data,
            expiring_by=today + SOON if self.expiring.data else None,
        )
