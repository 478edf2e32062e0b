"""The guided form of a request, and the forms of its answer."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, ValidationError

from portal.catalog.adding import NewItem
from portal.foundation.forms import Form, MoneyField, QuantityField
from portal.masterdata import cells
from portal.requisitions.forms import PacksField, row_id
from portal.requisitions.wishes.rules import LONGEST_TEXT, LONGEST_WORDS, REFUSALS
from portal.requisitions.wishes.services import Wanted

SHORT = Length(max=LONGEST_TEXT, message=f"Write at most {LONGEST_TEXT} characters.")
LONG = Length(max=LONGEST_WORDS, message=f"Write at most {LONGEST_WORDS} characters.")
MOST = Decimal(1_000_000)


def _as(reader: Callable[[str], str]) -> Callable[[Form, Any], None]:
    """A text as imports read it, too."""

    def read(form: Form, field: Any) -> None:
        try:
            field.data = reader(field.data.strip())
        except ValueError as error:
            raise ValidationError(str(error)) from None

    return read


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


class ItemForm(Form):
    """The item a buyer makes of it, with its first offer."""

    code = StringField(
        "Item number",
        [InputRequired("Enter the item number of the ERP."), _as(cells.code)],
        description="The one it has in the ERP: the order carries it there.",
    )
    name = StringField("Name in the catalog", [InputRequired("Enter a name."), SHORT])
    category = SelectField("Category", validate_choice=False)
    maker = StringField("Manufacturer", [SHORT])
    part_number = StringField("Manufacturer's part number", [SHORT])
    supplier = SelectField(
        "Supplier",
        validate_choice=False,
        validators=[InputRequired("Choose a supplier.")],
        description="One that is missing is set up in the ERP and read from there.",
    )
    supplier_part = StringField("Supplier's part number", [InputRequired("Enter the number."), SHORT])
    base_uom = StringField(
        "Smallest unit that is counted",
        [InputRequired("Enter a unit, for example EA."), _as(cells.uom)],
        description="For example EA.",
    )
    uom = StringField(
        "Pack to order",
        [InputRequired("Enter a unit, for example BX."), _as(cells.uom)],
        description="For example BX; the same unit where it is ordered one by one.",
    )
    factor = QuantityField("How many are in the pack", validators=[InputRequired("Say how many.")])
    list_price = MoneyField("Price of the pack", decimals=4, validators=[InputRequired("Enter the price.")])
    gl_account = SelectField(
        "GL account", validate_choice=False, validators=[InputRequired("Choose a GL account.")]
    )
    lot_tracked = BooleanField("Its lots are tracked")
    expiry_tracked = BooleanField("It expires")
    words = StringField("Words to the requester", [LONG])

    def offer(
        self, categories: Iterable[str], suppliers: Mapping[int, str], accounts: Mapping[int, str]
    ) -> None:
        """Fills in what can be chosen."""
        self.category.choices = {"": "None", **{one: one for one in categories}}
        self.supplier.choices = {
            "": "Choose a supplier",
            **{str(key): name for key, name in suppliers.items()},
        }
        self.gl_account.choices = {
            "": "Choose an account",
            **{str(key): name for key, name in accounts.items()},
        }

    def new_item(self) -> NewItem:
        """What was typed, once the form is valid."""
        return NewItem(
            code=self.code.data,
            name=self.name.data.strip(),
            category=self.category.data or "",
            manufacturer=(self.maker.data or "").strip(),
            manufacturer_part=(self.part_number.data or "").strip(),
            base_uom=self.base_uom.data,
            gl_account_id=row_id(self.gl_account.data, "GL account"),
            lot_tracked=self.lot_tracked.data,
            expiry_tracked=self.expiry_tracked.data,
            supplier_id=row_id(self.supplier.data, "supplier"),
            supplier_part=self.supplier_part.data.strip(),
            uom=self.uom.data,
            factor=self.factor.data or Decimal(1),
            list_price=self.list_price.data,
        )


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
