"""Forms that decide about a use."""

from collections.abc import Sequence
from decimal import Decimal

from wtforms import SelectField, StringField
from wtforms.validators import DataRequired, Length

from portal.clinical.access.forms import tidy
from portal.foundation.errors import Invalid
from portal.foundation.forms import Form, QuantityField
from portal.masterdata.scanning import resolve


class ChooseForm(Form):
    """What an unknown use was."""

    item = StringField(
        "Item", description="Scan it, or type the item or part number.", filters=[tidy],
        validators=[DataRequired(), Length(max=400)],
    )  # fmt: skip
    location = SelectField("Used at", coerce=int, validators=[DataRequired()])
    quantity = QuantityField("Pieces", validators=[DataRequired()])

    def offer(self, places: Sequence[tuple[int, str]]) -> None:
        """The places to choose from."""
        self.location.choices = {one[0]: one[1] for one in places}

    @property
    def pieces(self) -> Decimal:
        """How many, zero for none."""
        return self.quantity.data or Decimal()

    def item_id(self) -> int:
        """The item that is meant; raises Invalid for none or several."""
        pack = resolve(self.item.data).pack
        if pack is None:
            raise Invalid("Nobody knows this number. Look the item up in the catalog.", field="item")
        return pack.item.id


class ReasonForm(Form):
    """Why something is undone, discarded or opened again."""

    reason = StringField("Why", filters=[tidy], validators=[DataRequired(), Length(max=300)])
