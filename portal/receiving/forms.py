"""What is typed or scanned while receiving."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import uuid4

from werkzeug.datastructures import MultiDict
from wtforms import FieldList, FormField, HiddenField, StringField
from wtforms import Form as Part
from wtforms.validators import Length, Optional, ValidationError
from wtforms.widgets import HiddenInput

from portal.foundation.forms import Form, QuantityField
from portal.foundation.quantity import plain
from portal.orders.forms import ConflictForm, DayField, row_number
from portal.orders.models import PurchaseOrder
from portal.receiving.rules import Entry, Problem
from portal.receiving.services import EntriesRefused

MOST_ROWS = 600
TYPED = ("quantity", "lot", "expires_on")
Row = Mapping[str, str]


class EntryPart(Part):  # type: ignore[misc]  # WTForms ships no types
    """A quantity of one line and lot."""

    line_id = StringField(widget=HiddenInput())
    quantity = QuantityField("Quantity", zero=True)
    lot = StringField("Lot", validators=[Length(max=30, message="A lot has at most 30 characters.")])
    expires_on = DayField("Expires", validators=[Optional()])

    def validate_quantity(self, field: QuantityField) -> None:
        """A lot or a date without a quantity is half an entry."""
        if not field.data and ((self.lot.data or "").strip() or self.expires_on.data):
            raise ValidationError("Enter how many of this lot there are, or empty the row.")

    @property
    def is_empty(self) -> bool:
        """Nothing was counted here."""
        return not self.quantity.data

    def row(self) -> dict[str, str]:
        """The row as it was typed, also what cannot be read."""
        return {name: str((self[name].raw_data or [""])[0]) for name in ("line_id", *TYPED)}


class EntryForm(ConflictForm):
    """All lines of an order; `form_key` makes a second post of the same form harmless."""

    form_key = HiddenField(
        default=lambda: uuid4().hex,
        validators=[Length(min=8, max=64, message="This form is damaged. Open the order again.")],
    )
    entries = FieldList(FormField(EntryPart), max_entries=MOST_ROWS)

    def line_ids(self) -> list[int]:
        """The order line of each row; 0 for a row that names none."""
        return [row_number(entry.line_id.data) or 0 for entry in self.entries]

    def counted(self) -> list[Entry]:
        """What was counted, empty rows left out."""
        return [
            Entry(line_id, entry.quantity.data, (entry.lot.data or "").strip(), entry.expires_on.data)
            for line_id, entry in zip(self.line_ids(), self.entries, strict=True)
            if not entry.form.is_empty
        ]

    @contextmanager
    def accepting(self, *, writes: bool = True) -> Iterator[None]:
        """Runs the service; what it refuses appears beside the row it is about."""
        problems: Sequence[Problem] = ()
        with super().accepting(writes=writes):
            try:
                yield
            except EntriesRefused as refused:
                problems = refused.problems
                raise
        if problems:
            self.form_errors.clear()
            self._mark(problems)

    def _mark(self, problems: Sequence[Problem]) -> None:
        filled = [entry for entry in self.entries if not entry.form.is_empty]
        for problem in problems:
            field = filled[problem.index].form[problem.field]
            field.errors = [*field.errors, problem.sentence]
        self.entries.errors = [entry.errors for entry in self.entries]

    def with_lot(self, line_id: int | None) -> "EntryForm":
        """The same form with another row for a line, right after its last one."""
        rows = [entry.form.row() for entry in self.entries]
        places = [at for at, known in enumerate(self.line_ids()) if known == line_id]
        if places and len(rows) < MOST_ROWS:
            rows.insert(places[-1] + 1, {"line_id": str(line_id)})
        return _form(self.form_key.data, rows)

    def filled(self, offered: Sequence[Entry]) -> "EntryForm":
        """The same form with what was shipped in the lines nobody has typed into yet."""
        rows = [entry.form.row() for entry in self.entries]
        touched = {row["line_id"] for row in rows if any(row[name] for name in TYPED)}
        found: list[Row] = []
        for row in rows:
            lots = [one for one in offered if str(one.order_line_id) == row["line_id"]]
            if row["line_id"] in touched or not lots:
                found.append(row)
            elif row["line_id"] not in {one["line_id"] for one in found}:
                found += [_row(one) for one in lots]
        return _form(self.form_key.data, found[:MOST_ROWS])


def empty_form(order: PurchaseOrder) -> EntryForm:
    """One empty row for every line still expected."""
    return _form(uuid4().hex, [{"line_id": str(line.id)} for line in _open_lines(order, set())])


def correcting_form(order: PurchaseOrder, form_key: str, entries: Sequence[Entry]) -> EntryForm:
    """What was entered already, and an empty row for the other lines still expected."""
    rows = [_row(one) for one in entries]
    others = _open_lines(order, {one.order_line_id for one in entries})
    return _form(form_key, [*rows, *({"line_id": str(line.id)} for line in others)])


def _open_lines(order: PurchaseOrder, but: set[int]) -> list[Any]:
    return [line for line in order.lines if line.quantities.outstanding > 0 and line.id not in but]


def _row(entry: Entry) -> Row:
    return {
        "line_id": str(entry.order_line_id),
        "quantity": plain(entry.quantity) if entry.quantity != Decimal() else "",
        "lot": entry.lot,
        "expires_on": entry.expires_on.isoformat() if entry.expires_on else "",
    }


def _form(form_key: str, rows: Sequence[Row]) -> EntryForm:
    """A form as if these rows had been typed, so that what cannot be read is shown again as well."""
    typed = {
        f"entries-{at}-{name}": row.get(name, "")
        for at, row in enumerate(rows)
        for name in ("line_id", *TYPED)
    }
    return EntryForm(MultiDict({"form_key": form_key, **typed}))


class ReceiptForm(ConflictForm):
    """Posting or discarding a receipt."""


class FindForm(Form):
    """Which order arrived."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    q = StringField("Number or barcode")


class ReceiptFilter(Form):
    """Which receipts are listed."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    q = StringField("Receipt, order or ERP document")
