"""Which item and pack a barcode or a typed number means: the one place that finds them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import CompoundSelect, Select, literal, select, union_all

from integrations.formats.udi import OTHER_HALF, Scan, UnreadableScan, parse, together
from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.foundation.quantity import plain
from portal.masterdata.models import DeviceIdentifier, Item, ItemPackaging

GTIN_LENGTHS = (8, 12, 13, 14)
LONGEST_NUMBER = 80
ONE = Decimal(1)


@dataclass(frozen=True)
class Pack:
    """An item in one of its packs; `factor` base units are in it."""

    item: Item
    uom: str
    factor: Decimal

    @property
    def words(self) -> str:
        """For people: GLOVE-M Exam glove (BX of 10 EA)."""
        of = "" if self.factor == 1 else f" of {plain(self.factor)} {self.item.base_uom}"
        return f"{self.item.code} {self.item.name} ({self.uom}{of})"


class AmbiguousScan(Invalid):
    """A number means several packs; a person chooses one of the `candidates`."""

    def __init__(self, candidates: tuple[Pack, ...]) -> None:
        listed = "; ".join(candidate.words for candidate in candidates)
        super().__init__(f"This number means {len(candidates)} things. Choose one: {listed}.")
        self.candidates = candidates


@dataclass(frozen=True)
class Scanned:
    """What was scanned or typed, and the pack it means.

    `scan` is None where it is no barcode, then `reason` says why; `pack` is None where nobody knows it.
    Both stay for the review of what could not be found.
    """

    raw: str
    scan: Scan | None
    pack: Pack | None
    reason: str = ""
    unit_factor: Decimal = field(default=ONE, init=False)

    @property
    def factor(self) -> Decimal:
        """Base units in the pack that the barcode names: 10 for the barcode of a box of 10."""
        return self.pack.factor if self.pack else ONE

    @property
    def is_pack(self) -> bool:
        """Whether to ask if the whole pack is meant or one piece of it."""
        return self.base_quantity(whole=True) != self.unit_factor

    @property
    def is_half(self) -> bool:
        """Whether it is the barcode of a label that names no product: the other one does."""
        if self.scan is None:
            return OTHER_HALF in self.reason
        return not self.scan.di and not self.scan.donation

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should compare with the label."""
        if not self.scan:
            return ()
        counted = self.scan.quantity
        if counted is None or self.scan.counts_packs or self.factor in (ONE, counted):
            return self.scan.warnings
        sentence = (
            f"The label counts {plain(counted)} pieces, the item master {plain(self.factor)} in this pack."
        )
        return (*self.scan.warnings, sentence)

    def base_quantity(self, *, whole: bool) -> Decimal:
        """Base units meant: one piece, or all that the scanned thing holds.

        A quantity in the barcode counts the packs on a shipping label, else the pieces in the pack.
        """
        if not whole:
            return self.unit_factor
        counted = self.scan.quantity if self.scan else None
        if counted is None:
            return self.factor
        return counted * self.factor if self.scan and self.scan.counts_packs else counted


def resolve(given: str | Scan, *, before: str = "") -> Scanned:
    """Finds what a scan or a typed item or part number means in the present organization, by one query.

    `before` is what was scanned just before: where only one of the two names a product, they are taken for
    the two barcodes of one label. Raises AmbiguousScan. What is unknown comes back without a pack.
    """
    text = given if isinstance(given, str) else given.raw
    scan, reason = read(given) if isinstance(given, str) else (given, "")
    both = label(before, text)
    if both:
        text, scan, reason = both.raw, both, ""
    packs = _packs(scan.di if scan else None, text)
    if len(packs) > 1:
        raise AmbiguousScan(packs)
    return Scanned(text, scan, packs[0] if packs else None, reason)


def read(text: str) -> tuple[Scan | None, str]:
    """The scan; None and the reason where the text is no barcode."""
    try:
        return parse(text), ""
    except UnreadableScan as error:
        return None, f"{error} ({error.position})"


def label(before: str, text: str) -> Scan | None:
    """Both scans as one, where only one of them names a product and the other belongs to it; else None."""
    named = [bool(scan and scan.di) for scan, _ in (read(before), read(text))]
    if not before or all(named) or not any(named):
        return None
    try:
        return together(before, text)
    except UnreadableScan:
        return None


def meant(di: str | None, number: str) -> CompoundSelect[Any] | Select[Any]:
    """Selects (item_id, uom, factor, by_barcode) of the packs with a device identifier or a number.

    `number` is an item number or a manufacturer's part number, whatever its case.
    """
    key = number.strip().upper()
    if not key.isprintable() or len(key) > LONGEST_NUMBER:  # PostgreSQL takes no NUL, and no number is one
        key = ""
    by_number = [
        select(Item.id.label("item_id"), Item.base_uom.label("uom"), literal(ONE).label("factor"),
               literal(False).label("by_barcode")).where(column == key, column != "")
        for column in (Item.code_key, Item.part_key)
    ]  # fmt: skip
    if di is None:
        return union_all(*by_number)
    level = (
        ItemPackaging.item_id,
        ItemPackaging.uom,
        ItemPackaging.factor,
        literal(True).label("by_barcode"),
    )
    further = (ItemPackaging.item_id == DeviceIdentifier.item_id) & (
        ItemPackaging.uom == DeviceIdentifier.uom
    )
    return union_all(
        select(*level).where(ItemPackaging.gtin.in_(written_forms(di))),
        select(*level).join(DeviceIdentifier, further).where(DeviceIdentifier.identifier == di),
        *by_number,
    )


def written_forms(di: str) -> list[str]:
    """A GTIN-14 as master data may hold it: in full, or as the shorter code it was made of."""
    if not (di.isdecimal() and len(di) == 14):
        return [di]
    return [di[-length:] for length in GTIN_LENGTHS if not di[:-length].strip("0")]


def _packs(di: str | None, number: str) -> tuple[Pack, ...]:
    """The packs; a number adds nothing to an item whose barcode says which pack it is."""
    named = meant(di, number).subquery()
    rows = db.session.execute(
        select(Item, named.c.uom, named.c.factor, named.c.by_barcode)
        .join(named, named.c.item_id == Item.id)
        .order_by(Item.code, named.c.factor)
    ).all()
    scanned = {item.id for item, _, _, by_barcode in rows if by_barcode}
    packs = {
        (item.id, uom): Pack(item, uom, factor)
        for item, uom, factor, by_barcode in rows
        if by_barcode or item.id not in scanned
    }
    return tuple(packs.values())
