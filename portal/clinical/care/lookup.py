"""What a scan or some words mean: one item in a pack, or a few to choose from, or a reason why not."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from integrations.canonical import Lifecycle
from portal.catalog.search import named
from portal.clinical.care.answer import Entry
from portal.masterdata.models import Item
from portal.masterdata.scanning import AmbiguousScan, Scanned, resolve

MOST_FOUND = 8
BARCODE = re.compile(r"[\]+=&(*]|\d{8}")
PLACE = re.compile(r" \(character \d+\)$")
MOST_OFFERS = 40


@dataclass(frozen=True)
class Hit:
    """What was found: `item` in hand as `entry`, or some to choose from; `reason` says why nothing was."""

    entry: Entry | None = None
    item: Item | None = None
    items: Sequence[Item] = ()
    warnings: Sequence[str] = ()
    reason: str = ""
    is_barcode: bool = False


def look_up(text: str, day: date) -> Hit:
    """One query for a barcode or a number, a few more for words; prices do not matter here, the day does."""
    try:
        scanned = resolve(text)
    except AmbiguousScan as error:
        return Hit(items=list({one.item.id: one.item for one in error.candidates}.values()))
    if scanned.pack is not None:
        return Hit(entry=_entry(scanned), item=scanned.pack.item, warnings=scanned.warnings)
    if scanned.scan is None:
        items = _named(text, day)
        if items:
            return Hit(items=items)
    is_barcode = scanned.scan is not None or BARCODE.match(scanned.raw.strip()) is not None
    return Hit(reason=_why_not(scanned), is_barcode=is_barcode)


def _entry(scanned: Scanned) -> Entry:
    """The thing in hand; in a case one piece is meant, even when the barcode is that of a box."""
    assert scanned.pack is not None, "only what was found is taken in hand"
    scan, pack = scanned.scan, scanned.pack
    return Entry(
        item_id=pack.item.id,
        pack_uom=pack.uom if scanned.is_pack else "",
        pack_factor=scanned.base_quantity(whole=True),
        di=(scan.di or "") if scan else "",
        lot=(scan.lot or "") if scan else "",
        serial=(scan.serial or "") if scan else "",
        expires_on=scan.expires_on if scan else None,
        raw_scan=scanned.raw if scan else "",
    )


def _why_not(scanned: Scanned) -> str:
    if scanned.scan is not None:
        return (
            f"The barcode was read, but nobody here knows the item {scanned.scan.di or ''}. "
            "Type its name, or keep the scan for a check."
        )
    text = scanned.raw.strip()
    if BARCODE.match(text):
        reason = PLACE.sub("", scanned.reason)
        return f"This barcode could not be read. {reason} Or type the name of the item."
    return f"Nothing is called “{text[:60]}”. Type a part of the name, or the item number."


def _named(text: str, day: date) -> list[Item]:
    """What the catalog finds, synonyms and similar spellings included; each item once, the best first."""
    offers = named(text, day, MOST_OFFERS)
    items = {one.item_id: one.item for one in offers if one.item.lifecycle is Lifecycle.ACTIVE}
    return list(items.values())[:MOST_FOUND]
