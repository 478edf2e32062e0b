"""What is typed or scanned while receiving."""

from uuid import uuid4

from wtforms import DateField, FieldList, FormField, HiddenField, IntegerField, StringField
from wtforms import Form as Part
from wtforms.validators import Length, Optional
from wtforms.widgets import HiddenInput

from portal.foundation.forms import Form, QuantityField
from portal.orders.models import PurchaseOrder, ShipNoticeLine
from portal.receiving.services import Entry


class EntryPart(Part):  # type: ignore[misc]  # WTForms ships no types
    """A quantity of one line and lot."""

    line_id = IntegerField(widget=HiddenInput())
    quantity = QuantityField("Quantity", zero=True, validators=[Optional()])
    lot = StringField("Lot", validators=[Length(max=30, message="A lot has at most 30 characters.")])
    expires_on = DateField("Expires", validators=[Optional()])

    @property
    def is_empty(self) -> bool:
        """Nothing was counted here."""
        return not self.quantity.data


class EntryForm(Form):
    """All lines of an order; `form_key` makes a second post of the same form harmless."""

    form_key = HiddenField(default=lambda: uuid4().hex, validators=[Length(min=8, max=64)])
    entries = FieldList(FormField(EntryPart))

    def lay_out(self, order: PurchaseOrder) -> None:
        """One empty row for every line still expected."""
        for line in order.lines:
            if line.quantities.outstanding > 0:
                self.entries.append_entry({"line_id": line.id})

    def add_lot(self, line_id: int) -> None:
        """Another row for a line, right after its last one."""
        rows = [entry.data for entry in self.entries]
        last = max((at for at, row in enumerate(rows) if row["line_id"] == line_id), default=len(rows) - 1)
        rows.insert(last + 1, {"line_id": line_id})
        self._replace(rows)

    def fill_from(self, shipped: list[ShipNoticeLine]) -> None:
        """Fills what is empty from the ship notices; what was typed stays."""
        rows = [entry.data for entry in self.entries]
        typed = [row for row in rows if row["quantity"] or row["lot"]]
        touched = {row["line_id"] for row in typed}
        offered: list[dict[str, object]] = [
            {"line_id": one.line_id, "quantity": one.quantity, "lot": one.lot, "expires_on": one.expires_on}
            for one in shipped
            if one.line_id not in touched
        ]
        filled = touched | {row["line_id"] for row in offered}
        self._replace([*typed, *offered, *(row for row in rows if row["line_id"] not in filled)])

    def _replace(self, rows: list[dict[str, object]]) -> None:
        while self.entries.entries:
            self.entries.pop_entry()
        for row in rows:
            self.entries.append_entry(row)

    def counted(self) -> list[Entry]:
        """What was counted, empty rows left out."""
        return [
            Entry(
                order_line_id=entry.line_id.data,
                quantity=entry.quantity.data,
                lot=entry.lot.data or "",
                expires_on=entry.expires_on.data,
            )
            for entry in self.entries
            if not entry.form.is_empty
        ]


class FindForm(Form):
    """Which order arrived."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    q = StringField("Order, ERP number, ship notice or SSCC")
