"""Supplies used: DFT^P03 charges, and OMS^O05, OMN^O07, ORM^O01 orders where an interface says so."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from integrations.clinical import Usage, UsageStatus
from integrations.errors import Unreadable
from integrations.formats.hl7v2.devices import Device, device_segments, devices
from integrations.formats.hl7v2.interface import STATUS_WORDS, Interface, Place
from integrations.formats.hl7v2.orders import CANCEL, Line, lines_of, order_number
from integrations.formats.hl7v2.parsing import Message, Segment
from integrations.formats.hl7v2.reading import day, first_instant, instant, money, number, patient

CHARGE, CREDITS = "CG", frozenset({"CR", "CD"})
# Codes of FT1-7 that name what was done, not what was used (table 0396).
PROCEDURE_SYSTEMS = frozenset({"C4", "CPT", "CPT4", "C5", "I9", "I9C", "I10", "I10P", "SCT", "LN"})
ITEM_NAMES = ("item_code", "catalog_number", "manufacturer_part", "di", "item_text")
DAYS = ("expires_on", "made_on")
Values = dict[str, Any]


def read_charges(message: Message, interface: Interface, warnings: list[str]) -> tuple[Usage, ...]:
    """The usages of a DFT^P03; charges that name no supply are left out with a warning."""
    groups = message.groups(lambda one: one.name == "FT1")
    if not groups:
        raise Unreadable("The FT1 segment is missing", position="FT1(1)")
    usages: list[Usage] = []
    for group in groups:
        reason = _why_no_usage(group, interface)
        if reason:
            warnings.append(f"{group[0].where()}: {reason}")
        else:
            found = devices(group, warnings)
            usages += _usages(message, group, _charge(message, group) | {"devices": found}, interface)
    return tuple(usages)


def _why_no_usage(group: Sequence[Segment], interface: Interface) -> str:
    ft1 = group[0]
    kind = ft1.text(6).upper() or CHARGE
    if kind != CHARGE and kind not in CREDITS:
        return f"the transaction type {kind[:10]} is neither a charge nor a credit"
    placed, _ = _placed(interface, "item_code", group)
    names_item = ft1.field(34) or ft1.field(35) or placed or device_segments(group)
    if not names_item and ft1.text(7, 3).upper() in PROCEDURE_SYSTEMS:
        return "a charge for a procedure, no supply is named"
    return ""


def _charge(message: Message, group: Sequence[Segment]) -> Values:
    ft1 = group[0]
    line = ft1.text(2) or f"{message.header.text(10)}/{ft1.text(1) or ft1.ordinal}"
    count = number(ft1.text(10), ft1.where(10)) if ft1.text(10) else Decimal(1)
    is_credit = ft1.text(6).upper() in CREDITS or count < 0
    return {
        "line_id": f"{line}/CR" if is_credit else line,
        "reverses": line if is_credit else "",
        "status": UsageStatus.RETURNED if is_credit else UsageStatus.USED,
        "quantity": abs(count),
        "occurred_at": (ft1, 4),
        "procedure_code": ft1.text(25),
        "procedure_text": ft1.text(25, 2),
        "practitioner_id": ft1.text(20) or ft1.text(21),
        "location_code": ft1.text(16),
        "cost_center": ft1.text(13),
        "item_code": ft1.text(34) or ft1.text(7),
        "item_text": ft1.text(34, 2) or ft1.text(7, 2) or ft1.text(8),
        "manufacturer_part": ft1.text(35),
        "charge_code": ft1.text(7),
        "unit_cost": money(ft1, 22),
    }


def read_orders(message: Message, interface: Interface, warnings: list[str]) -> tuple[Usage, ...]:
    """The usages of an OMS^O05, OMN^O07 or ORM^O01 with RQD."""
    usages: list[Usage] = []
    for line in lines_of(message):
        found = devices(line.segments, warnings)
        usages += _usages(message, line.segments, _order(message, line) | {"devices": found}, interface)
    return tuple(usages)


def _order(message: Message, line: Line) -> Values:
    rqd, rq1 = line.rqd, line.rq1
    line_id = f"{order_number(message, line)}/{rqd.text(1) or rqd.ordinal}"
    count = number(rqd.text(5), rqd.where(5)) if rqd.text(5) else Decimal(1)
    is_back = line.control in CANCEL or count < 0
    return {
        "line_id": f"{line_id}/CR" if is_back else line_id,
        "reverses": line_id if is_back else "",
        "status": UsageStatus.RETURNED if is_back else UsageStatus.USED,
        "quantity": abs(count),
        "uom": rqd.text(6) or "EA",
        "occurred_at": (line.orc, 9),
        "practitioner_id": line.orc.text(12) if line.orc else "",
        "location_code": rqd.text(9),
        "cost_center": rqd.text(7),
        "item_code": rqd.text(4) or rqd.text(2) or rqd.text(3),
        "item_text": rqd.text(4, 2) or rqd.text(2, 2) or rqd.text(3, 2),
        "manufacturer": rq1.text(2, 2) or rq1.text(2) if rq1 else "",
        "catalog_number": rq1.text(3) if rq1 else "",
    }


def _usages(message: Message, group: Sequence[Segment], said: Values, interface: Interface) -> list[Usage]:
    values = {
        **_context(message, group),
        **{name: value for name, value in said.items() if value or name == "quantity"},
    }
    found: Sequence[Device] = values.pop("devices", ())
    places = {name: _placed(interface, name, group) for name in interface.places}
    _place_values(values, places, interface)
    if isinstance(values["occurred_at"], tuple):
        values["occurred_at"] = _time(message, values["occurred_at"], interface)
    values |= {"source": interface.source, "message_id": message.header.text(10)}
    return [_build(one, group[0]) for one in _by_device(values, found, group[0])]


def _context(message: Message, group: Sequence[Segment]) -> Values:
    """What the segments around the lines say: patient, visit, procedure, place."""
    pid, pv1 = message.first("PID"), message.first("PV1")
    pr1 = next((one for one in group if one.name == "PR1"), message.first("PR1"))
    who = patient(pid)
    return {
        "patient_id": who.id,
        "patient_assigner": who.assigner,
        "visit": (pv1.text(19) if pv1 else "") or (pid.text(18) if pid else ""),
        "location_code": pv1.text(3) if pv1 else "",
        "procedure_code": pr1.text(3) if pr1 else "",
        "procedure_text": (pr1.text(3, 2) or pr1.text(4)) if pr1 else "",
        "occurred_at": (None, 0),
    }


def _time(message: Message, own: tuple[Segment | None, int], interface: Interface) -> datetime:
    return first_instant(interface.zone, own, (message.first("EVN"), 6), (message.first("EVN"), 2),
                         (message.header, 7))  # fmt: skip


def _placed(interface: Interface, name: str, segments: Sequence[Segment]) -> tuple[str, str]:
    """The value an interface places, and where it stands."""
    place: Place | None = interface.places.get(name)
    text, segment = place.value(segments) if place else ("", None)
    return text, segment.where(place.field, place.component) if place and segment else ""


def _place_values(values: Values, places: dict[str, tuple[str, str]], interface: Interface) -> None:
    for name, (text, where) in places.items():
        if not text:
            continue
        if name == "status":
            values[name] = _status(text, where, interface)
        elif name == "occurred_at":
            values[name] = instant(text, where, interface.zone)
        elif name in DAYS:
            values[name] = day(text, where)
        elif name == "quantity":
            values[name] = abs(number(text, where))
        else:
            values[name] = text


def _status(text: str, where: str, interface: Interface) -> UsageStatus:
    word = text.lower()
    status = interface.statuses.get(word) or STATUS_WORDS.get(word.replace("-", " "))
    if status is None:
        # The word itself is left out: a wrong place could hold a name.
        raise Unreadable("The outcome there is not known; add the word to the interface", position=where)
    return status


def _by_device(values: Values, found: Sequence[Device], first: Segment) -> list[Values]:
    """One usage per device: several devices of a line must be as many as its quantity."""
    if len(found) < 2:
        return [values | _said(found[0], values)] if found else [values]
    if values.get("quantity", Decimal(1)) != len(found):
        raise Unreadable(f"The quantity is not the number of devices named ({len(found)})",
                         position=first.where())  # fmt: skip
    return [
        values | _said(one, values) | {"quantity": Decimal(1), "line_id": f"{values['line_id']}#{at}"}
        for at, one in enumerate(found, start=1)
    ]


def _said(device: Device, values: Values) -> Values:
    """What the device says where the interface's own fields say nothing."""
    return {name: value for name, value in asdict(device).items() if value and not values.get(name)}


def _build(values: Values, first: Segment) -> Usage:
    kept = {name: value for name, value in values.items() if value or name == "quantity"}
    if not any(kept.get(name) for name in ITEM_NAMES):
        raise Unreadable("The item is missing", position=first.where())
    if not kept.get("quantity", Decimal(1)):
        raise Unreadable("The quantity is zero", position=first.where())
    try:
        return Usage(**kept)
    except ValidationError as error:
        name = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Unreadable(f"The value for {name} cannot be used", position=first.where()) from error
