"""A scan taken apart, what stops one from being read, and the collecting of its parts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from integrations.canonical import Part
from integrations.errors import Unreadable


class Scheme(StrEnum):
    """Who issued the identifier."""

    GS1 = "gs1"
    HIBC = "hibc"
    ICCBBA = "iccbba"


class Scan(Part):
    """What one scan says; what the barcode does not say is None.

    `di` is the device identifier: a GTIN-14; for HIBC labeler, product and unit of measure digit; for
    ICCBBA the product code. `expires_on` is the last day of use: with `month_only` the last of the month
    that the label gives. `expiry_time` is "16" or "16:30" where the label gives an hour. `quantity` counts
    the pieces in what was scanned, or, with `counts_packs`, the packs below a shipping label.
    """

    scheme: Scheme
    di: str | None = None
    gtin: str | None = None
    lot: str | None = None
    serial: str | None = None
    expires_on: date | None = None
    month_only: bool = False
    expiry_time: str | None = None
    made_on: date | None = None
    quantity: Decimal | None = None
    counts_packs: bool = False
    donation: str | None = None
    raw: str
    warnings: tuple[str, ...] = ()

    @property
    def expiry(self) -> str | None:
        """The expiry as ISO 8601, with the hour where the label gives one; a month as its first day.

        So other readers of HIBC print a month, and so do their test vectors; what counts is `expires_on`.
        """
        if self.expires_on is None:
            return None
        if self.month_only:
            return self.expires_on.replace(day=1).isoformat()
        return self.expires_on.isoformat() + (f"T{self.expiry_time}" if self.expiry_time else "")

    def record(self) -> dict[str, Any]:
        """The parts as JSON knows them; the quantity is a text, as in the canonical documents."""
        return {
            "scheme": self.scheme.value,
            "di": self.di,
            "gtin": self.gtin,
            "lot": self.lot,
            "serial": self.serial,
            "expiry": self.expiry,
            "made": self.made_on.isoformat() if self.made_on else None,
            "quantity": None if self.quantity is None else str(self.quantity),
            "donation": self.donation,
            "warnings": list(self.warnings),
        }


# Many labels carry the product in one barcode and lot and expiry in another.
OTHER_HALF = "Scan the other barcode of the pack, too."


class UnreadableScan(Unreadable):
    """A scan cannot be read; `position` says where ("character 17"), `words` are the scan itself."""

    def __init__(self, message: str, at: int) -> None:
        """`at` counts characters from 0."""
        super().__init__(message, position=f"character {at + 1}")


class Parts:
    """Collects the parts of a scan; the same part twice must say the same."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.warnings: list[str] = []

    def put(self, name: str, value: object, at: int) -> None:
        """Raises UnreadableScan where another value was put before."""
        if self.values.setdefault(name, value) != value:
            said = WORDS.get(name, name)
            raise UnreadableScan(f"The barcode gives two different values for the {said}", at)

    def scan(self, scheme: Scheme, raw: str) -> Scan:
        """The scan with all that was collected."""
        made, expires = self.values.get("made_on"), self.values.get("expires_on")
        if made and expires and expires < made:
            self.warnings.append("The expiry date is before the day it was made. Compare it with the label.")
        return Scan(scheme=scheme, raw=raw, warnings=tuple(self.warnings), **self.values)


WORDS = {
    "di": "device identifier",
    "expires_on": "expiry date",
    "expiry_time": "expiry hour",
    "made_on": "day it was made",
    "donation": "donation number",
}


def shown(character: str) -> str:
    """A character as a sentence can show it."""
    return character if character.isprintable() else f"U+{ord(character):04X}"


def full_year(year: int) -> int:
    """A two-digit year as the one at most 49 years ago or 50 ahead (GS1 General Specifications 7.12)."""
    now = datetime.now(UTC).year
    return now - 49 + (year - (now - 49)) % 100


def day_of_year(year: int, day: int) -> date:
    """Raises ValueError where the year has no such day."""
    found = date(year, 1, 1) + timedelta(days=day - 1)
    if found.year != year:
        raise ValueError(f"{year} has no day {day}")
    return found


def positive(digits: str, at: int) -> Decimal:
    """A quantity; raises UnreadableScan for zero."""
    if not int(digits):
        raise UnreadableScan("The barcode gives a quantity of 0", at)
    return Decimal(int(digits))
