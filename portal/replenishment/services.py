"""Keeps one suggestion per location and supplier true, and turns it into a requisition."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from flask import current_app
from redis.exceptions import RedisError

from integrations.canonical import Lifecycle
from portal.catalog.models import Offer
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission, system
from portal.foundation.db import after_commit, db
from portal.foundation.errors import Conflict, DomainError, Invalid, NotFound
from portal.foundation.jobs import enqueue_named
from portal.identity.services import actor_of
from portal.inventory.models import ParLevel
from portal.inventory.rules import ParMethod
from portal.replenishment import facts, queries
from portal.replenishment.models import Suggestion, SuggestionLine
from portal.replenishment.rules import (
    EVERY_DAY,
    LONGEST_SNOOZE,
    TRANSITIONS,
    Par,
    SuggestionState,
    explained,
    is_review_day,
    stock_out_on,
)
from portal.requisitions import services as requisitions
from portal.requisitions.models import Requisition
from portal.requisitions.rules import RequisitionSource

REFRESH = "portal.replenishment.jobs.refresh"
WAKE_SECONDS = 60
CARD = re.compile(r"KB-([1-9]\d{0,17})", re.ASCII)
ONE_DAY = timedelta(days=1)


def follow_stock(actor: Actor, places: Collection[tuple[int, int]]) -> None:
    """Whenever stock moved: asks a worker to look at the locations, once for many movements."""
    for location_id in sorted({place[0] for place in places}):
        wake = partial(_wake, actor.organization_id, location_id)
        after_commit(wake, key=("replenish", location_id))


def _wake(organization_id: int, location_id: int) -> None:
    try:
        is_first = current_app.extensions["redis"].set(
            asked_key(organization_id, location_id), 1, nx=True, ex=WAKE_SECONDS
        )
    except RedisError:
        return  # the sweep finds it
    if is_first:
        enqueue_named(REFRESH, organization_id, location_id)


def asked_key(organization_id: int, location_id: int) -> str:
    """Set while a worker has been asked and has not begun; it is removed before the worker reads."""
    return f"portal:replenish:{organization_id}:{location_id}"


@dataclass(frozen=True)
class Wanted:
    """What an item needs, as a line of a suggestion."""

    item_id: int
    offer_id: int
    supplier_id: int
    packs: Decimal
    explanation: str
    stock_out_on: date | None
    is_critical: bool


def refresh(location_id: int) -> None:
    """Makes the open suggestions of a location what they should be now, however often this is done.

    Two at once wait for each other. Submits by itself what the location's policy says so.
    """
    place = queries.location(location_id, lock=True)
    today = clock.today(place.facility.time_zone)
    kept = {one.supplier_id: one for one in queries.open_at(location_id)}
    waiting = {line.item_id for one in kept.values() for line in one.lines}
    by_supplier: dict[int, list[Wanted]] = defaultdict(list)
    for one in _wanted(location_id, today, waiting):
        by_supplier[one.supplier_id].append(one)
    actor = system(place.organization_id, "replenishment")
    for supplier_id, suggestion in kept.items():
        _update(actor, suggestion, by_supplier.pop(supplier_id, []))
    for supplier_id, wanted in by_supplier.items():
        _open(actor, location_id, supplier_id, wanted)
    db.session.flush()
    _submit_by_policy(location_id, today)


def _wanted(location_id: int, today: date, waiting: Collection[int]) -> list[Wanted]:
    levels = [one for one in queries.levels_at(location_id) if _may_suggest(one, today)]
    pars = facts.pars_of(location_id, levels, today)
    needed = {item_id: par for item_id, par in pars.items() if par.need > 0}
    if not is_review_day(_review_days(location_id), today):
        needed = {
            item_id: par
            for item_id, par in needed.items()
            if par.is_critical or par.is_bin_empty or item_id in waiting
        }
    offers = queries.best_offers(location_id, needed, today)
    wanted = [
        _line(par, offers[item_id].offer, today) for item_id, par in needed.items() if item_id in offers
    ]
    return [one for one in wanted if one.packs > 0]


def _may_suggest(level: ParLevel, today: date) -> bool:
    is_snoozed = level.snoozed_until is not None and today < level.snoozed_until
    return level.item.lifecycle is Lifecycle.ACTIVE and not is_snoozed


def _review_days(location_id: int) -> Sequence[int]:
    policy = queries.policy_of(location_id)
    return policy.review_days if policy else EVERY_DAY


def _line(par: Par, offer: Offer, today: date) -> Wanted:
    packs = par.packs(offer.factor)
    return Wanted(
        item_id=par.item_id,
        offer_id=offer.id,
        supplier_id=offer.supplier_id,
        packs=packs,
        explanation=explained(par, pack=offer.factor, uom=offer.uom, packs=packs, today=today),
        stock_out_on=stock_out_on(par, today),
        is_critical=par.is_critical,
    )


def _open(actor: Actor, location_id: int, supplier_id: int, wanted: Collection[Wanted]) -> None:
    suggestion = Suggestion(
        location_id=location_id,
        supplier_id=supplier_id,
        lines=[SuggestionLine(**_values(one)) for one in wanted],
    )
    db.session.add(suggestion)
    db.session.flush()
    audit.record(actor, "suggestion.open", suggestion, after={"lines": len(suggestion.lines)})


def _values(one: Wanted) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "supplier_id"}


def _update(actor: Actor, suggestion: Suggestion, wanted: Collection[Wanted]) -> None:
    """Changes only what is different; without any need left the suggestion is dropped."""
    if not wanted:
        end(actor, suggestion, "drop")
        return
    news = {one.item_id: one for one in wanted}
    suggestion.lines = [line for line in suggestion.lines if line.item_id in news]
    for line in suggestion.lines:
        for name, value in _values(news.pop(line.item_id)).items():
            setattr(line, name, value)
    suggestion.lines.extend(SuggestionLine(**_values(one)) for one in news.values())


def end(actor: Actor, suggestion: Suggestion, action: str) -> None:
    """Accepts or drops; raises Conflict when that happened already."""
    before = suggestion.state
    state = TRANSITIONS.get((before, action))
    if state is None:
        raise Conflict(f"This suggestion is {before} already. Look at the list again.")
    suggestion.state = state
    suggestion.ended_at = clock.now()
    audit.record(
        actor, f"suggestion.{action}", suggestion,
        before={"state": before}, after={"state": state, "requisition": suggestion.requisition_id},
    )  # fmt: skip


def _submit_by_policy(location_id: int, today: date) -> None:
    policy = queries.policy_of(location_id)
    if policy is None or not policy.auto_submit or policy.requester is None:
        return
    requester = actor_of(policy.requester)
    refused = queries.refused_lately(location_id, today)
    for suggestion in queries.open_at(location_id):
        packs = {line.id: line.packs for line in suggestion.lines if line.item_id not in refused}
        if not packs:
            suggestion.problem = "People did not want these when they were last requested by themselves."
            continue
        try:
            with db.session.begin_nested():
                _request(requester, suggestion, packs)
        except DomainError as error:
            suggestion.problem = str(error)


def accept(actor: Actor, suggestion_id: int, packs: Mapping[int, Decimal]) -> Requisition:
    """Requests the packs (by line, zero leaves a line out) through the checks of every requisition.

    What is taken in a smaller quantity is not suggested again before tomorrow. Raises Conflict when somebody
    accepted it before or its lines are others by now, Invalid when a check blocks or nothing is left.
    """
    location_id = queries.location_of(suggestion_id)
    place = queries.location(location_id, lock=True)
    suggestion = queries.suggestion(suggestion_id)
    actor.require(Permission.MANAGE_PAR, facility_id=place.facility_id)
    if suggestion.state is not SuggestionState.OPEN:
        raise Conflict("This suggestion was accepted or is no longer needed. Look at the list again.")
    if set(packs) != {line.id for line in suggestion.lines}:
        raise Conflict("This suggestion has other lines by now. Check them, then accept again.")
    lessened = {line.item_id: line.packs for line in suggestion.lines if packs[line.id] < line.packs}
    requisition = _request(actor, suggestion, packs)
    tomorrow = clock.today(place.facility.time_zone) + ONE_DAY
    for level in queries.levels_at(location_id):
        if level.item_id in lessened:
            level.snoozed_until, level.snooze_reason = tomorrow, "Requested less than suggested"
    return requisition


def _request(actor: Actor, suggestion: Suggestion, packs: Mapping[int, Decimal]) -> Requisition:
    wanted = {line.offer_id: packs[line.id] for line in suggestion.lines if packs.get(line.id)}
    if not wanted:
        raise Invalid("Enter a quantity for at least one line, or snooze what is not needed.")
    requisition = requisitions.request(
        actor,
        suggestion.location_id,
        wanted,
        source=RequisitionSource.REPLENISHMENT,
        note="To fill up to par",
    )
    suggestion.requisition_id = requisition.id
    suggestion.problem = ""
    taken = {line.item_id for line in suggestion.lines if packs.get(line.id)}
    for level in queries.levels_at(suggestion.location_id):
        if level.item_id in taken:
            level.bin_empty_since = None
    end(actor, suggestion, "accept")
    return requisition


def snooze(actor: Actor, par_id: int, *, until: date, reason: str) -> None:
    """Suggests an item no more before a day; raises Invalid without a reason or for a day too far."""
    level = queries.level(par_id, lock=True)
    actor.require(Permission.MANAGE_PAR, facility_id=level.location.facility_id)
    today = clock.today(level.location.facility.time_zone)
    if not today < until <= today + LONGEST_SNOOZE:
        raise Invalid(f"Choose a day within the next {LONGEST_SNOOZE.days} days.", field="until")
    if not reason.strip():
        raise Invalid("Say why this is not needed now.", field="reason")
    level.snoozed_until, level.snooze_reason = until, reason.strip()
    audit.record(actor, "par.snooze", level, after={"until": until, "reason": level.snooze_reason})
    db.session.flush()
    refresh(level.location_id)


def empty_bin(actor: Actor, code: str) -> ParLevel:
    """Somebody scanned the card of an empty bin: its item is suggested once, however often it is scanned.

    Raises Invalid for an unknown card and for an item that is kept without cards.
    """
    level = _level_of_card(code)
    actor.require(Permission.COUNT_STOCK, facility_id=level.location.facility_id)
    if level.method is not ParMethod.KANBAN:
        sentence = f"{level.item.name} at {level.location.name} is kept by counting, not by cards."
        raise Invalid(sentence, field="code")
    if level.bin_empty_since is None:
        level.bin_empty_since = clock.now()
        audit.record(actor, "par.empty_bin", level, after={"item": level.item.code})
    level.snoozed_until = None
    db.session.flush()
    refresh(level.location_id)
    return level


def _level_of_card(code: str) -> ParLevel:
    try:
        return queries.level(par_of_card(code), lock=True)
    except NotFound:
        raise Invalid("No item is kept under this card any more.", field="code") from None


def par_of_card(code: str) -> int:
    """The par level a card names; raises Invalid for what is no card."""
    match = CARD.fullmatch(code.strip().upper())
    if match is None:
        raise Invalid("This is not the card of a bin. Such a card looks like KB-1234.", field="code")
    return int(match.group(1))


def card_of(par_id: int) -> str:
    """The text on the card of a bin: KB-1234"""
    return f"KB-{par_id}"
