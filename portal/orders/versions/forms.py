"""The page for changing an order: one row a line, the place, the reason."""

from werkzeug.datastructures import MultiDict
from wtforms import FieldList, FormField, HiddenField, SelectField, StringField
from wtforms import Form as Part
from wtforms.validators import DataRequired, InputRequired, Length
from wtforms.widgets import HiddenInput

from portal.foundation.forms import DayField, MoneyField, QuantityField
from portal.orders.forms import ConflictForm, row_number
from portal.orders.versions.presenters import ChangeableLine
from portal.orders.versions.rules import Wish

MOST_LINES = 600
PRICE_DECIMALS = 4
TYPED = ("line_id", "quantity", "needed_on", "unit_price")


class LinePart(Part):  # type: ignore[misc]  # WTForms ships no types
    """What is wanted of one line from now on."""

    line_id = StringField(widget=HiddenInput())
    quantity = QuantityField("Quantity", validators=[InputRequired("Enter how many you want.")])
    needed_on = DayField("Needed by", validators=[InputRequired("Enter the day it is needed.")])
    unit_price = MoneyField("Price", decimals=PRICE_DECIMALS, validators=[InputRequired("Enter the price.")])


class ChangeForm(ConflictForm):
    """All lines of an order that want something; `seen` is the version the person looked at."""

    seen = HiddenField()
    lines = FieldList(FormField(LinePart), max_entries=MOST_LINES)
    location = SelectField("Ship to", coerce=int)
    reason = StringField(
        "Reason",
        description="The requester, the supplier's clerk you call and the auditor read it.",
        validators=[
            DataRequired("Say why the order is changed."),
            Length(max=200, message="At most 200 characters."),
        ],
    )

    def offer(self, places: dict[int, str]) -> None:
        """The places that can be chosen."""
        self.location.choices = places

    def version_seen(self) -> int:
        """The version the person looked at; 0 for what is no number."""
        return row_number(self.seen.data) or 0

    def wishes(self) -> list[Wish]:
        """Each line as wished."""
        return [
            Wish(
                row_number(row.line_id.data) or 0,
                row.quantity.data,
                row.needed_on.data,
                row.unit_price.data,
            )
            for row in self.lines
        ]


def filled(lines: list[ChangeableLine], *, version: int, location_id: int) -> ChangeForm:
    """The form with what is ordered now."""
    typed = {
        f"lines-{at}-{name}": str(value)
        for at, line in enumerate(lines)
        for name, value in zip(TYPED, (line.id, line.quantity, line.needed_on, line.unit_price), strict=True)
    }
    return ChangeForm(MultiDict({"seen": str(version), "location": str(location_id), **typed}))
