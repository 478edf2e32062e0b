"""What is typed into preference cards and favorites."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from wtforms import StringField
from wtforms.validators import DataRequired, Length

from portal.clinical.cards.queries import Line
from portal.clinical.cards.services import Kept, NewCard, Said
from portal.clinical.care.forms import tidy
from portal.clinical.care.rules import LONGEST_SCAN
from portal.clinical.models import PreferenceLine
from portal.foundation.forms import Form, QuantityField, parse_quantity
from portal.foundation.quantity import plain
from portal.orders.forms import row_number


class NewCardForm(Form):
    """What a new card is for."""

    procedure_code = StringField(
        "Procedure code",
        filters=[tidy],
        description="As the schedule of the EHR names it, for example 27447.",
        validators=[DataRequired("Enter the code of the procedure."), Length(max=60)],
    )
    procedure_name = StringField(
        "Name",
        filters=[tidy],
        description="Empty: as the schedule names it.",
        validators=[Length(max=120, message="At most 120 characters.")],
    )
    practitioner = StringField(
        "Only as this practitioner likes it",
        filters=[tidy],
        description="As the schedule names the person. Empty: for everybody.",
        validators=[Length(max=120, message="At most 120 characters.")],
    )

    def new_card(self) -> NewCard:
        """What was entered."""
        return NewCard(self.procedure_code.data, self.procedure_name.data, self.practitioner.data)


class ListForm(Form):
    """A scan field, and how many to open and to hold of each line; see `list_form`."""

    scan = StringField(
        "Add: scan, or type a name or number",
        filters=[tidy],
        validators=[
            Length(max=LONGEST_SCAN, message="This is too long for a barcode. Scan it once, on its own.")
        ],
    )

    def said(self, do: str, sent: Any) -> Said:
        """All of it, with the button that was pressed; `sent` also holds what restores a line."""
        ids = [name.removeprefix("open-") for name in self._fields if name.startswith("open-")]
        quantities = {int(one): self._kept(one) for one in ids if self._fields[f"open-{one}"].raw_data}
        kept = Kept(_number(sent.get("open")), _number(sent.get("hold")))
        return Said(do, self.scan.data or "", quantities, kept, row_number(sent.get("at")))

    def _kept(self, one: str) -> Kept:
        fields = self._fields
        return Kept(fields[f"open-{one}"].data or Decimal(), fields[f"hold-{one}"].data or Decimal())


def _number(text: Any) -> Decimal:
    try:
        return parse_quantity(str(text or "0"), zero=True)
    except ValueError:
        return Decimal()


def list_form(rows: Sequence[Line], *, sent: bool = False) -> ListForm:
    """A form with two quantities for each line of a card, as they are unless it was sent."""
    data: dict[str, Any] = {}
    for row in rows:
        if isinstance(row, PreferenceLine):
            data |= {f"open-{row.id}": row.to_open, f"hold-{row.id}": row.to_hold}
    fields = {name: QuantityField("How many?", zero=True) for name in data}
    kind: type[ListForm] = type("ListForm", (ListForm,), fields)
    return kind() if sent else kind(formdata=None, data=data)


def cell(form: ListForm, name: str) -> dict[str, str | None]:
    """A quantity as the page shows it: what was typed, and what is wrong with it."""
    field = form[name]
    typed = field.typed if field.raw_data else plain(field.data or Decimal())
    return {"name": name, "value": typed, "error": field.errors[0] if field.errors else None}
