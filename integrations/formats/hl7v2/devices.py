"""The device of a line: PRT-10 and PRT-16 to PRT-22 (HL7 v2.9 chapter 7.4.4), UDI and its parts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from integrations.errors import Unreadable
from integrations.formats.hl7v2.parsing import Segment
from integrations.formats.hl7v2.reading import day
from integrations.formats.udi import Scan, UnreadableScan, parse

UDI_ROOT = "2.16.840.1.113883.3.3719"
FULL, WITHOUT_SERIAL, IDENTIFIER, MADE, EXPIRES, LOT, SERIAL, DONATION = 10, 22, 16, 17, 18, 19, 20, 21
PARTS = (IDENTIFIER, MADE, EXPIRES, LOT, SERIAL, DONATION)
PART_FIELDS = {
    "di": IDENTIFIER, "made_on": MADE, "expires_on": EXPIRES, "lot": LOT, "serial": SERIAL,
    "donation": DONATION,
}  # fmt: skip


@dataclass(frozen=True)
class Device:
    """What a PRT says of one device; empty where it says nothing."""

    raw_scan: str = ""
    di: str = ""
    lot: str = ""
    serial: str = ""
    donation: str = ""
    expires_on: date | None = None
    made_on: date | None = None


def device_segments(segments: Sequence[Segment]) -> list[Segment]:
    """The PRT segments of a line that name a device; those with PRT-4 = EQUIP if any has it."""
    found = [
        one for one in segments if one.name == "PRT" and (udi_of(one) or any(one.field(at) for at in PARTS))
    ]
    return [one for one in found if one.text(4).upper() == "EQUIP"] or found


def devices(segments: Sequence[Segment], warnings: list[str]) -> tuple[Device, ...]:
    """The devices of a line; raises Unreadable where a UDI and its parts disagree."""
    return tuple(dict.fromkeys(device(one, warnings) for one in device_segments(segments)))


def udi_of(prt: Segment) -> str:
    """The UDI as it stands in PRT-10 or PRT-22; empty where PRT-10 is an identifier of another kind."""
    for field in (FULL, WITHOUT_SERIAL):
        text = prt.text(field)
        is_udi = prt.text(field, 3) == UDI_ROOT or text[:1] in set("(+=&") or text[:2] == "01"
        if text and is_udi:
            return text
    return ""


def device(prt: Segment, warnings: list[str]) -> Device:
    """One device; a UDI that cannot be read is kept and told. Raises Unreadable on a disagreement."""
    said = Device(
        raw_scan=udi_of(prt),
        di=prt.text(IDENTIFIER),
        lot=prt.text(LOT),
        serial=prt.text(SERIAL),
        donation=prt.text(DONATION),
        expires_on=_day(prt, EXPIRES),
        made_on=_day(prt, MADE),
    )
    if not said.raw_scan:
        return said
    try:
        scan = parse(said.raw_scan)
    except UnreadableScan as error:
        warnings.append(f"{prt.where(FULL)}: the UDI cannot be read: {error}")
        return said
    return _agreed(prt, said, scan)


def _agreed(prt: Segment, said: Device, scan: Scan) -> Device:
    """Parts that are sent must say what the UDI says (PRT-10)."""
    filled = {}
    for name, field in PART_FIELDS.items():
        told, scanned = getattr(said, name), getattr(scan, name)
        if told and scanned and not _same(told, scanned):
            raise Unreadable(
                "This does not agree with the UDI of the same segment", position=prt.where(field)
            )
        filled[name] = scanned or told
    return replace(said, **filled)


def _same(told: object, scanned: object) -> bool:
    """A GTIN may be sent with fewer leading zeros than the barcode holds."""
    if isinstance(told, str) and isinstance(scanned, str):
        return told.lstrip("0") == scanned.lstrip("0") if told.isdigit() else told == scanned
    return told == scanned


def _day(prt: Segment, field: int) -> date | None:
    text = prt.text(field)
    return day(text, prt.where(field)) if text else None
