"""Setting par levels and how a location is filled up."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.identity.queries import account
from portal.identity.services import actor_of
from portal.inventory.models import ParLevel
from portal.inventory.rules import ParMethod
from portal.masterdata.models import Item
from portal.replenishment import queries
from portal.replenishment.models import ReplenishmentPolicy
from portal.replenishment.services import refresh


@dataclass(frozen=True)
class Levels:
    """What is kept of an item, in base units; of two bins `minimum` is one bin and `maximum` both."""

    method: ParMethod
    minimum: Decimal
    maximum: Decimal
    critical: Decimal
    round_up_from: Decimal | None
    may_round_to_zero: bool


def add(actor: Actor, location_id: int, code: str, levels: Levels) -> ParLevel:
    """Keeps an item (by its number) at a location from now on; raises Invalid when it is kept already."""
    place = queries.location(location_id, lock=True)
    actor.require(Permission.MANAGE_PAR, facility_id=place.facility_id)
    item = db.session.scalar(select(Item).where(func.upper(Item.code) == code.strip().upper()))
    if item is None:
        raise Invalid("No item has this number. Look it up in the catalog.", field="code")
    known = select(ParLevel.id).where(ParLevel.location_id == location_id, ParLevel.item_id == item.id)
    if db.session.scalar(known) is not None:
        raise Invalid(f"{item.name} is kept here already. Change its line instead.", field="code")
    _check(levels)
    level = ParLevel(location_id=location_id, item_id=item.id, **_values(levels))
    db.session.add(level)
    db.session.flush()
    audit.record(actor, "par.add", level, after={"item": item.code, **_values(levels)})
    refresh(location_id)
    return level


def change(actor: Actor, par_id: int, levels: Levels) -> ParLevel:
    """Changes what is kept."""
    level = queries.level(par_id, lock=True)
    actor.require(Permission.MANAGE_PAR, facility_id=level.location.facility_id)
    _check(levels)
    before = {name: getattr(level, name) for name in _values(levels)}
    for name, value in _values(levels).items():
        setattr(level, name, value)
    if levels.method is not ParMethod.KANBAN:
        level.bin_empty_since = None
    audit.record(actor, "par.change", level, before=before, after=_values(levels))
    db.session.flush()
    refresh(level.location_id)
    return level


def remove(actor: Actor, par_id: int) -> int:
    """Keeps the item no more; returns the location's id. Its stock stays."""
    level = queries.level(par_id, lock=True)
    actor.require(Permission.MANAGE_PAR, facility_id=level.location.facility_id)
    location_id = level.location_id
    audit.record(actor, "par.remove", level, before={"item": level.item.code, "maximum": level.maximum})
    db.session.delete(level)
    db.session.flush()
    refresh(location_id)
    return location_id


def wake(actor: Actor, par_id: int) -> int:
    """Ends the pause of a line; returns the location's id."""
    level = queries.level(par_id, lock=True)
    actor.require(Permission.MANAGE_PAR, facility_id=level.location.facility_id)
    level.snoozed_until, level.snooze_reason = None, ""
    audit.record(actor, "par.wake", level)
    db.session.flush()
    refresh(level.location_id)
    return level.location_id


def _values(levels: Levels) -> dict[str, Any]:
    return dict(vars(levels))


def _check(levels: Levels) -> None:
    if levels.maximum <= 0:
        raise Invalid("Enter how many to keep at most.", field="maximum")
    if levels.minimum > levels.maximum:
        raise Invalid("The minimum is above the maximum.", field="minimum")
    if levels.critical > levels.minimum:
        raise Invalid("The critical level is above the minimum.", field="critical")
    if levels.method is ParMethod.KANBAN and levels.minimum >= levels.maximum:
        raise Invalid("For two bins enter one bin as minimum and both as maximum.", field="minimum")


def set_policy(
    actor: Actor, location_id: int, *, review_days: Sequence[int], auto_submit: bool, requester_id: int | None
) -> ReplenishmentPolicy:
    """Says when a location looks at its shelves and whether it asks by itself, as whom.

    Raises Invalid when the requester may not request there.
    """
    place = queries.location(location_id, lock=True)
    actor.require(Permission.MANAGE_PAR, facility_id=place.facility_id)
    if auto_submit and requester_id is None:
        raise Invalid("Choose as whom the requisitions are submitted.", field="requester")
    if requester_id is not None:
        requester = actor_of(account(requester_id))
        if not requester.can(
            Permission.REQUEST, facility_id=place.facility_id, cost_center_id=place.cost_center_id
        ):
            raise Invalid(f"{requester.name} may not request for {place.name}.", field="requester")
    policy = queries.policy_of(location_id) or ReplenishmentPolicy(location_id=location_id)
    policy.review_days = sorted(set(review_days))
    policy.auto_submit = auto_submit
    policy.requester_id = requester_id
    db.session.add(policy)
    db.session.flush()
    after = {"review_days": policy.review_days, "auto_submit": auto_submit, "requester": requester_id}
    audit.record(actor, "replenishment.policy", policy, after=after)
    refresh(location_id)
    return policy
