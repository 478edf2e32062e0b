"""HL7 v2 feeds behind one door: what the portal needs to take, answer and read their messages."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from integrations.clinical import ItemMaster, UsageStatus
from integrations.errors import Unreadable
from integrations.formats.hl7v2 import KINDS, Interface, Reading, read, split
from integrations.formats.hl7v2.acknowledging import (
    AckCode,
    Fault,
    Header,
    acknowledge,
    fault_of,
    headless,
    open_header,
    wants,
)
from integrations.formats.hl7v2.interface import PLACEABLE, place
from integrations.formats.hl7v2.parsing import MAX_BYTES, parse
from integrations.formats.hl7v2.writing import Addressing, write_items, write_levels

MOST_OWN = 100
__all__ = [
    "KINDS", "MAX_BYTES", "PLACEABLE", "AckCode", "Fault", "Header", "Interface", "Reading", "acknowledge",
    "fault_of", "headless", "interface", "open_header", "own_fields", "read", "split", "wants", "write",
]  # fmt: skip


def interface(
    source: str, zone: ZoneInfo, mapping: Mapping[str, Any], settings: Mapping[str, Any]
) -> Interface:
    """An interface from what is stored of it; raises Unreadable, its position the field of ours.

    `mapping` gives places ("ZPA-3.1") by PLACEABLE name; `settings` holds orders ("usage" or "request"),
    charset, and statuses (the sender's word to an outcome).
    """
    unknown = sorted(set(mapping) - set(PLACEABLE))
    if unknown:
        raise Unreadable(f"{unknown[0]} is not a field of a usage", position=unknown[0])
    orders = settings.get("orders", "request")
    base = Interface(source, zone=zone, charset=str(settings.get("charset", "")))
    return replace(
        base,
        orders=cast(Literal["usage", "request"], orders if orders == "usage" else "request"),
        places={name: _place(name, text) for name, text in mapping.items() if text},
        statuses={
            str(word).lower(): _status(text) for word, text in dict(settings.get("statuses", {})).items()
        },
    )


def write(
    kind: str, master: ItemMaster, *, sender: tuple[str, str], receiver: tuple[str, str], at: datetime
) -> str:
    """An MFN^M16 or MFN^M15; `at` is aware."""
    addressing = Addressing(sender, receiver, at)
    return write_items(master, addressing) if kind == "MFN^M16" else write_levels(master, addressing)


def own_fields(raw: bytes) -> list[tuple[str, str]]:
    """Values of the Z segments of a message by place, for an engineer to choose from; raises Unreadable."""
    found = []
    for one in parse(split(raw)[0]).segments:
        if one.name.startswith("Z"):
            found += [(f"{one.name}-{number}", one.field(number)) for number in range(1, len(one.fields))]
    return [(where, value) for where, value in found if value][:MOST_OWN]


def _place(name: str, text: object) -> Any:
    try:
        return place(str(text))
    except Unreadable as error:
        raise Unreadable(str(error), position=name) from error


def _status(text: object) -> UsageStatus:
    try:
        return UsageStatus(str(text))
    except ValueError as error:
        known = ", ".join(UsageStatus)
        raise Unreadable(f"{text} is not an outcome; use one of {known}", position="statuses") from error
