"""What is agreed in a blanket order."""

from decimal import Decimal

from wtforms import SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from portal.foundation.forms import DayField, Form, QuantityField
from portal.orders.blanket.rules import Terms

MOST = Decimal(10) ** 12


class AmountField(QuantityField):
    """An amount of money with at most two decimals; `data` is a Decimal or None."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Reads one amount; refuses what is none in a sentence."""
        self.data = None
        text = (valuelist[0] if valuelist else "").strip().replace(",", "")
        try:
            value = Decimal(text)
            usable = value.is_finite() and 0 < value < MOST and value == round(value, 2)
        except ArithmeticError:
            usable = False
        if not usable:
            raise ValidationError("Enter an amount, for example 25000 or 1250.50.")
        self.data = value


class BlanketForm(Form):
    """A supplier, an amount, and the days it is valid on."""

    name = StringField(
        "What it is for",
        validators=[DataRequired("Say what it is for."), Length(max=100, message="At most 100 characters.")],
    )
    supplier = SelectField("Supplier", coerce=int)
    amount = AmountField("Amount", validators=[InputRequired("Enter the amount that was agreed.")])
    valid_from = DayField("First day", validators=[InputRequired("Enter the first day.")])
    valid_to = DayField("Last day", validators=[InputRequired("Enter the last day.")])

    def offer(self, suppliers: dict[int, str]) -> None:
        """The suppliers that can be chosen."""
        self.supplier.choices = suppliers

    def terms(self) -> Terms:
        """What was agreed."""
        return Terms(
            self.name.data or "",
            self.supplier.data,
            self.amount.data or Decimal(),
            self.valid_from.data,
            self.valid_to.data,
        )
