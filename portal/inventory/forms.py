"""Forms of the stock page, of a lot in hand and of counts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

from wtforms import BooleanField, HiddenField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from portal.catalog.forms import PlaceForm
from portal.foundation.errors import Invalid
from portal.foundation.forms import Form, QuantityField
from portal.inventory.count_queries import Which
from portal.inventory.handling import Handled
from portal.inventory.queries import Wanted
from portal.inventory.rules import SOON
from portal.masterdata.models import Location


class StockFilter(PlaceForm):
    """Which items of which location the page shows."""

    sort = HiddenField()
    q = StringField("Item, number or scan")
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


class ExpiryFilter(PlaceForm):
    """Which lots the list of expiry shows."""

    location = SelectField("Location", validate_choice=False)
    days = SelectField(
        "Expires within",
        choices={"0": "Expired", "30": "30 days", "60": "60 days", "180": "180 days"},
        default="60",
    )

    def within(self) -> int:
        """Days from today; 0 shows what has expired."""
        return int(self.days.data) if self.days.data in self.days.choices else 60

    def offer_all(self, choices: Sequence[Location]) -> None:
        """Fills in the locations, and all of them."""
        names = {str(place.id): f"{place.facility.name}: {place.name}" for place in choices}
        self.location.choices = {"": "All locations", **names}

    def location_id(self) -> int | None:
        """The chosen location; None for all."""
        return (
            int(self.location.data)
            if self.location.data in self.location.choices and self.location.data
            else None
        )


class HandleForm(Form):
    """What is done with a lot; `form_key` makes a second post harmless."""

    form_key = HiddenField(
        default=lambda: uuid4().hex,
        validators=[Length(min=8, max=64, message="This form is damaged. Open the lot again.")],
    )
    quantity = QuantityField("Quantity", validators=[InputRequired("Enter how many.")])
    to = SelectField("To", validate_choice=False)
    reason = StringField("Reason", [Length(max=300, message="Write at most 300 characters.")])

    def handled(self, stock_id: int) -> Handled:
        """What was entered."""
        return Handled(stock_id, self.quantity.data or Decimal(), self.form_key.data, self.reason.data or "")

    def offer_places(self, places: Iterable[Location], here: int) -> None:
        """Fills in where it can be taken."""
        choices = {
            str(place.id): f"{place.facility.name}: {place.name}" for place in places if place.id != here
        }
        self.to.choices = {"": "Choose a location", **choices}

    def to_location_id(self) -> int:
        """The chosen location; raises Invalid for what is none."""
        text = self.to.data or ""
        if not text or text not in self.to.choices:
            raise Invalid("Choose a location of the list.", field="to")
        return int(text)


class AdjustForm(HandleForm):
    """What the book should say from now on."""

    quantity = QuantityField("On hand is", zero=True, validators=[InputRequired("Enter how many there are.")])


class StartForm(Form):
    """Which items are counted."""

    which = SelectField(
        "What to count",
        choices={
            Which.LONGEST_AGO.value: "25 items that were counted longest ago",
            Which.BELOW_ZERO.value: "Items whose book is below zero",
            Which.ALL.value: "Everything at this location",
        },
    )


class CountForm(Form):
    """A quantity for each line of a count, and what was scanned; see `count_form`."""

    scan = StringField(
        "Scan or type an item",
        [Length(max=200, message="This is too long for a barcode.")],
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )

    def counted(self) -> dict[int, Decimal]:
        """What was counted, by line; empty boxes left out."""
        return {
            int(name.removeprefix("line-")): field.data
            for name, field in self._fields.items()
            if isinstance(field, QuantityField) and field.data is not None
        }


def count_form(counted: Mapping[int, Decimal | None], *, sent: bool = False) -> CountForm:
    """A form with a box for each line, filled with what was counted before unless it was sent."""
    fields = {f"line-{line_id}": QuantityField("Counted", zero=True) for line_id in counted}
    kind: type[CountForm] = type("CountForm", (CountForm,), fields)
    if sent:
        return kind()
    return kind(formdata=None, data={f"line-{line_id}": quantity for line_id, quantity in counted.items()})
