"""Counts as their pages show them; while one is open, never what the book says."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from portal.foundation.filters import day
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.inventory.count_queries import lines_in_order
from portal.inventory.counting import OPEN, differences, is_asked
from portal.inventory.forms import CountForm
from portal.inventory.models import CountLine, CountSheet
from portal.inventory.rules import Condition, CountState, Owner

STATES = {
    CountState.COUNTING: Status("Counting", "info", "clipboard-list"),
    CountState.RECOUNTING: Status("Recount", "warning", "refresh"),
    CountState.POSTED: Status("Posted", "success", "check"),
    CountState.CANCELLED: Status("Cancelled", "neutral", "ban"),
}


@dataclass(frozen=True)
class CountRow:
    """A count in the list."""

    id: int
    number: str
    location: str
    started_at: datetime
    lines: str
    status: Status


def row(sheet: CountSheet) -> CountRow:
    """A count in the list."""
    done = sum(1 for line in sheet.lines if line.counted is not None)
    words = f"{len(differences(sheet))} of {len(sheet.lines)} differed"
    return CountRow(
        id=sheet.id,
        number=sheet.number,
        location=sheet.location.name,
        started_at=sheet.started_at,
        lines=f"{done} of {len(sheet.lines)} counted" if sheet.state in OPEN else words,
        status=STATES[sheet.state],
    )


@dataclass(frozen=True)
class LineRow:
    """A line of the sheet; of an open one without the book."""

    id: int
    item: str
    code: str
    place: str
    uom: str
    typed: str
    error: str | None
    counted: str
    book: str
    difference: str
    is_scanned: bool
    tone: str


def sheet(sheet: CountSheet, form: CountForm, scanned: int | None) -> dict[str, Any]:
    """The sheet while it is open, and the result afterwards."""
    is_open = sheet.state in OPEN
    asked = [line for line in lines_in_order(sheet) if not is_open or is_asked(sheet, line)]
    return {
        "lines": [_line(line, form, is_scanned=line.id == scanned, is_open=is_open) for line in asked],
        "is_open": is_open,
        "sheet_status": STATES[sheet.state],
    }


def _line(line: CountLine, form: CountForm, *, is_scanned: bool, is_open: bool) -> LineRow:
    box = form._fields.get(f"line-{line.id}")
    difference = (line.counted or Decimal()) - (line.book or Decimal())
    return LineRow(
        id=line.id,
        item=line.item.name,
        code=line.item.code,
        place=_place(line),
        uom=line.item.base_uom,
        typed=box.typed if box is not None else "",
        error=str(box.errors[0]) if box is not None and box.errors else None,
        counted=_plain(line.counted),
        book="" if is_open else _plain(line.book),
        difference="" if is_open or not difference else f"{difference:+f}".rstrip("0").rstrip("."),
        is_scanned=is_scanned,
        tone="info" if is_scanned else "warning" if not is_open and difference else "",
    )


def _plain(quantity: Decimal | None) -> str:
    return plain(quantity) if quantity is not None else "–"


def _place(line: CountLine) -> str:
    parts = [
        f"lot {line.lot}" if line.lot else "",
        f"serial {line.serial}" if line.serial else "",
        f"expires {day(line.expires_on)}" if line.expires_on else "",
        "consignment" if line.owner is Owner.CONSIGNMENT else "",
        "in quarantine" if line.condition is Condition.QUARANTINED else "",
    ]
    return ", ".join(filter(None, parts))
