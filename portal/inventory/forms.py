"""The filter of the stock page."""

from datetime import date
from typing import Any

from wtforms import BooleanField, HiddenField, StringField

from portal.catalog.forms import PlaceForm
from portal.inventory.queries import Wanted
from portal.inventory.rules import SOON


class StockFilter(PlaceForm):
    """Which items of which location the page shows."""

    sort = HiddenField()
    q = StringField("Item or number")
    low = BooleanField("Below par only")
    expiring = BooleanField("Expired or soon")

    def wanted(self, today: date) -> Wanted:
        """What was asked for."""
        return Wanted(
            words=self.q.data or "",
            sort=self.sort.data or "",
            low_only=self.low.data,
            expiring_by=today + SOON if self.expiring.data else None,
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the location was chosen."""
        return bool(self.q.data or self.low.data or self.expiring.data)

    def arguments(self) -> dict[str, Any]:
        """The filter as an address carries it."""
        chosen = {"location": self.location.data, "q": self.q.data, "sort": self.sort.data}
        boxes = {name: "y" for name in ("low", "expiring") if self[name].data}
        return {name: value for name, value in chosen.items() if value} | boxes
