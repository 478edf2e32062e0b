"""Forms of the workbench and the order page."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation

from wtforms import HiddenField, SelectField, SelectMultipleField, StringField, widgets
from wtforms.validators import DataRequired, Length

from portal.foundation.errors import Conflict
from portal.foundation.forms import Form
from portal.orders.presenters import STATUSES
from portal.orders.searching import NEEDS_DECISION, STOPPED, Search

STATUS_CHOICES = {
    "": "Any status",
    NEEDS_DECISION: "Needs a decision",
    STOPPED: "Stopped",
    **{status.value: shown.label for status, shown in STATUSES.items()},
}
MOST_DIGITS = 18  # a row's number fits the database


def row_number(text: object) -> int | None:
    """The number of a row that a form sent, or None for anything else."""
    digits = str(text or "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS else None


class ConflictForm(Form):
    """A form that also shows what changed meanwhile: `refusal` is then 409, and nothing typed is lost."""

    refusal = 422

    @contextmanager
    def accepting(self, *, writes: bool = True) -> Iterator[None]:
        """Runs a service; Invalid and Conflict undo its changes and become errors of the form."""
        try:
            with super().accepting(writes=writes):
                yield
        except Conflict as error:
            self.refusal = 409
            self.form_errors.append(str(error))


class PlaceForm(ConflictForm):
    """The lines chosen on the workbench; the boxes are drawn by the table."""

    lines = SelectMultipleField("Lines", validate_choice=False, widget=widgets.ListWidget())

    def chosen(self) -> list[int]:
        """The numbers of the chosen lines; what is no number stands for a line that does not exist."""
        return [row_number(text) or 0 for text in self.lines.data or []]


class CancelForm(ConflictForm):
    """Why the rest of a line is cancelled, and what would be cancelled then."""

    seen = HiddenField()
    reason = StringField(
        "Reason",
        description="The requester and the auditor read it.",
        validators=[
            DataRequired("Say why the rest is cancelled."),
            Length(max=200, message="At most 200 characters."),
        ],
    )

    def quantity_seen(self) -> Decimal | None:
        """What would be cancelled in all, as the person was told."""
        try:
            return Decimal(self.seen.data or "")
        except InvalidOperation:
            return None


class OfferForm(ConflictForm):
    """Why a line shall be ordered from a dearer offer."""

    reason = StringField("Why", validators=[Length(max=200, message="Say why in at most 200 characters.")])


class OrderFilter(Form):
    """What the list of orders shows."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    q = StringField("Order or ERP number")
    status = SelectField("Status", choices=STATUS_CHOICES, validate_choice=False)
    supplier = SelectField("Supplier", validate_choice=False)
    location = SelectField("Ship to", validate_choice=False)
    sort = HiddenField(default="-placed")

    def offer(self, suppliers: dict[str, str], locations: dict[str, str]) -> None:
        """What can be chosen."""
        self.supplier.choices = {"": "Any supplier"} | suppliers
        self.location.choices = {"": "Any location"} | locations

    def search(self) -> Search:
        """What is asked for; what cannot be meant is left out."""
        return Search(
            words=(self.q.data or "")[:100],
            status=self.status.data or "",
            supplier_id=row_number(self.supplier.data),
            location_id=row_number(self.location.data),
            sort=self.sort.data or "",
        )
