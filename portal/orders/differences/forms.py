"""Forms for deciding about differences."""

from decimal import Decimal
from typing import TypeVar

from wtforms import HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from portal.foundation.forms import DayField, QuantityField
from portal.orders.differences.presenters import Panel
from portal.orders.differences.rules import Choice, Pack
from portal.orders.forms import ConflictForm, row_number

LONGEST = 500


LENGTH = Length(max=LONGEST, message=f"At most {LONGEST} characters.")


class DecideForm(ConflictForm):
    """What to do about one difference, with the words that go along."""

    act = RadioField("What to do", validators=[DataRequired("Choose what to do.")])
    offer = SelectField("Other supplier", validate_choice=False)
    words = TextAreaField(
        "Reason, or message to the supplier",
        description="A dispute and a cancellation need it. The supplier reads it only with a dispute.",
        validators=[LENGTH],
    )

    units = QuantityField("Number of the supplier's unit", default=1, validators=[Optional()])
    order_units = QuantityField("Ordered units in them", validators=[Optional()])

    def suggest(self, panel: Panel) -> None:
        """What can be chosen now; what is suggested stands first."""
        self.act.choices = panel.acts
        if panel.unit:
            self.units.label.text = f"Number of {panel.unit}"
            self.order_units.label.text = f"{panel.order_unit} in them"
        self.offer.choices = panel.offers
        if not self.is_submitted():
            self.act.data = next(iter(panel.acts), None)

    def offer_id(self) -> int | None:
        """The number of the chosen offer."""
        return row_number(self.offer.data)

    def pack(self) -> Pack | None:
        """What the supplier's unit holds, if that was said."""
        if self.order_units.data is None:
            return None
        return Pack(self.units.data or Decimal(1), self.order_units.data)


class GroupForm(ConflictForm):
    """What to do about all lines with the same difference."""

    key = HiddenField()
    contract_from = DayField("New contract price from", validators=[Optional()])
    words = StringField("Message to the supplier", validators=[LENGTH])


FormOfRow = TypeVar("FormOfRow", bound=ConflictForm)


def in_rows(
    forms: type[FormOfRow], refused: FormOfRow | None, mark: str | None, marks: list[str]
) -> list[FormOfRow]:
    """A form for each row, told apart by its mark; the refused one stands in its own row as it was typed."""
    rows = [refused if refused is not None and one == mark else forms(formdata=None) for one in marks]
    for number, form in enumerate(rows):
        for field in form:
            field.id = f"{field.id}-{number}"
    return rows


class ChooseForm(ConflictForm):
    """What a requester wants while the supplier cannot deliver."""

    line = HiddenField()
    requested = HiddenField()
    choice = SelectField("Choice", choices={one.value: one.value for one in Choice})
