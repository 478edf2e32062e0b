"""Records what was used, once, whoever says it; takes it back with everything it caused."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from integrations.clinical import UsageStatus
from portal.clinical.models import Usage
from portal.clinical.rules import UsageState
from portal.clinical.usage import effects as usage_effects
from portal.clinical.usage import facts as usage_facts
from portal.clinical.usage import questions as usage_questions
from portal.clinical.usage import stops as usage_stops
from portal.clinical.usage.rules import EFFECTS
from portal.exchange import services as exchange
from portal.exchange.together import as_written
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid
from portal.masterdata.models import Location

# Made once: a statement of forty columns costs more to make than to run.
INSERT = insert(Usage).on_conflict_do_nothing().returning(Usage)


@dataclass(frozen=True)
class NewUsage:
    """One supply as it was used. `quantity` is positive, in base units; `key` names the event for ever.

    `content` is all that a sender said, where an event sent again is to be compared by that.
    `consignment` says whose stock it was, None when that is to be looked up. `reverses_id` is the usage that
    a return takes back. `named` keeps how a sender named what is not known here.
    """

    key: str
    source: str
    item_id: int | None
    location_id: int | None
    quantity: Decimal
    outcome: UsageStatus = UsageStatus.USED
    case_id: int | None = None
    encounter_id: int | None = None
    patient_id: int | None = None
    launch_id: int | None = None
    cost_center_id: int | None = None
    description: str = ""
    lot: str = ""
    serial: str = ""
    expires_on: date | None = None
    di: str = ""
    raw_scan: str = ""
    body_site: str = ""
    practitioner: str = ""
    charge_code: str = ""
    occurred_at: datetime | None = None
    override_reason: str = ""
    consignment: bool | None = None
    reverses_id: int | None = None
    message_id: int | None = None
    named: tuple[tuple[str, str], ...] = ()
    content: str = ""


def record_usage(actor: Actor, event: NewUsage, *, after_the_fact: bool = False) -> Usage:
    """Records a use and what follows from it: stock, bill-only request, cost, charge. A repeat is harmless.

    Before the fact a person is stopped (raises usage_stops.Stopped) by what is expired, recalled, quarantined
    or used already, unless `override_reason` says why; a serial used before is never counted a second time.
    `after_the_fact` is what a system reports: it happened, so it counts and opens a work item.
    The same key with other content, and what names no known item or place, waits for a person.
    """
    event = replace(event, occurred_at=event.occurred_at or clock.now(), lot=event.lot.strip(),
                    serial=event.serial.strip())  # fmt: skip
    place = usage_facts.place_of(event.location_id)
    if place is not None:
        actor.require(Permission.RECORD_USAGE, facility_id=place.facility_id)
    if event.quantity <= 0:
        raise Invalid("Enter a quantity above zero.", field="quantity")
    known = None if after_the_fact else by_key(event.key)  # reports are new, nearly always: the row will tell
    if known is not None:
        return _repeated(actor, known, event)
    return _recorded(actor, event, place, after_the_fact=after_the_fact)


def _recorded(actor: Actor, event: NewUsage, place: Location | None, *, after_the_fact: bool) -> Usage:
    if event.item_id is None or place is None:
        return _for_review(actor, event)
    stops = usage_stops.stops_of(event, place)
    usage_stops.refuse(stops, event.override_reason, after_the_fact=after_the_fact)
    told_twice = usage_stops.is_used_before(stops)
    row = _stored(actor, event, UsageState.CONFLICT if told_twice else UsageState.APPLIED, stops)
    if row is None:
        known = by_key(event.key)
        if known is not None:  # somebody else was a moment earlier
            return _repeated(actor, known, event)
        stops = [*stops, usage_stops.USED_BEFORE]
        usage_stops.refuse(stops, event.override_reason, after_the_fact=after_the_fact)
        row = found(_stored(actor, event, UsageState.CONFLICT, stops), "use")
    if row.state is UsageState.CONFLICT:
        usage_questions.ask_about_serial(row)
    else:
        apply(actor, row, place, serial=event.serial)
        usage_stops.report(row, stops)
    _note(actor, "usage.record", row)
    return row


def apply(actor: Actor, row: Usage, place: Location, *, serial: str | None = None) -> None:
    """What follows from a use that counts; `serial` where it was not just written."""
    if row.outcome is UsageStatus.RETURNED:
        with as_written():
            give_back(actor, row, place)
    else:
        known = serial if serial is not None else row.serial or ""
        with db.session.no_autoflush:  # the row is written once, when all of it is known
            usage_effects.consume(actor, row, place, EFFECTS[row.outcome], serial=known)


def give_back(actor: Actor, row: Usage, place: Location) -> None:
    """A return takes back the use it names, else the newest that it can be; without one a person decides."""
    original = usage_effects.returned_use(row)
    before = usage_effects.returned_before(original.id, but=row.id) if original else Decimal()
    if original is None or (before > 0 and before + row.quantity > original.quantity):
        row.state = UsageState.REVIEW
        usage_questions.ask_about_return(row)
        return
    row.reverses_id = original.id
    if row.quantity >= original.quantity:
        _take_back(actor, original, f"Returned, as {row.source} says")
        row.cost = Decimal()
    else:
        usage_effects.return_part(actor, row, original)


def undo(actor: Actor, usage_id: int, reason: str) -> Usage:
    """Takes back a use with its stock, its bill-only request and its charge. Repeats do nothing.

    Raises Invalid without a reason, Conflict for a return or for what was returned in part already.
    """
    row = locked(usage_id)
    place = usage_facts.place_of(row.location_id)
    if place is not None and not actor.can(Permission.RESOLVE_WORK_ITEMS, facility_id=place.facility_id):
        actor.require(Permission.RECORD_USAGE, facility_id=place.facility_id)
    if not reason.strip():
        raise Invalid("Say why this is undone.", field="reason")
    if row.state in (UsageState.REVERSED, UsageState.DISCARDED):
        return row
    if row.outcome is UsageStatus.RETURNED and row.state is UsageState.APPLIED:
        raise Conflict("A return is not undone. Record the use again instead.")
    if usage_effects.returned_before(row.id) > 0:
        raise Conflict("Part of this was returned already. Return the rest instead.")
    _take_back(actor, row, reason.strip())
    return row


def _take_back(actor: Actor, row: Usage, reason: str) -> None:
    before = row.state
    if row.state is UsageState.APPLIED:
        usage_effects.reverse(actor, row, reason)
        row.state = UsageState.REVERSED
    else:
        row.state = UsageState.DISCARDED
    row.reversed_at = clock.now()
    exchange.resolve_by_system(actor, usage_questions.item_key(row), f"Undone: {reason}")
    audit.record(
        actor, "usage.undo", row, before={"state": before}, after={"state": row.state, "reason": reason}
    )


def by_key(key: str) -> Usage | None:
    """The use recorded under this key."""
    return db.session.scalar(select(Usage).where(Usage.key == key))


def locked(usage_id: int) -> Usage:
    """The use, locked and read anew; raises NotFound."""
    statement = select(Usage).where(Usage.id == usage_id).with_for_update()
    return found(db.session.scalar(statement.execution_options(populate_existing=True)), "use")


def _stored(actor: Actor, event: NewUsage, state: UsageState, stops: list[Any]) -> Usage | None:
    """The new row; None when its key, or its serial among those that count, is there already."""
    values = asdict(event) | {
        "digest": digest_text(event),
        "state": state,
        "stops": [str(one.kind) for one in stops],
        "named": dict(event.named),
        "serial": event.serial or None,
        "serial_found_by": event.serial or None,
        "raw_scan": event.raw_scan or None,
        "body_site": event.body_site or None,
        "account_id": actor.account_id,
    }
    values["from_stock"] = values.pop("consignment") is not True
    values.pop("content")
    row: Usage | None = db.session.scalar(INSERT, values)
    return row


def digest_text(event: NewUsage) -> str:
    """All that makes the content of an event; it is only kept as a keyed hash."""
    if event.content:
        return event.content
    content = asdict(event)
    for name in ("message_id", "launch_id", "override_reason", "key", "occurred_at"):
        content.pop(name)
    return json.dumps(content, default=str, sort_keys=True)


def _repeated(actor: Actor, known: Usage, event: NewUsage) -> Usage:
    """The first one counts; the same key with other content waits beside it for a person."""
    same = select(Usage.id).where(Usage.id == known.id, Usage.digest == digest_text(event))
    if db.session.scalar(same) is not None:
        return known
    key = f"{event.key}#{digest_text(event)}"
    other = by_key(key)
    if other is None:
        other = found(_stored(actor, replace(event, key=key), UsageState.CONFLICT, []), "use")
        other.reverses_id = known.id
        usage_questions.ask_about_change(other, known)
        _note(actor, "usage.conflict", other)
    return other


def _for_review(actor: Actor, event: NewUsage) -> Usage:
    row = _stored(actor, event, UsageState.REVIEW, [])
    if row is None:
        return _repeated(actor, found(by_key(event.key), "use"), event)
    usage_questions.ask_about_item(row)
    _note(actor, "usage.review", row)
    return row


def _note(actor: Actor, action: str, row: Usage) -> None:
    audit.record(
        actor, action, row,
        after={"state": row.state, "outcome": row.outcome, "item_id": row.item_id, "quantity": row.quantity,
               "location_id": row.location_id, "case_id": row.case_id, "cost": row.cost},
        evidence={"source": row.source, "stops": row.stops, "override_reason": row.override_reason},
    )  # fmt: skip
