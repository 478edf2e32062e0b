"""Forms of suggestions, par levels and the policy of a location."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from wtforms import BooleanField, SelectField, SelectMultipleField, StringField, widgets
from wtforms.validators import InputRequired, Length

from portal.catalog.forms import PlaceForm
from portal.foundation.forms import DayField, Form, QuantityField
from portal.inventory.rules import ParMethod
from portal.orders.forms import ConflictForm, row_number
from portal.replenishment.par_services import Levels

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
METHODS = {
    ParMethod.LEVEL.value: "By count: below the minimum, up to the maximum",
    ParMethod.KANBAN.value: "Two bins, by scanning the empty bin's card",
}


class AcceptForm(ConflictForm):
    """A quantity for each line of a suggestion; see `accept_form`."""

    def packs(self) -> dict[int, Decimal]:
        """Packs by line; an empty box means none."""
        return {
            int(name.removeprefix("line-")): field.data or Decimal()
            for name, field in self._fields.items()
            if isinstance(field, QuantityField)
        }


def accept_form(suggested: Mapping[int, Decimal], *, sent: bool = False) -> AcceptForm:
    """A form with a quantity field for each line, filled with what is suggested unless it was sent."""
    fields = {f"line-{line_id}": QuantityField("Packs", whole=True, zero=True) for line_id in suggested}
    kind: type[AcceptForm] = type("AcceptForm", (AcceptForm,), fields)
    if sent:
        return kind()
    return kind(formdata=None, data={f"line-{line_id}": packs for line_id, packs in suggested.items()})


class SnoozeForm(Form):
    """Until when nothing is suggested, and why."""

    until = DayField("Not before", validators=[InputRequired("Choose a day.")])
    reason = StringField(
        "Reason", validators=[InputRequired("Say why this is not needed now."), Length(max=300)]
    )


class ParFilter(PlaceForm):
    """Which par lines of which location the page shows."""

    q = StringField("Item or number")
    low = BooleanField("Below par only")


class LevelsForm(Form):
    """What is kept of an item."""

    method = SelectField("How it is watched", choices=METHODS)
    minimum = QuantityField(
        "Minimum",
        zero=True,
        validators=[InputRequired("Enter a number, 0 for none.")],
        description="Below it the item is suggested. The same as the maximum for a plain par.",
    )
    maximum = QuantityField(
        "Maximum",
        validators=[InputRequired("Enter how many to keep at most.")],
        description="It is filled up to this.",
    )
    critical = QuantityField("Critical", zero=True, description="At or below it no review day is waited for.")
    round_up_from = QuantityField(
        "Another pack from",
        description="So many units beyond whole packs are worth one more. Empty: stay within the maximum.",
    )
    may_round_to_zero = BooleanField("Less than that may mean no pack at all")

    def levels(self) -> Levels:
        """What was entered."""
        return Levels(
            method=ParMethod(self.method.data),
            minimum=self.minimum.data or Decimal(),
            maximum=self.maximum.data or Decimal(),
            critical=self.critical.data or Decimal(),
            round_up_from=self.round_up_from.data,
            may_round_to_zero=self.may_round_to_zero.data,
        )


class NewLevelsForm(LevelsForm):
    """An item that was not kept before."""

    code = StringField("Item number", validators=[InputRequired("Enter the item number."), Length(max=60)])


class PolicyForm(Form):
    """How a location is filled up."""

    review_days = SelectMultipleField(
        "Review days",
        choices={str(number): name for number, name in enumerate(DAYS)},
        option_widget=widgets.CheckboxInput(),
        widget=widgets.ListWidget(prefix_label=False),
        description="On other days only what is critical, or an empty bin, is suggested.",
    )
    auto_submit = BooleanField(
        "Submit suggestions without asking",
        description="With the same checks and approvals as every requisition.",
    )
    requester = SelectField("Submitted as", validate_choice=False)

    def offer_people(self, people: Sequence[tuple[int, str]]) -> None:
        """Fills in who may be the requester."""
        self.requester.choices = {"": "Nobody", **{str(number): name for number, name in people}}

    def days(self) -> list[int]:
        """The chosen weekdays, Monday is 0."""
        return [int(day) for day in self.review_days.data or ()]

    def requester_id(self) -> int | None:
        """The chosen account."""
        return row_number(self.requester.data)


class CardForm(Form):
    """The card of a bin."""

    code = StringField(
        "Scan the card of the empty bin",
        validators=[InputRequired("Scan or type the card, for example KB-1234."), Length(max=40)],
        render_kw={"autofocus": True, "autocomplete": "off", "autocapitalize": "characters"},
    )


def typed(form: Form) -> dict[str, Any]:
    """What was entered, by field."""
    return {name: field.data for name, field in form._fields.items()}
