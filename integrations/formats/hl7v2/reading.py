"""Values of HL7 v2 data types: DTM, NM, CX, CP; each error says segment and field."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from integrations.canonical import Money
from integrations.clinical import PatientIdentifier
from integrations.errors import Unreadable
from integrations.formats.hl7v2.parsing import Segment

TIME = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,4}))?)?)?)?)?)?([+-]\d{4})?"
)
CURRENCY = re.compile(r"[A-Z]{3}")
LARGEST = Decimal(999_999)


def instant(text: str, where: str, zone: ZoneInfo) -> datetime:
    """A DTM (2.A.22) as aware UTC; without an offset it is in the interface's zone. Raises Unreadable."""
    found = TIME.fullmatch(text)
    if found is None:
        raise Unreadable("This is not a time (YYYYMMDDHHMMSS)", position=where)
    parts = [int(part) if part else None for part in found.groups()[:6]]
    year, month, day, hour, minute, second = parts
    offset = found[8]
    try:
        value = datetime(
            year or 0, month or 1, day or 1, hour or 0, minute or 0, min(second or 0, 59),
            int((found[7] or "0").ljust(6, "0")), tzinfo=_offset(offset) if offset else zone,
        )  # fmt: skip
        return value.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unreadable("This time does not exist", position=where) from error


def _offset(text: str) -> timezone:
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[3:5])))


def first_instant(zone: ZoneInfo, *candidates: tuple[Segment | None, int]) -> datetime:
    """The first time given among fields; raises Unreadable when there is none."""
    for segment, number in candidates:
        if segment is not None and (text := segment.text(number)):
            return instant(text, segment.where(number), zone)
    names = ", ".join(f"{segment.name}-{number}" for segment, number in candidates if segment is not None)
    raise Unreadable(f"The time is missing ({names})", position="MSH(1)-7")


def day(text: str, where: str) -> date:
    """A date from a DT or DTM; raises Unreadable."""
    found = re.match(r"(\d{4})(\d\d)(\d\d)", text)
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else date.fromisoformat(text)
    except ValueError as error:
        raise Unreadable("This is not a date (YYYYMMDD)", position=where) from error


def number(text: str, where: str) -> Decimal:
    """An NM; raises Unreadable."""
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise Unreadable("This is not a number", position=where) from error
    if not value.is_finite() or abs(value) > LARGEST:
        raise Unreadable("This number is too large", position=where)
    return value


def money(segment: Segment, field: int, default: str = "USD") -> Money | None:
    """A CP or MO: amount and currency; None when empty. Raises Unreadable."""
    text = segment.text(field)
    if not text:
        return None
    currency = segment.text(field, 1, 2) or segment.text(field, 2)
    if not CURRENCY.fullmatch(currency):
        currency = default
    try:
        return Money(amount=number(text, segment.where(field)), currency=currency)
    except ValidationError as error:
        raise Unreadable("This is not an amount", position=segment.where(field)) from error


def patient(pid: Segment | None) -> PatientIdentifier:
    """PID-3: the medical record number (type MR), else the first, else PID-2; empty without any."""
    if pid is None:
        return PatientIdentifier(id="")
    found = [one for one in _identifiers(pid, 3) if one[0].id]
    best = next((one for one, kind in found if kind in {"MR", "PI"}), None)
    if best is not None:
        return best
    return found[0][0] if found else PatientIdentifier(id=pid.text(2), assigner=pid.text(2, 4))


def identifiers(segment: Segment, field: int) -> tuple[PatientIdentifier, ...]:
    """Every CX of a field."""
    return tuple(one for one, _ in _identifiers(segment, field) if one.id)


def _identifiers(segment: Segment, field: int) -> list[tuple[PatientIdentifier, str]]:
    return [
        (
            PatientIdentifier(
                id=segment.text(field, repetition=at),
                assigner=segment.text(field, 4, repetition=at) or segment.text(field, 4, 2, repetition=at),
            ),
            segment.text(field, 5, repetition=at),
        )
        for at in range(1, segment.repetitions(field) + 1)
    ]
