"""Counts: blind, then a blind recount of what differs, then posted as movements."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy.exc import IntegrityError

from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.numbering import next_number
from portal.inventory import count_queries as queries
from portal.inventory.count_queries import Which
from portal.inventory.models import CountLine, CountSheet
from portal.inventory.rules import COUNT_TRANSITIONS, CountState, MovementKind
from portal.inventory.services import Move, move
from portal.masterdata.scanning import resolve

OPEN = frozenset({CountState.COUNTING, CountState.RECOUNTING})


def start(actor: Actor, location_id: int, which: Which) -> CountSheet:
    """Begins a count; raises Invalid when there is nothing to count."""
    place = queries.location(location_id)
    actor.require(Permission.COUNT_STOCK, facility_id=place.facility_id)
    lines = queries.to_count(location_id, which)
    if not lines:
        raise Invalid(f"There is nothing like that to count at {place.name}.", field="which")
    sheet = CountSheet(
        number=next_number("CT"), location_id=location_id, started_by_id=actor.account_id, lines=lines
    )
    db.session.add(sheet)
    db.session.flush()
    audit.record(actor, "count.start", sheet, after={"lines": len(lines)})
    return sheet


def save(actor: Actor, sheet_id: int, counted: Mapping[int, Decimal]) -> CountSheet:
    """Keeps what was counted so far (by line), beside what the book says now.

    Raises Conflict when the count has ended.
    """
    sheet = _open_sheet(actor, sheet_id)
    book = queries.book_of(sheet)
    for line in sheet.lines:
        quantity = counted.get(line.id)
        if quantity is not None and quantity != line.counted and is_asked(sheet, line):
            line.counted, line.book = quantity, book.get(queries.place_of(sheet, line), Decimal())
    return sheet


def is_asked(sheet: CountSheet, line: CountLine) -> bool:
    """Whether the line is on the page: in a recount only what differed."""
    return sheet.state is not CountState.RECOUNTING or line.first_counted != line.first_book


def finish(actor: Actor, sheet_id: int, counted: Mapping[int, Decimal]) -> CountSheet:
    """Ends the round: what differs is counted again once, then all is posted.

    Raises Invalid while something is not counted.
    """
    sheet = save(actor, sheet_id, counted)
    missing = [line for line in sheet.lines if line.counted is None and is_asked(sheet, line)]
    if missing:
        raise Invalid(f"Count {missing[0].item.name} too, or enter 0 when there is none.")
    differs = any(line.counted != line.book for line in sheet.lines)
    if sheet.state is CountState.COUNTING and differs:
        _go(sheet, "recount")
        for line in sheet.lines:
            line.first_counted, line.first_book = line.counted, line.book
            if line.counted != line.book:
                line.counted = line.book = None
        audit.record(actor, "count.recount", sheet)
        return sheet
    return _post(actor, sheet)


def _post(actor: Actor, sheet: CountSheet) -> CountSheet:
    _go(sheet, "post")
    sheet.ended_at = clock.now()
    moves = [
        Move(
            key=f"count-line-{line.id}", kind=MovementKind.COUNT, location_id=sheet.location_id,
            item_id=line.item_id, quantity=difference, lot=line.lot, serial=line.serial,
            expires_on=line.expires_on, owner=line.owner, condition=line.condition, document=sheet.number,
            reason="Count",
        )
        for line, difference in differences(sheet)
    ]  # fmt: skip
    move(actor, moves)
    audit.record(actor, "count.post", sheet, after={"lines": len(sheet.lines), "differences": len(moves)})
    return sheet


def differences(sheet: CountSheet) -> list[tuple[CountLine, Decimal]]:
    """Lines where the shelf and the book differ, with what is to be added."""
    return [
        (line, line.counted - line.book)
        for line in sheet.lines
        if line.counted is not None and line.book is not None and line.counted != line.book
    ]


def scan(actor: Actor, sheet_id: int, text: str) -> CountLine:
    """The line of what somebody holds; it is added when the sheet did not list it.

    Raises Invalid (field `scan`) for what no item has.
    """
    sheet = _open_sheet(actor, sheet_id)
    scanned = resolve(text)
    if scanned.pack is None:
        raise Invalid("No item has this number or barcode. Look it up in the catalog.", field="scan")
    item, code = scanned.pack.item, scanned.scan
    lot, serial = (code.lot or "", code.serial or "") if code else ("", "")
    mine = [line for line in sheet.lines if line.item_id == item.id and is_asked(sheet, line)]
    named = [line for line in mine if (line.lot, line.serial) == (lot, serial)]
    unnamed = sorted(mine, key=lambda line: line.counted is not None) if not lot and not serial else []
    known = next(iter(named or unnamed), None)
    return known or _added(
        sheet, item.id, lot=lot, serial=serial, expires_on=code.expires_on if code else None
    )


def _added(sheet: CountSheet, item_id: int, **values: Any) -> CountLine:
    line = CountLine(sheet_id=sheet.id, item_id=item_id, first_book=Decimal(), **values)
    try:
        with db.session.begin_nested():
            db.session.add(line)
    except IntegrityError:
        raise Invalid("This lot was counted already and matched the book.", field="scan") from None
    return line


def cancel(actor: Actor, sheet_id: int) -> CountSheet:
    """Throws the count away; nothing was moved."""
    sheet = _open_sheet(actor, sheet_id)
    _go(sheet, "cancel")
    sheet.ended_at = clock.now()
    audit.record(actor, "count.cancel", sheet)
    return sheet


def _open_sheet(actor: Actor, sheet_id: int) -> CountSheet:
    sheet = queries.sheet(sheet_id, lock=True)
    actor.require(Permission.COUNT_STOCK, facility_id=sheet.location.facility_id)
    if sheet.state not in OPEN:
        raise Conflict(f"{sheet.number} is {sheet.state} already. Start another count.")
    return sheet


def _go(sheet: CountSheet, action: str) -> None:
    state = COUNT_TRANSITIONS.get((sheet.state, action))
    if state is None:
        raise Conflict(f"{sheet.number} is {sheet.state} already. Start another count.")
    sheet.state = state
