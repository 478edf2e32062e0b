"""Recording, undoing and closing from the point-of-care page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import joinedload, undefer

from integrations.clinical import UsageStatus
from portal.clinical.care import cases as care_cases
from portal.clinical.care import context as care_context
from portal.clinical.care import queries as care_queries
from portal.clinical.care.answer import Answer, Entry, event_of
from portal.clinical.care.context import Care
from portal.clinical.care.rules import OUTCOME_LABELS, UNDO_WITHIN, Do, OnShelf, amount, chosen_lots, may_undo
from portal.clinical.models import PreferenceLine, Usage
from portal.clinical.rules import UsageState
from portal.clinical.usage import services as usage
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid

UNDONE = "Undone at the point of care"
CORRECTED = "Corrected at the point of care"


@dataclass(frozen=True)
class Message:
    """A sentence for the page; `undo` and `action` name what a button beside it does."""

    text: str
    tone: str = "success"
    undo: str = ""
    action: str = ""
    action_label: str = ""


def record(actor: Actor, care: Care, known: Answer) -> Message:
    """Records the thing in hand once, in a case under way; the same form again says what stands."""
    key = f"care-{known.entry.key}"
    before = usage.by_key(key)
    if before is not None:
        return Message(f"{known.item.name} is recorded already. Change it in the list below.", "info")
    care = care_cases.opened(actor, care)
    if known.entry.replaces_id is not None:
        usage.undo(actor, _mine(care, known.entry.replaces_id).id, CORRECTED)
    row = usage.record_usage(actor, event_of(care, known.entry, known.outcome, known.base_quantity))
    return _said(row, known)


def _said(row: Usage, known: Answer) -> Message:
    said = f"{amount(known.base_quantity, known.item.base_uom)} of {known.item.name}"
    if row.state is UsageState.CONFLICT:
        return Message(f"{said}: kept beside the other entry. Somebody will look into it.", "warning")
    if row.state is UsageState.REVIEW and known.outcome is UsageStatus.RETURNED:
        never = f"{said}: no use is recorded that a return takes back, so it waits for a check. "
        advice = "If it was never opened, undo this: the shelf is right already."
        return Message(never + advice, "warning", undo=f"undo:{row.id}")
    if row.state is UsageState.REVIEW:
        return Message(f"{said}: noted. Somebody will check it.", "warning")
    return Message(f"{said}: {OUTCOME_LABELS[known.outcome].lower()}, recorded.", undo=f"undo:{row.id}")


def keep_for_review(actor: Actor, care: Care, scan: str) -> Message:
    """Keeps a barcode that nobody understood; somebody finds out what it was, and it is counted then."""
    care = care_cases.opened(actor, care)
    assert care.case is not None, "opened gives every care a case"
    key = f"care-unread-{care.case.id}-{scan}"
    if usage.by_key(key) is None:
        unknown = Entry(0, raw_scan=scan)
        event = replace(event_of(care, unknown, UsageStatus.USED, Decimal(1)), item_id=None, key=key)
        usage.record_usage(actor, replace(event, description="Barcode that could not be read"))
    return Message("The scan is kept. Somebody will find out what it was and count it.", "info")


def use_card(actor: Actor, care: Care) -> list[Message]:
    """Records what the preference card says to open, lot by lot; implants are left to the scanner."""
    card = found(care_queries.card_of(care.case, care.place.id), "preference card")
    care = care_cases.opened(actor, care)
    shelves = care_queries.shelves(care.place.id, [line.item_id for line in card.lines])
    done = {one.item_id for one in care_queries.recorded(care)}
    lines = [line for line in card.lines if line.to_open > 0 and line.item_id not in done]
    plain_lines = [line for line in lines if not (line.item.implant or line.item.serial_tracked)]
    for line in plain_lines:
        _use_line(actor, care, line, shelves[line.item_id])
    left = [line.item.name for line in lines if line not in plain_lines]
    messages = [
        Message(f"{len(plain_lines)} items of the card are recorded. Correct below what was different.")
    ]
    if not plain_lines:
        messages = [Message("All items of the card are recorded already.", "info")]
    if left:
        messages.append(Message(f"Scan each of these: {', '.join(left)}.", "warning"))
    return messages


def _use_line(actor: Actor, care: Care, line: PreferenceLine, shelf: Sequence[OnShelf]) -> None:
    taken, missing = chosen_lots(shelf, line.to_open, care.today)
    parts = [(one.lot, one.expires_on, part) for one, part in taken]
    if missing > 0:
        parts.append(("", None, missing))
    for lot, expires_on, part in parts:
        entry = Entry(line.item_id, lot=lot, expires_on=expires_on)
        usage.record_usage(actor, event_of(care, entry, UsageStatus.USED, part))


def undo(actor: Actor, care: Care, usage_id: int) -> Message:
    """Takes a line of this case back with its stock and all it caused, within the undo window."""
    row = _mine(care, usage_id)
    if row.state in (UsageState.REVERSED, UsageState.DISCARDED):
        return Message("This was undone already.", "info")
    if not may_undo(row.recorded_at):
        minutes = UNDO_WITHIN.seconds // 60
        raise Invalid(f"Undo works for {minutes} minutes. Ask the storeroom to correct it.")
    name = row.item.name if row.item else row.description
    care_cases.reopened(actor, care, UNDONE)
    usage.undo(actor, row.id, UNDONE)
    return Message(f"Undone: {name}. The stock is back where it was.", "info")


def last_undoable(care: Care) -> Usage | None:
    """The newest line that may still be undone."""
    return next((one for one in care_queries.recorded(care) if may_undo(one.recorded_at)), None)


def entry_of(care: Care, usage_id: int) -> Entry:
    """A recorded line as the thing in hand, to be corrected; it stands until the correction is recorded."""
    row = _mine(care, usage_id)
    if row.item_id is None or row.state is not UsageState.APPLIED or not may_undo(row.recorded_at):
        raise Conflict("This line cannot be changed here any more. Ask the storeroom to correct it.")
    return Entry(
        item_id=row.item_id,
        quantity=row.quantity,
        outcome=row.outcome,
        di=row.di,
        lot=row.lot,
        serial=row.serial or "",
        expires_on=row.expires_on,
        side=row.body_site or "",
        reason=row.override_reason,
        raw_scan=row.raw_scan or "",
        replaces_id=row.id,
    )


def _mine(care: Care, usage_id: int) -> Usage:
    """A line of this case; raises NotFound for another case's."""
    statement = (
        select(Usage)
        .where(Usage.id == usage_id)
        .options(
            joinedload(Usage.item), undefer(Usage.serial), undefer(Usage.raw_scan), undefer(Usage.body_site)
        )
    )
    row = found(db.session.scalar(statement), "line")
    same_case = care.case is not None and row.case_id == care.case.id
    same_launch = care.launch is not None and row.launch_id == care.launch.id
    return found(row if same_case or same_launch else None, "line")


def current(care: Care) -> Care:
    """The same care with the case that may have been opened meanwhile."""
    return care if care.case is not None else care_context.refreshed(care)


def finish(actor: Actor, care: Care, *, nothing_used: bool = False) -> Message:
    """Closes the case; without a single line somebody has to say that nothing was used."""
    lines = care_queries.recorded(care)
    if not lines and not nothing_used:
        return Message(
            "Nothing is recorded in this case. Was nothing used?",
            "warning",
            action=Do.NOTHING,
            action_label="Nothing was used",
        )
    if lines and nothing_used:
        raise Conflict("Something was recorded meanwhile. Look at it, then close the case.")
    waiting = sum(1 for one in lines if one.state in (UsageState.REVIEW, UsageState.CONFLICT))
    if waiting:
        what = "1 line waits" if waiting == 1 else f"{waiting} lines wait"
        return Message(f"Your part is done. {what} for a check; the case is closed after that.", "info")
    care = care_cases.opened(actor, care)
    care_cases.close(actor, care, nothing_used=nothing_used)
    count = len(lines)
    what = (
        "Nothing was used."
        if nothing_used
        else f"{count} {'line is' if count == 1 else 'lines are'} recorded."
    )
    return Message(f"Done. {what} The case is closed.")
