"""What is scanned, tapped and typed at the point of care."""

from decimal import Decimal

from wtforms import HiddenField, RadioField, SelectField, StringField
from wtforms.validators import Length, Optional

from portal.clinical.care.answer import OTHER_LOT, Answer, Entry
from portal.clinical.care.rules import (
    LONGEST_SCAN,
    MOST_PER_LINE,
    SIDES,
    outcome_of,
    pack_words,
    unit_word,
)
from portal.clinical.care.services import Said
from portal.foundation.filters import day
from portal.foundation.forms import DayField, Form, QuantityField
from portal.foundation.quantity import plain
from portal.orders.forms import ConflictForm, row_number

OVERRIDE_REASONS = (
    "The physician decided to use it",
    "No other one is available",
    "The label or the book is wrong",
)
RUSH_REASONS = (
    "The patient is waiting for it",
    "It is needed for a case today",
    "The last one is broken or was dropped",
    "Nothing is left here or nearby",
)
PIECE, PACK = "piece", "pack"
MOST_IN_PACK = 100_000


def tidy(text: str | None) -> str:
    """What was typed, without the signs a database cannot keep."""
    return (text or "").replace("\x00", "").strip()


def _text(label: str, most: int) -> StringField:
    sentence = f"At most {most} characters."
    return StringField(label, filters=[tidy], validators=[Length(max=most, message=sentence)])


def _choice(label: str) -> RadioField:
    return RadioField(label, choices={}, validate_choice=False)


class CareForm(ConflictForm):
    """The scan field and the thing in hand. Answers to questions nobody asked are simply empty."""

    scan = StringField(
        "Scan, or type a name or number",
        # No `tidy`: a group separator at the edge of a barcode belongs to it.
        filters=[lambda text: (text or "").replace("\x00", "")],
        validators=[
            Length(max=LONGEST_SCAN, message="This is too long for a barcode. Scan it once, on its own.")
        ],
    )
    item_id = HiddenField()
    key = HiddenField(filters=[tidy], validators=[Length(max=64)])
    raw_scan = HiddenField(validators=[Length(max=LONGEST_SCAN)])
    pack_uom = HiddenField(validators=[Length(max=10)])
    pack_factor = HiddenField(validators=[Length(max=12)])
    replaces_id = HiddenField()
    outcome = HiddenField(validators=[Length(max=20)])
    quantity = QuantityField("How many?", whole=True)
    pack = _choice("Box or piece?")
    stock_id = _choice("Lot")
    di = _text("UDI device identifier", 60)
    lot = _text("Lot", 60)
    serial = _text("Serial number", 60)
    expires_on = DayField("Expires", validators=[Optional()])
    side = _choice("Side of the body")
    reason = _choice("Why is it used all the same?")
    other_reason = _text("Another reason", 200)
    rush_reason = _choice("Why is it urgent?")

    def sentences(self) -> list[str]:
        """Everything that is wrong, once each."""
        own = [error for field in self for error in field.errors]
        return list(dict.fromkeys([*self.form_errors, *own]))

    def said(self, do: str) -> Said:
        """All of it, with the button that was pressed."""
        return Said(do, self.scan.data, self.entry(), self.rush_reason.data or "", self.raw_scan.data or "")

    def entry(self) -> Entry | None:
        """What the person has in hand; None when there is nothing."""
        item_id = row_number(self.item_id.data)
        if item_id is None:
            return None
        return Entry(
            item_id=item_id,
            key=self.key.data or "",
            quantity=min(self.quantity.data or Decimal(1), MOST_PER_LINE),
            pack_uom=self.pack_uom.data or "",
            pack_factor=_factor(self.pack_factor.data),
            in_packs=self.pack.data == PACK,
            outcome=outcome_of(self.outcome.data or ""),
            di=self.di.data or "",
            lot=self.lot.data or "",
            serial=self.serial.data or "",
            expires_on=self.expires_on.data,
            stock_id=row_number(self.stock_id.data),
            side=self.side.data if self.side.data in SIDES else "",
            reason=self.other_reason.data
            or (self.reason.data if self.reason.data in OVERRIDE_REASONS else ""),
            raw_scan=self.raw_scan.data or "",
            replaces_id=row_number(self.replaces_id.data),
        )

    def offer(self, answer: Answer) -> None:
        """The choices that fit the item."""
        uom, base = answer.entry.pack_uom, answer.item.base_uom
        self.pack.choices = {
            PIECE: f"1 {unit_word(base)}",
            PACK: f"1 {pack_words(uom, answer.entry.pack_factor, base)}",
        }
        self.stock_id.choices = _lots(answer)
        self.side.choices = {side: side for side in SIDES}
        self.reason.choices = {reason: reason for reason in OVERRIDE_REASONS}
        self.rush_reason.choices = {reason: reason for reason in RUSH_REASONS}


def _factor(text: str | None) -> Decimal:
    """What the page was told a pack holds; anything else counts as one piece."""
    number = row_number(text)
    return Decimal(number) if number and number <= MOST_IN_PACK else Decimal(1)


def _lots(answer: Answer) -> dict[str, str]:
    """The lots that lie here as choices, the first to expire first."""
    known = {
        str(one.id): _lot_words(one.lot, one.serial, day(one.expires_on), plain(one.on_hand))
        for one in answer.shelf
        if one.lot or one.serial
    }
    return {**known, str(OTHER_LOT): "Another one, not in this list"}


def _lot_words(lot: str, serial: str, expires: str, on_hand: str) -> str:
    parts = (
        f"Lot {lot}" if lot else "",
        f"serial {serial}" if serial else f"{on_hand} here",
        f"expires {expires}" if expires else "",
    )
    return ", ".join(filter(None, parts))


def filled(answer: Answer | None, *, unread: str = "") -> CareForm:
    """The form as the page shows it: empty, or with what is known of the thing in hand (not its choices)."""
    if answer is None:
        return CareForm(formdata=None, data={"raw_scan": unread})
    entry = answer.entry
    return CareForm(
        formdata=None,
        data={
            "item_id": entry.item_id, "key": entry.key, "raw_scan": entry.raw_scan,
            "pack_uom": entry.pack_uom, "pack_factor": plain(entry.pack_factor),
            "replaces_id": entry.replaces_id or "",
            "outcome": answer.outcome.value,
            "quantity": entry.quantity, "pack": PACK if entry.in_packs else PIECE,
            "stock_id": None if entry.stock_id is None else str(entry.stock_id), "di": entry.di,
            "lot": entry.lot, "serial": entry.serial, "expires_on": entry.expires_on, "side": entry.side,
            "reason": entry.reason, "rush_reason": None,
        },
    )  # fmt: skip


class PlaceForm(Form):
    """Where the person is, when neither the launch nor the case says so."""

    location = SelectField("Where are you?", validate_choice=False)

    def offer(self, places: dict[str, str]) -> None:
        """The places to choose from, by id."""
        self.location.choices = places

    @property
    def location_id(self) -> int | None:
        """What was chosen."""
        return row_number(self.location.data)


class NewCaseForm(Form):
    """A case that no schedule has: what is done, in words everybody may read."""

    procedure = StringField(
        "Procedure",
        filters=[tidy],
        description="For example Wound care. Never a patient's name.",
        validators=[Length(max=120, message="At most 120 characters.")],
    )
