"""The point-of-care page in words: the banner, the thing in hand, what was recorded and requested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import format_datetime

from integrations.clinical import UsageStatus
from portal.clinical.care.answer import Answer
from portal.clinical.care.context import Care
from portal.clinical.care.forms import CareForm
from portal.clinical.care.queries import CaseRow
from portal.clinical.care.rules import (
    OUTCOME_LABELS,
    OnShelf,
    amount,
    chosen_lots,
    may_undo,
    unit_word,
)
from portal.clinical.models import CareRequest, Patient, PreferenceCard, Usage
from portal.clinical.rules import CaseState, UsageState
from portal.clinical.usage.facts import Price
from portal.foundation.filters import day, unit_price
from portal.foundation.quantity import plain, whole_packs
from portal.foundation.status import Status
from portal.masterdata.models import Item
from portal.requisitions.rules import RequisitionState

OUTCOME_STATUS = {
    UsageStatus.USED: Status("Used", "success", "circle-check"),
    UsageStatus.IMPLANTED: Status("Implanted", "success", "circle-check"),
    UsageStatus.OPENED_UNUSED: Status("Opened, not used", "warning", "package"),
    UsageStatus.WASTED: Status("Wasted", "warning", "trash"),
    UsageStatus.EXPLANTED: Status("Explanted", "info", "package-export"),
    UsageStatus.RETURNED: Status("Returned", "info", "arrow-back-up"),
}
OTHER_STATUS = {
    UsageState.REVIEW: Status("Waits for a check", "warning", "help"),
    UsageState.CONFLICT: Status("In conflict", "danger", "alert-circle"),
}
CASE_STATUS = {
    CaseState.SCHEDULED: Status("Scheduled", "neutral", "calendar"),
    CaseState.OPEN: Status("Under way", "info", "activity"),
    CaseState.CLOSED: Status("Closed", "success", "circle-check"),
    CaseState.CANCELLED: Status("Cancelled", "neutral", "ban"),
}
SEX = {"male": "male", "female": "female", "m": "male", "f": "female", "other": "other"}


def banner(patient: Patient, today: date) -> dict[str, str]:
    """Name, birth date with age, sex: enough to know that it is the right chart."""
    facts = (_born(patient.birth_date, today), SEX.get((patient.sex or "").lower(), ""))
    return {"name": patient.name or "Name not known", "facts": ", ".join(filter(None, facts))}


def _born(text: str, today: date) -> str:
    try:
        born = date.fromisoformat(text or "")
    except ValueError:
        return f"born {text}" if text else ""
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return f"born {day(born)}, {years} {'year' if years == 1 else 'years'} old"


def where(care: Care) -> dict[str, str]:
    """The place, who pays, and what is done."""
    center = care.place.cost_center
    case = care.case
    return {
        "place": care.place.name,
        "cost_center": f"Cost center {center.name}" if center else "No cost center is set for this place",
        "procedure": (case.procedure_name or "No procedure named") if case else "",
        "case": case.number if case else "",
    }


@dataclass(frozen=True)
class Hand:
    """The thing in hand as the page shows it."""

    name: str
    made_by: str
    facts: list[dict[str, str]]
    here: str
    here_tone: str
    nearby: str
    unit: str
    asks: Mapping[str, str]
    stops: list[dict[str, str]]
    record_label: str
    others: list[dict[str, str]]
    is_single: bool
    has_packs: bool
    has_lots: bool
    quantity: str


def hand(answer: Answer, form: CareForm) -> Hand:
    """What is known, asked and stopped; the label of the button says what it will do."""
    entry, item = answer.entry, answer.item
    here = sum((one.on_hand for one in answer.near if one.is_here), Decimal())
    nearby = [f"{one.location} ({plain(one.on_hand)})" for one in answer.near if not one.is_here][:3]
    facts = (
        ("Lot", entry.lot),
        ("Serial", entry.serial),
        ("Expires", day(entry.expires_on)),
        ("UDI", entry.di if answer.tracking.is_implant else ""),
    )
    verb = OUTCOME_LABELS[answer.outcome].lower()
    return Hand(
        name=item.name,
        made_by=", ".join(filter(None, (item.code, item.manufacturer))),
        facts=[{"label": label, "value": value} for label, value in facts if value],
        here=f"{amount(here, item.base_uom)} here" if here > 0 else "None here by the book",
        here_tone="success" if here > 0 else "warning",
        nearby=", ".join(nearby) if nearby else "none",
        unit=unit_word(item.base_uom, Decimal(2)),
        asks=answer.questions,
        stops=[{"title": one.title, "sentence": one.sentence} for one in answer.stops],
        record_label="Record all the same" if answer.stops else f"Record as {verb}",
        others=[_other(one) for one in answer.outcomes if one != answer.outcome],
        is_single=answer.tracking.serial,
        has_packs=entry.pack_factor > 1,
        has_lots=len(form.stock_id.choices) > 1,
        quantity=_typed(form, entry.quantity),
    )


def _other(outcome: UsageStatus) -> dict[str, str]:
    return {"value": outcome.value, "label": OUTCOME_LABELS[outcome]}


def _typed(form: CareForm, quantity: Decimal) -> str:
    """What was typed, also when it cannot be read."""
    return str(form.quantity.raw_data[0]) if form.quantity.raw_data else plain(quantity)


def offer(answer: Answer, price: Price) -> str:
    """What one tap on Request asks for: whole packs, at least what is in hand."""
    best = price.offer
    packs = whole_packs(answer.base_quantity, best.factor)
    base = answer.item.base_uom
    of = f" of {amount(best.factor, base)}" if best.factor > 1 else ""
    each = f"{unit_price(price.unit_price)} a {unit_word(best.uom)}"
    return f"Requests {amount(packs, best.uom)}{of} from {best.supplier}, at {each}."


def tile(item: Item, on_hand: Decimal) -> dict[str, Any]:
    """An item to tap."""
    return {
        "id": item.id,
        "name": item.name,
        "code": item.code,
        "here": f"{amount(on_hand, item.base_uom)} here" if on_hand > 0 else "None here",
        "is_here": on_hand > 0,
    }


def tiles(items: Sequence[Item], on_hand: Mapping[int, Decimal]) -> list[dict[str, Any]]:
    """Items to tap."""
    return [tile(item, on_hand.get(item.id, Decimal())) for item in items]


def usage_row(usage: Usage) -> dict[str, Any]:
    """One line of what was recorded; it can be undone for a while."""
    uom = usage.item.base_uom if usage.item else "EA"
    lot = (f"lot {usage.lot}" if usage.lot else "", f"serial {usage.serial}" if usage.serial else "")
    return {
        "id": usage.id,
        "name": usage.item.name if usage.item else usage.description or "Unknown item",
        "note": ", ".join(filter(None, (amount(usage.quantity, uom), *lot, usage.body_site or ""))),
        "status": OTHER_STATUS.get(usage.state) or OUTCOME_STATUS[usage.outcome],
        "at": usage.recorded_at,
        "may_undo": may_undo(usage.recorded_at),
        "may_change": usage.state is UsageState.APPLIED,
    }


def request_row(request: CareRequest) -> dict[str, Any]:
    """One requisition made here."""
    requisition = request.requisition
    lines = [f"{line.item.name}, {amount(line.quantity, line.uom)}" for line in requisition.lines]
    is_waiting = requisition.state is RequisitionState.SUBMITTED
    withdrawn = requisition.state is RequisitionState.CANCELLED
    status = (
        Status("Taken back", "neutral", "arrow-back-up")
        if withdrawn
        else (
            Status("Rush", "danger", "bolt") if request.rush_reason else Status("Requested", "info", "send")
        )
    )
    return {
        "id": request.id,
        "name": "; ".join(lines),
        "number": requisition.number,
        "requisition_id": requisition.id,
        "status": status,
        "at": request.at,
        "may_undo": is_waiting and may_undo(request.at),
    }


def card(found: PreferenceCard, shelves: Mapping[int, Sequence[OnShelf]], today: date) -> dict[str, Any]:
    """The preference card with the lots that would be taken, first to expire first."""
    lines = [_card_line(line, shelves.get(line.item_id, ()), today) for line in found.lines]
    return {
        "id": found.id,
        "title": f"Preference card: {found.procedure_name}",
        "of": f"As {found.practitioner} likes it" if found.practitioner else "For everybody",
        "lines": lines,
        "count": sum(1 for line in lines if line["open"] and not line["asks"]),
        "asks": any(line["asks"] for line in lines),
    }


def _card_line(line: Any, shelf: Sequence[OnShelf], today: date) -> dict[str, Any]:
    taken, missing = chosen_lots(shelf, line.to_open, today)
    uom = line.item.base_uom
    lots = [f"{plain(part)} of lot {one.lot}{_until(one)}" for one, part in taken if one.lot]
    return {
        "item_id": line.item_id,
        "name": line.item.name,
        "open": amount(line.to_open, uom) if line.to_open > 0 else "",
        "hold": amount(line.to_hold, uom) if line.to_hold > 0 else "",
        "lots": "; ".join(lots),
        "missing": f"{amount(missing, uom)} not in the book here" if missing > 0 else "",
        "asks": line.item.implant or line.item.serial_tracked,
    }


def _until(lot: OnShelf) -> str:
    return f" until {day(lot.expires_on)}" if lot.expires_on else ""


def clock_time(at: datetime, zone: str) -> str:
    """9:41 AM at the place."""
    return str(format_datetime(at.astimezone(ZoneInfo(zone)), "h:mm a", rebase=False))


def case_row(row: CaseRow, zone: str) -> dict[str, Any]:
    """A case of the day."""
    lines = f"{row.recorded} {'line' if row.recorded == 1 else 'lines'} recorded"
    return {
        "number": row.number,
        "procedure": row.procedure or "No procedure named",
        "practitioner": row.practitioner,
        "time": clock_time(row.scheduled_at, zone) if row.scheduled_at else "",
        "status": CASE_STATUS[row.state],
        "lines": lines if row.recorded else "",
    }
