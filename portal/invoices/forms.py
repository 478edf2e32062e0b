"""What an AP analyst types of an invoice."""

from decimal import Decimal, InvalidOperation

from wtforms import DateField, DecimalField, FieldList, FormField, IntegerField, SelectField, StringField
from wtforms import Form as Part
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError
from wtforms.widgets import HiddenInput

from portal.foundation import clock
from portal.foundation.forms import Form, QuantityField
from portal.invoices.services import Charged
from portal.orders.models import PurchaseOrder

HIGHEST_PRICE = Decimal("9999999.9999")


class ChargedPart(Part):  # type: ignore[misc]  # WTForms ships no types
    """What is charged of one order line."""

    line_id = IntegerField(widget=HiddenInput())
    quantity = QuantityField("Quantity", zero=True, validators=[Optional()])
    unit_price = DecimalField(
        "Price per unit",
        places=None,
        validators=[Optional(), NumberRange(Decimal(0), HIGHEST_PRICE, "Enter a price from 0 to 9,999,999.")],
    )

    def validate_unit_price(self, field: DecimalField) -> None:
        """A quantity needs a price of at most four decimals."""
        if self.quantity.data and field.data is None:
            raise ValidationError("Enter the price on the invoice.")
        try:
            exact = field.data is None or field.data == round(field.data, 4)
        except InvalidOperation:
            exact = False
        if not exact:
            raise ValidationError("Enter at most four decimals.")


class InvoiceForm(Form):
    """An invoice for one order."""

    number = StringField(
        "Invoice number",
        validators=[
            InputRequired("Enter the invoice number."),
            Length(max=40, message="At most 40 characters."),
        ],
    )
    invoiced_on = DateField("Invoice date", validators=[InputRequired("Enter the date on the invoice.")])
    charged = FieldList(FormField(ChargedPart))

    def validate_invoiced_on(self, field: DateField) -> None:
        """An invoice is not from the future."""
        if field.data and field.data > clock.today("Pacific/Kiritimati"):
            raise ValidationError("The date is in the future.")

    def lay_out(self, order: PurchaseOrder) -> None:
        """What was received and not invoiced, at the ordered price."""
        for line in order.lines:
            self.charged.append_entry(
                {
                    "line_id": line.id,
                    "quantity": max(line.received - line.invoiced, Decimal()) or None,
                    "unit_price": line.unit_price,
                }
            )

    def lines(self) -> list[Charged]:
        """What is charged, empty rows left out."""
        return [
            Charged(part.line_id.data, part.quantity.data, part.unit_price.data)
            for part in self.charged
            if part.quantity.data
        ]


class InvoiceFilter(Form):
    """What the list of invoices shows."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    q = StringField("Invoice or order number")
    show = SelectField(
        "Show",
        choices={
            "waiting": "Orders without invoice",
            "differs": "Invoices that differ",
            "all": "All invoices",
        },
        default="waiting",
        validate_choice=False,
    )
