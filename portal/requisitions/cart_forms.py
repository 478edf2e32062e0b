"""The form of the cart, a row of boxes for each line; and the small forms around it."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from portal.foundation.forms import Form, QuantityField
from portal.requisitions.carts import LONGEST_NAME
from portal.requisitions.editing import Edited, LineEdit
from portal.requisitions.forms import ROW_ID, DayField
from portal.requisitions.models import RequisitionLine
from portal.requisitions.quick import Refused
from portal.requisitions.rules import LONGEST_NOTE, LONGEST_REASON

SHORT = Length(max=LONGEST_REASON, message=f"Write at most {LONGEST_REASON} characters.")
KINDS = ("line", "offer", "need", "center", "account", "reason")
"""The boxes of a line: each is named after its kind and the id of the line."""


class CartForm(Form):
    """The cart as it is edited: of the whole here, of each line as made by `cart_form`."""

    version = HiddenField()
    total = HiddenField()
    need_by = DayField("Need by", description="Leave it empty to get it as soon as possible.")
    is_rush = BooleanField("Rush: it cannot wait for the usual delivery")
    rush_reason = StringField("Why it is a rush", [SHORT], description="Needed for a rush.")
    override_reason = StringField(
        "Why it must go beyond the budget",
        [SHORT],
        description="Somebody who may override budgets decides.",
    )
    note = TextAreaField(
        "Note to the approver and buyer",
        [Length(max=LONGEST_NOTE, message=f"Write at most {LONGEST_NOTE} characters.")],
        render_kw={"rows": 2, "maxlength": LONGEST_NOTE},
    )

    def edited(
        self, lines: Sequence[RequisitionLine], suggested: Mapping[int, Decimal] | None = None
    ) -> Edited:
        """What was sent; a box that was not sent, or is an empty quantity, leaves its line as it is.

        `suggested` packs (by line id) go into empty quantities only.
        """
        return Edited(
            need_by=self.need_by.data,
            note=self.note.data or "",
            is_rush=self.is_rush.data,
            rush_reason=self.rush_reason.data or "",
            override_reason=self.override_reason.data or "",
            lines={line.id: self._line(line, (suggested or {}).get(line.id)) for line in lines},
        )

    def _line(self, line: RequisitionLine, suggested: Decimal | None) -> LineEdit:
        def sent(kind: str, present: Any) -> Any:
            field = self.box(kind, line.id)
            return field.data if field is not None and field.raw_data else present

        quantity: Decimal | None = sent("line", line.quantity)
        offer = str(sent("offer", line.offer_id))
        return LineEdit(
            quantity=(suggested or line.quantity) if quantity is None else quantity,
            offer_id=int(offer) if ROW_ID.fullmatch(offer) else 0,
            need_by=sent("need", line.need_by),
            cost_center=sent("center", line.cost_center.code if line.cost_center else "") or "",
            gl_account=sent("account", line.gl_account.code if line.gl_account else "") or "",
            reason=sent("reason", line.quantity_reason) or "",
        )

    def box(self, kind: str, line_id: int) -> Any:
        """A field of a line; None for a line that the page sent did not have."""
        return self._fields.get(f"{kind}-{line_id}")

    def typed(self, kind: str, line_id: int, present: str) -> str:
        """What stands in a box: as it was typed, else as it is kept."""
        field = self.box(kind, line_id)
        return str(field.raw_data[0]) if field is not None and field.raw_data else present

    def errors_of(self, line_id: int) -> dict[str, str]:
        """What is wrong with each kind of box of a line; empty where nothing is."""
        fields = {kind: self.box(kind, line_id) for kind in KINDS}
        return {kind: str(one.errors[0]) if one and one.errors else "" for kind, one in fields.items()}

    def seen_version(self) -> int:
        """The version of the cart on the page that was sent; 0 when it is not a number."""
        return int(self.version.data) if ROW_ID.fullmatch(self.version.data or "") else 0

    def seen_total(self) -> Decimal | None:
        """The total on the page that was sent."""
        try:
            return Decimal(self.total.data or "")
        except InvalidOperation:
            return None


def cart_form(line_ids: Sequence[int], **values: Any) -> CartForm:
    """A form with the boxes of each line."""
    fields: dict[str, Any] = {}
    for line_id in line_ids:
        fields[f"line-{line_id}"] = QuantityField("Quantity", whole=True, zero=True)
        fields[f"offer-{line_id}"] = StringField("Pack")
        fields[f"need-{line_id}"] = DayField("Need by")
        fields[f"center-{line_id}"] = StringField("Cost center")
        fields[f"account-{line_id}"] = StringField("GL account")
        fields[f"reason-{line_id}"] = StringField("Reason", [SHORT])
    form: CartForm = type("CartForm", (CartForm,), fields)(**values)
    return form


def names_of_boxes(names: Mapping[int, str]) -> dict[str, str]:
    """The item's name for each box of its line (names by line id)."""
    return {f"{kind}-{line_id}": name for line_id, name in names.items() for kind in KINDS}


def in_box(day: date | None) -> str:
    """A day as its box takes it."""
    return day.isoformat() if day else ""


class NameForm(Form):
    """The name of a cart."""

    name = StringField(
        "Name",
        [InputRequired("Give the cart a name.")],
        render_kw={"maxlength": LONGEST_NAME},
    )


class RenameForm(NameForm):
    """Another name, with a place of its own on the page."""

    name = StringField(
        "New name",
        [InputRequired("Give the cart a name.")],
        id="new-name",
        render_kw={"maxlength": LONGEST_NAME},
    )


class HandOverForm(Form):
    """Who fills the cart next, and what they should know."""

    colleague = SelectField("Colleague", validate_choice=False)
    note = StringField("Note to the colleague", [SHORT], id="hand-over-note")

    def offer_people(self, people: Mapping[int, str]) -> None:
        """Fills in whom to choose from."""
        choices = {str(account_id): name for account_id, name in people.items()}
        self.colleague.choices = {"": "Choose a colleague"} | choices

    def colleague_id(self) -> int | None:
        """Who was chosen."""
        return int(self.colleague.data) if ROW_ID.fullmatch(self.colleague.data or "") else None


class BackForm(Form):
    """What the colleague should know who gets the cart back."""

    note = StringField("Note for the way back", [SHORT], id="give-back-note")


class QuickForm(Form):
    """A line by its code: item number, part number or barcode."""

    location = HiddenField(id="quick-location")
    code = StringField(
        "Item number, part number or scan",
        [InputRequired("Type or scan a code.")],
        render_kw={"autocomplete": "off", "data-quick-code": True},
    )
    quantity = QuantityField("Packs", whole=True, render_kw={"placeholder": "1"})

    def packs(self) -> Decimal:
        """How many; one when nothing was typed."""
        return self.quantity.data or Decimal(1)


class PasteForm(Form):
    """Rows of a spreadsheet."""

    location = HiddenField(id="paste-location")
    rows = TextAreaField(
        "Rows: code, then quantity",
        [InputRequired("Paste at least one row.")],
        description="Copy two columns from a spreadsheet, or type a code and a quantity on each line.",
        render_kw={"rows": 5},
    )

    def keep(self, refused: Sequence[Refused]) -> None:
        """Leaves the rows in the box that were not added."""
        self.rows.data = "\n".join(one.text for one in refused)
