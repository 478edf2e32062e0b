"""Forms of the pages about recalls."""

from flask_wtf.file import FileField
from wtforms import DateField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from portal.clinical.access.forms import tidy
from portal.clinical.recalls.files import NewPart, parts_of, read_file, several
from portal.clinical.recalls.services import NewRecall
from portal.foundation import clock
from portal.foundation.errors import Invalid
from portal.foundation.forms import Form


class RecallForm(Form):
    """A notice with its devices, typed or as a file."""

    title = StringField("What is recalled", filters=[tidy], validators=[DataRequired(), Length(max=200)])
    reference = StringField(
        "Number of the notice", description="As the manufacturer or the FDA gave it.", filters=[tidy],
        validators=[Length(max=100)],
    )  # fmt: skip
    reason = TextAreaField("Why", filters=[tidy], validators=[Length(max=2000)])
    noticed_on = DateField("Date of the notice", default=clock.today, validators=[DataRequired()])
    device = StringField(
        "Device identifier or item number", description="The DI (GTIN), our item number or the part number.",
        filters=[tidy], validators=[Length(max=80)],
    )  # fmt: skip
    lots = TextAreaField(
        "Lots", description="One a line. Without lots and serials all of the item is recalled.",
        filters=[tidy], validators=[Length(max=50_000)],
    )  # fmt: skip
    serials = TextAreaField(
        "Serial numbers", description="One a line.", filters=[tidy], validators=[Length(max=50_000)]
    )
    file = FileField("Or a CSV file", description="Columns DI (or item), lot, serial.")

    def recall(self) -> NewRecall:
        """What was entered; raises Invalid when it names no device."""
        return NewRecall(
            title=self.title.data, reference=self.reference.data or "", reason=self.reason.data or "",
            noticed_on=self.noticed_on.data, parts=self._parts(),
        )  # fmt: skip

    def _parts(self) -> list[NewPart]:
        file = self.file.data
        if file:
            return read_file(file.read())
        device = self.device.data or ""
        if not device:
            raise Invalid("Name a device, or choose a file.", field="device")
        lots, serials = several(self.lots.data or ""), several(self.serials.data or "")
        typed = parts_of(device, device, lots, [])
        return (typed if lots or not serials else []) + (
            parts_of(device, device, [], serials) if serials else []
        )
