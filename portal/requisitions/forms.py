"""Forms of adding to a cart, of closing a line, and of the list of requisitions."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from wtforms import BooleanField, HiddenField, SelectField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from portal.catalog.forms import quantity_name
from portal.foundation.errors import NotFound
from portal.foundation.forms import Form, QuantityField
from portal.requisitions.queries import Wanted
from portal.requisitions.rules import CLOSE_REASONS, LONGEST_REASON, MOST_QUANTITY, OTHER_REASON, TOO_MANY

ROW_ID = re.compile(r"[1-9]\d{0,17}", re.ASCII)


def row_id(text: str | None, what: str) -> int:
    """An id out of a hidden field; raises NotFound for what no page offered."""
    if not ROW_ID.fullmatch(text or ""):
        raise NotFound(f"This {what} does not exist. Go back and choose it again.")
    return int(text or "")


def name_errors(form: Form, names: Mapping[str, str]) -> None:
    """Puts the item's name before what is wrong with its box, for the list of all errors on top."""
    for name, field in form._fields.items():
        if name in names and field.errors:
            said = [str(error).removeprefix(f"{names[name]}: ") for error in field.errors]
            field.errors = [f"{names[name]}: {error}" for error in said]


class PacksField(QuantityField):
    """Whole packs of one line."""

    most = MOST_QUANTITY
    too_much = TOO_MANY

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(label, whole=True, **kwargs)


class AddForm(Form):
    """One offer and how many packs of it."""

    offer = HiddenField()
    location = HiddenField()
    next = HiddenField()
    like = HiddenField()  # the line of a past requisition, whose place and payers it takes
    quantity = PacksField("Packs", validators=[InputRequired("Enter how many packs.")])

    def packs(self) -> Decimal:
        """How many, once the form is valid."""
        return self.quantity.data or Decimal()


class GuideForm(Form):
    """The quantities typed into an order guide, a field for each; see `guide_form`."""

    location = HiddenField()

    def quantities_or_one(self, only: int | None) -> dict[int, Decimal]:
        """What is to be added, by offer; the button of a row whose box is empty means one."""
        wanted = {
            int(name[1:]): field.data
            for name, field in self._fields.items()
            if isinstance(field, QuantityField) and field.data is not None
        }
        if not wanted and only is not None:
            return {only: Decimal(1)}
        if not wanted:
            self.form_errors.append("Type how many packs into at least one box.")
        return wanted

    def errors_of_offers(self) -> dict[int, str]:
        """What is wrong, by offer."""
        return {
            int(name[1:]): str(field.errors[0])
            for name, field in self._fields.items()
            if isinstance(field, QuantityField) and field.errors
        }


def guide_form(offer_ids: Iterable[int]) -> GuideForm:
    """A form with a quantity field for each of the offers that were typed into."""
    fields = {quantity_name(offer_id): PacksField("Packs") for offer_id in offer_ids}
    form: GuideForm = type("GuideForm", (GuideForm,), fields)()
    return form


class CloseForm(Form):
    """Why a line is closed."""

    reason = SelectField(
        "Reason",
        choices={"": "Choose a reason", **{reason: reason for reason in CLOSE_REASONS}},
        validate_choice=False,
        validators=[InputRequired("Choose a reason.")],
    )
    words = StringField(
        "In your words",
        [Length(max=LONGEST_REASON, message=f"Write at most {LONGEST_REASON} characters.")],
        description="Needed when you choose Other.",
    )

    def validate_reason(self, field: SelectField) -> None:
        """Only reasons of the list; Other needs words."""
        if field.data not in CLOSE_REASONS:
            raise ValidationError("Choose a reason from the list.")
        if field.data == OTHER_REASON and not (self.words.data or "").strip():
            raise ValidationError("Say in your words why it is closed.")

    def sentence(self) -> str:
        """The reason as it is kept."""
        words = (self.words.data or "").strip()
        if self.reason.data == OTHER_REASON:
            return words
        return f"{self.reason.data}: {words}" if words else str(self.reason.data)


STATES = {
    "": "Any state",
    "waiting": "Waiting for approval",
    "to_order": "Approved, to be ordered",
    "ordered": "Ordered",
    "rejected": "With rejected lines",
    "withdrawn": "Withdrawn",
}


class RequisitionFilter(Form):
    """What the list of requisitions shows."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    sort = HiddenField()
    q = StringField("Number, item, place or person")
    state = SelectField("State", choices=STATES, validate_choice=False)
    mine = BooleanField("Only mine")

    def wanted(self) -> Wanted:
        """What was asked for; what is not a choice counts as not chosen."""
        return Wanted(
            state=self.state.data or "",
            words=self.q.data or "",
            mine=self.mine.data,
            sort=self.sort.data or "",
        )
