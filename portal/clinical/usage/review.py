"""Decides what was not understood: names the item and place, or lets one of two reports count."""

from decimal import Decimal

from sqlalchemy.exc import IntegrityError

from portal.clinical.models import Usage
from portal.clinical.rules import UsageState
from portal.clinical.usage import facts as usage_facts
from portal.clinical.usage import questions as usage_questions
from portal.clinical.usage import services as usage
from portal.clinical.usage import stops as usage_stops
from portal.exchange import services as exchange
from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid


def choose(actor: Actor, usage_id: int, *, item_id: int, location_id: int, quantity: Decimal) -> Usage:
    """Says what an unknown use was, in base units; it then counts.

    Raises Conflict when it does not wait any more, Invalid for an item or place that does not exist.
    """
    row = _waiting(actor, usage_id, UsageState.REVIEW)
    item = usage_facts.item(item_id)
    if item is None:
        raise Invalid("This item does not exist. Look it up again.", field="item")
    if quantity <= 0:
        raise Invalid("Enter a quantity above zero.", field="quantity")
    row.item_id, row.location_id, row.quantity, row.description = item.id, location_id, quantity, item.name
    return _count(actor, row, "usage.choose")


def apply_this(actor: Actor, usage_id: int) -> Usage:
    """Lets a report count that told something again; the first report is taken back.

    Raises Conflict while another use of the same serial number still counts.
    """
    row = _waiting(actor, usage_id, UsageState.CONFLICT)
    if row.reverses_id is not None:
        first = usage.locked(row.reverses_id)
        row.reverses_id = None
        if first.state in (UsageState.APPLIED, UsageState.REVIEW):
            usage.undo(actor, first.id, f"Use {row.id} counts instead")
    return _count(actor, row, "usage.apply")


def discard(actor: Actor, usage_id: int, reason: str) -> Usage:
    """Drops a report that waits; it never counted. Raises Invalid without a reason."""
    row = _waiting(actor, usage_id, UsageState.REVIEW, UsageState.CONFLICT)
    return usage.undo(actor, row.id, reason)


def _waiting(actor: Actor, usage_id: int, *states: UsageState) -> Usage:
    actor.require(Permission.RESOLVE_WORK_ITEMS)
    row = usage.locked(usage_id)
    if row.state not in states:
        raise Conflict("This use was decided already. Look at it again.")
    return row


def _count(actor: Actor, row: Usage, action: str) -> Usage:
    before = row.state
    place = found(usage_facts.place_of(row.location_id), "place")
    row.state = UsageState.APPLIED
    try:
        with db.session.begin_nested():
            db.session.flush()
    except IntegrityError:
        raise Conflict("Another use of this serial number counts. Undo that one first.") from None
    usage.apply(actor, row, place)
    exchange.resolve_by_system(actor, usage_questions.item_key(row), "It counts now.")
    stop = usage_stops.recalled(row.item_id, row.di, row.lot, row.serial or "")
    usage_stops.report(row, [stop] if stop else [])
    audit.record(
        actor, action, row, before={"state": before},
        after={"state": row.state, "item_id": row.item_id, "quantity": row.quantity, "cost": row.cost},
    )  # fmt: skip
    return row
