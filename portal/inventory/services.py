"""Moves stock: one movement per key, however often it is asked for; undoes named movements once."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from portal.exchange import services as exchange
from portal.exchange.rules import WorkItemKind
from portal.exchange.services import About
from portal.foundation.access import Actor
from portal.foundation.errors import Invalid
from portal.foundation.hooks import Hook
from portal.foundation.quantity import plain
from portal.inventory import queries, writing
from portal.inventory.models import StockMovement
from portal.inventory.rules import NEVER_BELOW_ZERO, REVERSAL_OF
from portal.inventory.writing import Changed
from portal.inventory.writing import Move as Move  # what callers of `move` need

Place = tuple[int, int]
moved: Hook[[Actor, Collection[Place]]] = Hook()
"""Announces (location id, item id) of what changed, in the transaction of the change."""


def move(actor: Actor, moves: Sequence[Move]) -> set[str]:
    """Applies each move once and returns the keys that were new.

    However many moves: two statements, each locking in one order, so that no two movers wait in a circle
    (as long as a transaction calls this once). Usage may pass below zero and opens a work item for a count;
    a transfer, quarantine or return that would, raises Invalid and nothing is moved.
    """
    if not moves:
        return set()
    by_key = {one.key: one for one in reversed(moves)}  # of two with one key the first counts
    written = writing.insert_movements(actor, list(by_key.values()))
    new = [one for key, one in by_key.items() if key in written]
    if not new:
        return set()
    changed = writing.add_to_stock(new)
    _refuse_below_zero(new, changed)
    _follow_zero(actor, changed)
    moved(actor, {(one.location_id, one.item_id) for one in changed})
    return written


def _refuse_below_zero(new: Iterable[Move], changed: Iterable[Changed]) -> None:
    taken = {one.place: one for one in new if one.kind in NEVER_BELOW_ZERO and one.quantity < 0}
    for one in changed:
        culprit = taken.get(one.place)
        if culprit is not None and one.on_hand < 0:
            raise Invalid(_too_little(culprit, one.on_hand - one.difference), field="quantity")


def _too_little(culprit: Move, there: Decimal) -> str:
    names = queries.names_of([culprit.location_id], [culprit.item_id])
    lot = f", lot {culprit.lot}" if culprit.lot else ""
    serial = f", serial {culprit.serial}" if culprit.serial else ""
    return (
        f"{names.locations[culprit.location_id]} has {plain(max(there, Decimal()))} of "
        f"{names.items[culprit.item_id]}{lot}{serial}, not {plain(-culprit.quantity)}. "
        "Enter what is there, or count the shelf first."
    )


def _follow_zero(actor: Actor, changed: Sequence[Changed]) -> None:
    """A place that passed below zero asks for a count; one that came back does not any more."""
    below = {(one.location_id, one.item_id) for one in changed if one.on_hand < 0 <= one.before}
    above = {(one.location_id, one.item_id) for one in changed if one.before < 0 <= one.on_hand}
    if not below and not above:
        return
    still = queries.below_zero(below | above)
    names = queries.names_of({place[0] for place in still}, {place[1] for place in still})
    for place in sorted(below | above):
        key = f"stock-below-zero-{place[0]}-{place[1]}"
        if place not in still:
            exchange.resolve_by_system(actor, key, "The stock is at or above zero again.")
            continue
        item, location = names.items[place[1]], names.locations[place[0]]
        exchange.open_item(
            WorkItemKind.STOCK_BELOW_ZERO,
            key=key,
            sentence=f"{location} used more {item} than the book had.",
            suggestion=f"Count {item} at {location} and post the count.",
            subject=About("location", place[0], location),
        )


def reverse(actor: Actor, keys: Collection[str], reason: str) -> set[str]:
    """Undoes the named movements once; returns the keys of those undone now, unknown keys are left out.

    Raises Invalid for a movement that is itself a reversal, an opening or a count, or without a reason.
    """
    if not reason.strip():
        raise Invalid("Say why this is undone.", field="reason")
    movements = queries.movements_named(keys)
    final = next((one for one in movements if one.kind not in REVERSAL_OF), None)
    if final is not None:
        raise Invalid(f"A movement of kind {final.kind} cannot be undone. Count the shelf instead.")
    undoing = {
        f"{one.key}:undone": replace(
            _again(one), key=f"{one.key}:undone", kind=REVERSAL_OF[one.kind], quantity=-one.quantity,
            reason=reason.strip(),
        )
        for one in movements
    }  # fmt: skip
    new = move(actor, list(undoing.values()))
    return {one.key for one in movements if f"{one.key}:undone" in new}


def _again(one: StockMovement) -> Move:
    return Move(
        key=one.key, kind=one.kind, location_id=one.location_id, item_id=one.item_id, quantity=one.quantity,
        lot=one.lot, expires_on=one.expires_on, document=one.document, serial=one.serial, owner=one.owner,
        condition=one.condition, reason=one.reason,
    )  # fmt: skip
