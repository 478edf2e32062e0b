"""The guided form of a request, and the forms of its answer."""

from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, ValidationError

from portal.foundation.forms import Form
from portal.requisitions.forms import PacksField
from portal.requisitions.wishes.rules import LONGEST_TEXT, LONGEST_WORDS, REFUSALS
from portal.requisitions.wishes.services import Wanted

SHORT = Length(max=LONGEST_TEXT, message=f"Write at most {LONGEST_TEXT} characters.")
LONG = Length(max=LONGEST_WORDS, message=f"Write at most {LONGEST_WORDS} characters.")
MOST = Decimal(1_000_000)


class WishForm(Form):
    """What somebody knows of the thing they need."""

    location = HiddenField(id="wish-location")
    what = StringField(
        "What do you need?",
        [InputRequired("Say what you need."), SHORT],
        description="As it is called, with size, material and color.",
    )
    quantity = PacksField("How many?", validators=[InputRequired("Say how many.")])
    why = TextAreaField(
        "What is it for?",
        [InputRequired("Say what it is for."), LONG],
        description="And why nothing in the catalog will do.",
        render_kw={"rows": 3},
    )
    maker = StringField("Manufacturer", [SHORT])
    part_number = StringField("Manufacturer's part number", [SHORT])
    supplier = StringField("Supplier", [SHORT], description="Where you have seen it.")
    price = StringField("Price of one", [SHORT], description="About, in dollars.")
    link = StringField("Link to a page about it", [SHORT])

    def validate_price(self, field: StringField) -> None:
        """An amount, if any."""
        if (field.data or "").strip():
            try:
                amount = Decimal(field.data.strip().lstrip("$").replace(",", ""))
            except InvalidOperation:
                raise ValidationError("Enter an amount, for example 12.50.") from None
            if not amount.is_finite() or not 0 <= amount <= MOST:
                raise ValidationError("Enter an amount from 0 to 1,000,000.")

    def validate_link(self, field: StringField) -> None:
        """A web address, if any."""
        if (field.data or "").strip() and urlsplit(field.data.strip()).scheme not in ("http", "https"):
            raise ValidationError("Paste the whole address of the page; it begins with https.")

    def wanted(self) -> Wanted:
        """What was typed, once the form is valid."""
        price = (self.price.data or "").strip().lstrip("$").replace(",", "")
        words = {
            name: (self[name].data or "").strip()
            for name in ("what", "why", "maker", "part_number", "supplier", "link")
        }
        return Wanted(
            quantity=self.quantity.data or Decimal(1), price=Decimal(price) if price else None, **words
        )


class AnswerForm(Form):
    """The item a buyer found or set up."""

    code = StringField(
        "Item number, supplier's number or barcode", [InputRequired("Type the number of the item.")]
    )
    is_alternative = BooleanField("It is another item that may do instead")
    words = StringField("Words to the requester", [LONG])


class RefusalForm(Form):
    """Why not."""

    reason = SelectField(
        "Reason",
        choices={"": "Choose a reason", **{reason: reason for reason in REFUSALS}},
        validate_choice=False,
        validators=[InputRequired("Choose a reason.")],
    )
    advice = StringField(
        "What the requester can do instead", [InputRequired("Say what to do instead."), LONG]
    )

    def sentence(self) -> str:
        """As it is kept."""
        reason = "" if self.reason.data == REFUSALS[-1] else f"{self.reason.data}. "
        return f"{reason}{self.advice.data.strip()}"


class AgainForm(Form):
    """What the buyer did not know."""

    again = StringField(
        "What the buyer should know", [InputRequired("Say what the buyer did not know."), LONG]
    )
