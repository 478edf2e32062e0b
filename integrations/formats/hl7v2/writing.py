"""Item master out: MFN^M16 (items, packs, places), MFN^M15 (what places have); HL7 v2.9 chapters 8, 17."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from integrations.canonical import Lifecycle
from integrations.clinical import ItemMaster, ItemRecord, StockLevel
from integrations.formats.hl7v2.items import OPERATIONS
from integrations.formats.hl7v2.parsing import STANDARD

EVENTS = {operation: event for event, operation in OPERATIONS.items()}
STATUSES = {Lifecycle.ACTIVE: "A", Lifecycle.BLOCKED: "P", Lifecycle.DISCONTINUED: "I"}
VERSION = "2.8"


@dataclass(frozen=True)
class Addressing:
    """Who sends to whom (MSH-3 to MSH-6); `sent_at` is aware."""

    sender: tuple[str, str]
    receiver: tuple[str, str]
    sent_at: datetime
    processing: str = "P"


def write_items(master: ItemMaster, addressing: Addressing) -> str:
    """An MFN^M16: one MFE and ITM a record, with packs and places."""
    lines = _head("MFN^M16^MFN_M16", master, addressing)
    for number, record in enumerate(master.records, start=1):
        lines += [_mfe(number, record, addressing.sent_at), _itm(record)]
        lines += [
            ["PKG", str(at), pack.uom, "", _plain(pack.factor), "", "", "", pack.gtin]
            for at, pack in enumerate(record.item.packaging, start=1)
        ]
        lines += [_ivt(at, level) for at, level in enumerate(record.levels, start=1)]
    return _text(lines)


def write_levels(master: ItemMaster, addressing: Addressing) -> str:
    """An MFN^M15: one MFE and IIM for each place and lot of an item."""
    lines = _head("MFN^M15^MFN_M15", master, addressing)
    number = 0
    for record in master.records:
        for level in record.levels:
            number += 1
            lines += [_mfe(number, record, addressing.sent_at), _iim(record, level, master.at)]
    return _text(lines)


def _head(kind: str, master: ItemMaster, addressing: Addressing) -> list[list[str]]:
    sent = addressing.sent_at.strftime("%Y%m%d%H%M%S%z")
    msh = [
        "MSH", STANDARD.encoding, *_each(addressing.sender), *_each(addressing.receiver), sent, "", kind,
        _safe(master.message_id), addressing.processing, VERSION, "", "", "", "", "", "UNICODE UTF-8",
    ]  # fmt: skip
    return [msh, ["MFI", "INV", "", "UPD", sent, "", "AL"]]


def _mfe(number: int, record: ItemRecord, at: datetime) -> list[str]:
    return [
        "MFE",
        EVENTS[record.operation],
        str(number),
        at.strftime("%Y%m%d%H%M%S"),
        _safe(record.item.code),
        "ST",
    ]


def _itm(record: ItemRecord) -> list[str]:
    item = record.item
    price = "" if record.charge_price is None else _plain(record.charge_price)
    return [
        "ITM", _safe(item.code), _safe(item.name), STATUSES[item.lifecycle],
        "IMP" if record.is_implant else "SUP", "", _flag(item.expiry_tracked), "",
        _safe(item.manufacturer), _safe(item.manufacturer_part), "", "", _safe(record.charge_code), price,
        _flag(record.is_stocked),
    ]  # fmt: skip


def _ivt(number: int, level: StockLevel) -> list[str]:
    fields = [""] * 27
    fields[0], fields[1], fields[2] = "IVT", str(number), _safe(level.location_code)
    fields[7], fields[9], fields[16] = _safe(level.bin), level.uom, _flag(level.is_consignment)
    for at, amount in ((24, level.reorder_point), (25, level.reorder_quantity), (26, level.par)):
        fields[at] = "" if amount is None else _plain(amount)
    return fields


def _iim(record: ItemRecord, level: StockLevel, at: datetime) -> list[str]:
    item = record.item
    code = f"{_safe(item.code)}^{_safe(item.name)}"
    on_hand = "" if level.on_hand is None else _plain(level.on_hand)
    return [
        "IIM", _safe(item.code), code, _safe(level.lot), _day(level.expires_on), _safe(item.manufacturer),
        _safe(level.location_code), "", "", "", "", at.strftime("%Y%m%d"), on_hand, level.uom,
    ]  # fmt: skip


def _each(pair: tuple[str, str]) -> list[str]:
    return [_safe(one) for one in pair]


def _safe(text: str) -> str:
    return STANDARD.escaped(text)


def _flag(value: bool) -> str:
    return "Y" if value else "N"


def _day(value: date | None) -> str:
    return value.strftime("%Y%m%d") if value else ""


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _text(lines: Iterable[list[str]]) -> str:
    return "".join("|".join(line).rstrip("|") + "\r" for line in lines)
