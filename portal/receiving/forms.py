"""What is typed or scanned while receiving."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import uuid4

from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    FieldList,
    FormField,
    HiddenField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms import Form as Part
from wtforms.validators import DataRequired, InputRequired, Length, Optional, ValidationError
from wtforms.widgets import CheckboxInput, HiddenInput, ListWidget

from portal.foundation.forms import DayField, Form, MoneyField, QuantityField
from portal.foundation.quantity import plain
from portal.inventory.rules import Owner
from portal.orders.forms import ConflictForm, row_number
from portal.orders.models import PurchaseOrder
from portal.receiving.return_presenters import STATUSES
from portal.receiving.return_queries import ReturnSearch
from portal.receiving.returns import Asked
from portal.receiving.rules import Entry, Problem, Verdict, fingerprint
from portal.receiving.scan_forms import LotField
from portal.receiving.services import EntriesRefused

MOST_ROWS = 600
TYPED = ("quantity", "lot", "serial", "expires_on")
PARTS = ("line_id", "verdict", *TYPED)
TROUBLES = {
    Verdict.DAMAGED: "Damaged: set aside",
    Verdict.WRONG_ITEM: "Another item than ordered: set aside",
    Verdict.SHORT: "Missing, though announced",
}
Row = Mapping[str, str]


class EntryPart(Part):  # type: ignore[misc]  # WTForms ships no types
    """A quantity of one line and lot."""

    line_id = StringField(widget=HiddenInput())
    quantity = QuantityField("Quantity", zero=True)
    lot = LotField("Lot")
    serial = LotField("Serial number")
    verdict = SelectField(
        "What is wrong",
        choices={Verdict.GOOD.value: "Nothing"} | {key.value: words for key, words in TROUBLES.items()},
        default=Verdict.GOOD.value,
    )
    expires_on = DayField("Expires", validators=[Optional()])

    def validate_quantity(self, field: QuantityField) -> None:
        """A lot or a date without a quantity is half an entry."""
        if not field.data and (self.lot.number or self.expires_on.data):
            raise ValidationError("Enter how many of this lot there are, or empty the row.")
        if not field.data and self.serial.number:
            raise ValidationError("Enter 1 for this serial number, or empty the row.")

    @property
    def is_empty(self) -> bool:
        """Nothing was counted here."""
        return not self.quantity.data

    @property
    def is_trouble(self) -> bool:
        """Whether the row says what is not put to stock."""
        return str(self.verdict.data) in set(TROUBLES)

    def row(self) -> dict[str, str]:
        """The row as it was typed, also what cannot be read."""
        return {name: str((self[name].raw_data or [""])[0]) for name in PARTS}

    def entry(self, line_id: int, owner: Owner) -> Entry:
        """The row as what was counted; empty rows count nothing."""
        return Entry(
            line_id, self.quantity.data or Decimal(), self.lot.number, self.expires_on.data,
            self.serial.number, owner, Verdict(self.verdict.data),
        )  # fmt: skip


class EntryForm(ConflictForm):
    """All lines of an order; `form_key` makes a second post of the same form harmless."""

    form_key = HiddenField(
        default=lambda: uuid4().hex,
        validators=[Length(min=8, max=64, message="This form is damaged. Open the order again.")],
    )
    seen = HiddenField()
    consignment = BooleanField("Consignment: it stays the supplier's until it is used")
    entries = FieldList(FormField(EntryPart), max_entries=MOST_ROWS)

    def line_ids(self) -> list[int]:
        """The order line of each row; 0 for a row that names none."""
        return [row_number(entry.line_id.data) or 0 for entry in self.entries]

    def counted(self) -> list[Entry]:
        """What was counted, empty rows left out."""
        owner = Owner.CONSIGNMENT if self.consignment.data else Owner.OWN
        return [
            entry.form.entry(line_id, owner)
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

    def with_row(self, line_id: int | None, verdict: Verdict = Verdict.GOOD) -> "EntryForm":
        """The same form with another row for a line, right after its last one."""
        rows = [entry.form.row() for entry in self.entries]
        places = [at for at, known in enumerate(self.line_ids()) if known == line_id]
        if places and len(rows) < MOST_ROWS:
            rows.insert(places[-1] + 1, {"line_id": str(line_id), "verdict": verdict.value})
        return self._again(rows)

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
        return self._again(found[:MOST_ROWS])

    def filled_down(self, line_id: int | None) -> "EntryForm":
        """The same form with lot and date of a line's row in the rows below it that say something else only.

        A row with a serial number takes the quantity above, too.
        """
        rows = [entry.form.row() for entry in self.entries]
        above: Row = {}
        for row in (
            one for one in rows if one["line_id"] == str(line_id) and any(one[name] for name in TYPED)
        ):
            for name in ("lot", "expires_on", *(["quantity"] if row["serial"] else [])):
                row[name] = row[name] or above.get(name, "")
            above = row
        return self._again(rows)

    def _again(self, rows: Sequence[Row]) -> "EntryForm":
        return _form(self.form_key.data, rows, consignment=self.consignment.data, seen=self.seen.data or "")


def empty_form(order: PurchaseOrder) -> EntryForm:
    """One empty row for every line still expected."""
    return _form(uuid4().hex, [{"line_id": str(line.id)} for line in _open_lines(order, set())])


def correcting_form(order: PurchaseOrder, form_key: str, entries: Sequence[Entry]) -> EntryForm:
    """What was entered already, and an empty row for the other lines still expected."""
    rows = [_row(one) for one in entries]
    others = _open_lines(order, {one.order_line_id for one in entries})
    consignment = any(one.owner is Owner.CONSIGNMENT for one in entries)
    others_rows = [{"line_id": str(line.id)} for line in others]
    seen = fingerprint(entries) if entries else ""
    return _form(form_key, [*rows, *others_rows], consignment=consignment, seen=seen)


def _open_lines(order: PurchaseOrder, but: set[int]) -> list[Any]:
    return [line for line in order.lines if line.quantities.outstanding > 0 and line.id not in but]


def _row(entry: Entry) -> Row:
    return {
        "line_id": str(entry.order_line_id),
        "quantity": plain(entry.quantity) if entry.quantity != Decimal() else "",
        "lot": entry.lot,
        "serial": entry.serial,
        "verdict": entry.verdict.value,
        "expires_on": entry.expires_on.isoformat() if entry.expires_on else "",
    }


def _form(form_key: str, rows: Sequence[Row], *, consignment: bool = False, seen: str = "") -> EntryForm:
    """A form as if these rows had been typed, so that what cannot be read is shown again as well."""
    typed = {
        f"entries-{at}-{name}": row.get(name) or (Verdict.GOOD.value if name == "verdict" else "")
        for at, row in enumerate(rows)
        for name in PARTS
    }
    owner = {"consignment": "y"} if consignment else {}
    return EntryForm(MultiDict({"form_key": form_key, "seen": seen, **owner, **typed}))


class ReceiptForm(ConflictForm):
    """Posting or discarding a receipt; of the lines in `cancel` nothing more is expected."""

    seen = HiddenField()
    cancel = SelectMultipleField(
        "Cancel what is still open of",
        validate_choice=False,
        option_widget=CheckboxInput(),
        widget=ListWidget(),
    )

    def cancelled(self) -> list[int]:
        """The order lines whose rest is cancelled."""
        return [number for text in self.cancel.data or [] if (number := row_number(text))]

    def offer(self, lines: Sequence[tuple[int, str]], entries: Sequence[Entry]) -> "ReceiptForm":
        """The same form, of these entries, with a box for each line of which something stays open."""
        self.seen.data = fingerprint(entries)
        self.cancel.choices = {str(line_id): words for line_id, words in lines}
        return self


class RollBackForm(ConflictForm):
    """Why a receipt is rolled back."""

    reason = StringField(
        "Reason",
        description="The buyer and the auditor read it.",
        validators=[
            DataRequired("Say why the receipt is rolled back."),
            Length(max=200, message="At most 200 characters."),
        ],
    )


class ReturnPart(Part):  # type: ignore[misc]
    """How much of one received line goes back."""

    line_id = StringField(widget=HiddenInput())
    quantity = QuantityField("Goes back", zero=True)


class ReturnForm(ConflictForm):
    """What goes back to the supplier; `form_key` makes a second post of the same form harmless."""

    form_key = HiddenField(
        default=lambda: uuid4().hex,
        validators=[Length(min=8, max=64, message="This form is damaged. Open the receipt again.")],
    )
    authorization = StringField(
        "Return authorization",
        description="The number the supplier gave for it (RMA).",
        validators=[
            DataRequired("Enter the number the supplier gave for the return."),
            Length(max=40, message="At most 40 characters."),
        ],
    )
    reason = StringField(
        "Reason",
        validators=[
            DataRequired("Say why it goes back."),
            Length(max=200, message="At most 200 characters."),
        ],
    )
    lines = FieldList(FormField(ReturnPart), max_entries=MOST_ROWS)

    def asked(self) -> Asked:
        """What goes back, empty rows left out."""
        quantities = {
            row_number(one.line_id.data) or 0: one.quantity.data for one in self.lines if one.quantity.data
        }
        return Asked(self.form_key.data, self.authorization.data, self.reason.data, quantities)


class ReturnFilter(Form):
    """Which returns are listed."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    q = StringField("Return, order, RMA or credit note")
    state = SelectField(
        "Status",
        choices={"": "Any status", **{state.value: shown.label for state, shown in STATUSES.items()}},
        validate_choice=False,
    )
    supplier = SelectField("Supplier", validate_choice=False)
    sort = HiddenField(default="")

    def search(self, suppliers: dict[str, str]) -> ReturnSearch:
        """What is asked for, of these suppliers; what cannot be meant is left out."""
        self.supplier.choices = {"": "Any supplier"} | suppliers
        return ReturnSearch(
            words=(self.q.data or "")[:100],
            state=self.state.data or "",
            supplier_id=row_number(self.supplier.data),
            sort=self.sort.data or "",
        )


class CreditForm(ConflictForm):
    """The supplier's credit note for a return."""

    number = StringField(
        "Credit note",
        validators=[
            DataRequired("Enter the number of the credit note."),
            Length(max=40, message="At most 40 characters."),
        ],
    )
    amount = MoneyField("Amount credited", validators=[InputRequired("Enter the amount of the credit note.")])


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
