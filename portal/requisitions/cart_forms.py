"""The form of the cart, a row of boxes for each line; and the small forms around it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from portal.budgets.models import CostShare
from portal.foundation.forms import DayField, Form, QuantityField
from portal.requisitions.carts import LONGEST_NAME
from portal.requisitions.edits import Edited, LineEdit, ShareEdit
from portal.requisitions.forms import ROW_ID, PacksField
from portal.requisitions.models import RequisitionLine
from portal.requisitions.quick import Refused
from portal.requisitions.rules import LONGEST_NOTE, LONGEST_REASON, SplitBy
from portal.requisitions.shipping import in_words

SHORT = Length(max=LONGEST_REASON, message=f"Write at most {LONGEST_REASON} characters.")
KINDS = ("line", "offer", "need", "center", "account", "reason", "place", "split")
"""The boxes of a line: each is named after its kind and the id of the line."""
PAYING = ("payer", "pays-from", "part")
"""The boxes of a cost center that shares a line: named after kind, line and row."""
MOST_PAYERS = 8


class LineBoxes(Form):
    """The boxes of lines, named after their kind and line."""

    def line_edit(self, line: RequisitionLine, suggested: Decimal | None = None) -> LineEdit:
        """The line as it was sent; a box that was not sent leaves what is kept."""

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
            ship_to=sent("place", in_words(line.location, line.requisition)) or "",
            **self._split(line),
        )

    def _split(self, line: RequisitionLine) -> dict[str, Any]:
        """Who shares the line, as typed: rows without a cost center are left out."""
        kept = [_as_kept(row, share) for row, share in enumerate(line.payers)]
        field = self.box("split", line.id)
        if field is None or not field.raw_data:
            return {"split_by": line.split_by, "shares": kept}
        by = SplitBy(field.data) if field.data in list(SplitBy) else None
        boxes = {row: self.box("payer", line.id, row) for row in range(MOST_PAYERS if by else 0)}
        sent = [row for row, box in boxes.items() if box is not None and box.raw_data]
        if by is not None and not sent:  # chosen just now: the boxes come with the answer
            return {"split_by": by, "shares": kept}
        shares = [self._share(line, row) for row in sent]
        return {"split_by": by, "shares": [one for one in shares if one is not None]}

    def _share(self, line: RequisitionLine, row: int) -> ShareEdit | None:
        center = (self.box("payer", line.id, row).data or "").strip()
        if not center:
            return None
        account = self.box("pays-from", line.id, row).data or ""
        weight: Decimal = self.box("part", line.id, row).data or Decimal()
        return ShareEdit(row, center, account, weight)

    def box(self, kind: str, line_id: int, row: int | None = None) -> Any:
        """A field of a line (and a row of its payers); None for a line that the page sent did not have."""
        return self._fields.get(_name(kind, line_id, row))

    def typed(self, kind: str, line_id: int, present: str, row: int | None = None) -> str:
        """What stands in a box: as it was typed, else as it is kept."""
        field = self.box(kind, line_id, row)
        return str(field.raw_data[0]) if field is not None and field.raw_data else present

    def error_of(self, kind: str, line_id: int, row: int) -> str:
        """What is wrong with a box in a row of payers; empty where nothing is."""
        field = self.box(kind, line_id, row)
        return str(field.errors[0]) if field is not None and field.errors else ""

    def errors_of(self, line_id: int) -> dict[str, str]:
        """What is wrong with each kind of box of a line; empty where nothing is."""
        fields = {kind: self.box(kind, line_id) for kind in KINDS}
        return {kind: str(one.errors[0]) if one and one.errors else "" for kind, one in fields.items()}


class CartForm(LineBoxes):
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
            lines={line.id: self.line_edit(line, (suggested or {}).get(line.id)) for line in lines},
        )

    def seen_version(self) -> int:
        """The version of the cart on the page that was sent; 0 when it is not a number."""
        return int(self.version.data) if ROW_ID.fullmatch(self.version.data or "") else 0

    def seen_total(self) -> Decimal | None:
        """The total on the page that was sent."""
        try:
            return Decimal(self.total.data or "")
        except InvalidOperation:
            return None


def _as_kept(row: int, share: CostShare) -> ShareEdit:
    account = share.gl_account.code if share.gl_account else ""
    return ShareEdit(row, share.cost_center.code, account, share.weight)


def _name(kind: str, line_id: int, row: int | None) -> str:
    return f"{kind}-{line_id}" if row is None else f"{kind}-{line_id}-{row}"


def cart_form(line_ids: Sequence[int], shared: Collection[int] = (), **values: Any) -> CartForm:
    """A form with the boxes of each line, and of its payers where it is among those that are shared."""
    fields: dict[str, Any] = {}
    for line_id in line_ids:
        fields[f"line-{line_id}"] = PacksField("Quantity", zero=True)
        fields[f"offer-{line_id}"] = StringField("Pack")
        fields[f"need-{line_id}"] = DayField("Need by")
        fields[f"reason-{line_id}"] = StringField("Reason", [SHORT])
        fields |= terms_boxes(line_id, is_shared=line_id in shared)
    form: CartForm = type("CartForm", (CartForm,), fields)(**values)
    return form


def terms_boxes(line_id: int, *, is_shared: bool) -> dict[str, Any]:
    """The boxes of where a line goes and who pays for it; with those of several payers where it is shared."""
    rows = range(MOST_PAYERS if is_shared else 0)
    return {
        f"center-{line_id}": StringField("Cost center"),
        f"account-{line_id}": StringField("GL account"),
        f"place-{line_id}": StringField("Deliver to"),
        f"split-{line_id}": StringField("Who pays"),
        **{f"payer-{line_id}-{row}": StringField("Cost center") for row in rows},
        **{f"pays-from-{line_id}-{row}": StringField("GL account") for row in rows},
        **{f"part-{line_id}-{row}": QuantityField("Part", zero=True) for row in rows},
    }


def names_of_boxes(names: Mapping[int, str]) -> dict[str, str]:
    """The item's name for each box of its line (names by line id)."""
    boxes = [*KINDS, *(f"{kind}-{{}}-{row}" for kind in PAYING for row in range(MOST_PAYERS))]
    return {
        box.format(line_id) if "{}" in box else f"{box}-{line_id}": name
        for line_id, name in names.items()
        for box in boxes
    }


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
    quantity = PacksField("Packs", render_kw={"placeholder": "1"})

    def packs(self) -> Decimal:
        """How many; one when nothing was typed."""
        return self.quantity.data or Decimal(1)


class PasteForm(Form):
    """Rows of a spreadsheet."""

    location = HiddenField(id="paste-location")
    rows = TextAreaField(
        "Rows: code, then quantity",
        [InputRequired("Paste at least one row.")],
        description="Copy two columns from a spreadsheet, or type a code and a quantity on each line. With a "
        "heading also: deliver to, cost center (of several the code and percent of each, with / between), "
        "GL account.",
        render_kw={"rows": 5},
    )

    def keep(self, refused: Sequence[Refused]) -> None:
        """Leaves the rows in the box that were not added."""
        self.rows.data = "\n".join(one.text for one in refused)
