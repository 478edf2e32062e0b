"""What is scanned at the dock, and what is typed from a label."""

from uuid import uuid4

from wtforms import BooleanField, HiddenField, StringField
from wtforms import Form as Part
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from portal.foundation.forms import DayField
from portal.inventory.rules import Owner
from portal.orders.forms import ConflictForm
from portal.receiving.scanning import Given

LONGEST_LOT = 30


class LotField(StringField):  # type: ignore[misc]
    """A lot or serial number as it is printed on a pack."""

    @property
    def number(self) -> str:
        """Without the spaces around it."""
        return (self.data or "").strip()

    def pre_validate(self, form: Part) -> None:
        """Raises ValidationError for what no label bears."""
        if len(self.number) > LONGEST_LOT:
            raise ValidationError(f"A {self.label.text.lower()} has at most {LONGEST_LOT} characters.")
        if not self.number.isprintable():
            raise ValidationError("There is an invisible character in it. Type it as it is printed.")


class ScanForm(ConflictForm):
    """One scan; `key` names it for ever, `before` is the first barcode of a label that has two."""

    key = HiddenField(
        default=lambda: uuid4().hex,
        validators=[Length(min=8, max=64, message="This form is damaged. Open the order again.")],
    )
    before = HiddenField(validators=[Length(max=500)])
    text = StringField(
        "Scan",
        validators=[
            DataRequired("Scan a barcode, or type an item number."),
            Length(max=500, message="This is too long for a barcode. Scan it again."),
        ],
    )
    consignment = BooleanField("Consignment: it stays the supplier's until it is used")
    lot = LotField("Lot")
    expires_on = DayField("Expires", validators=[Optional()])
    serial = LotField("Serial number")

    def given(self) -> Given:
        """The scan; its beginning and end kept, as a separator may stand there."""
        owner = Owner.CONSIGNMENT if self.consignment.data else Owner.OWN
        typed = (self.lot.number, self.expires_on.data, self.serial.number)
        return Given(self.key.data, self.text.data, self.before.data or "", owner, *typed)


class PackageForm(ScanForm):
    """All of a package, by its number."""

    text = HiddenField(validators=[DataRequired("Scan the parcel again."), Length(max=100)])
