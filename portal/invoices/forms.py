"""What an AP analyst types of an invoice."""

from decimal import Decimal

from wtforms import FieldList, FormField, HiddenField, StringField
from wtforms import Form as Part
from wtforms.validators import InputRequired, Length, ValidationError
from wtforms.widgets import HiddenInput

from portal.foundation import clock
from portal.foundation.forms import DayField, Form, MoneyField, QuantityField
from portal.invoices.services import Charged
from portal.orders.forms import ConflictForm, row_number
from portal.orders.models import PurchaseOrder

HIGHEST_PRICE = Decimal("9999999.9999")
MOST_LINES = 400
SHOWN = ("waiting", "differs", "all")
SORTS = ("number", "supplier", "date", "amount")


class ChargedPart(Part):  # type: ignore[misc]  # WTForms ships no types
    """What is charged of one order line."""

    line_id = StringField(widget=HiddenInput())
    quantity = QuantityField("Quantity", zero=True)
    unit_price = MoneyField("Price per unit", decimals=4, highest=HIGHEST_PRICE)

    def validate_unit_price(self, field: MoneyField) -> None:
        """A quantity needs a price."""
        if self.quantity.data and field.data is None:
            raise ValidationError("Enter the price on the invoice.")


class InvoiceForm(ConflictForm):
    """An invoice for one order."""

    number = StringField(
        "Invoice number",
        validators=[
            InputRequired("Enter the invoice number."),
            Length(max=40, message="An invoice number has at most 40 characters."),
        ],
    )
    invoiced_on = DayField("Invoice date", validators=[InputRequired("Enter the date on the invoice.")])
    charged = FieldList(FormField(ChargedPart), max_entries=MOST_LINES)

    def validate_invoiced_on(self, field: DayField) -> None:
        """An invoice is not from the future."""
        if field.data and field.data > clock.today("Pacific/Kiritimati"):
            raise ValidationError("This date is in the future. Enter the date on the invoice.")

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

    def line_ids(self) -> list[int]:
        """The order line of each row; 0 for a row that names none."""
        return [row_number(part.line_id.data) or 0 for part in self.charged]

    def lines(self) -> list[Charged]:
        """What is charged, empty rows left out."""
        return [
            Charged(line_id, part.quantity.data, part.unit_price.data)
            for line_id, part in zip(self.line_ids(), self.charged, strict=True)
            if part.quantity.data
        ]


class InvoiceFilter(Form):
    """What the list of invoices shows: orders that wait for one, invoices that differ, or all."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    q = StringField("Invoice, order or ERP number")
    show = HiddenField(default="waiting")
    sort = HiddenField(default="")

    def shown(self) -> str:
        """Which of the three lists."""
        return self.show.data if self.show.data in SHOWN else "waiting"
