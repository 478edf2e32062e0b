"""What uses applied together take from the shelf: moved at their end, by one call for all of them.

Stock is so locked in one order and for a moment only: two workers never wait for each other in a circle.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from portal.clinical.usage.rules import Held
from portal.exchange.together import at_end, is_together, once
from portal.foundation.access import Actor
from portal.inventory import services as inventory
from portal.inventory.rules import Condition, Owner
from portal.inventory.services import Move

KEY = "moves"
ZERO = Decimal()
Pending = dict[tuple[int, int], list[Move]]


def take(actor: Actor, moves: Sequence[Move]) -> None:
    """Moves stock: now, or at the end of what is applied together."""
    if not is_together():
        inventory.move(actor, moves)
        return
    pending = once(KEY, dict[tuple[int, int], list[Move]])
    at_end(KEY, lambda: _move(actor, pending))
    for one in moves:
        pending.setdefault((one.location_id, one.item_id), []).append(one)


def _move(actor: Actor, pending: Pending) -> None:
    moves = [one for of_item in pending.values() for one in of_item]
    pending.clear()
    inventory.move(actor, moves)


def seen(location_id: int, item_id: int, shelf: Sequence[Held]) -> Sequence[Held]:
    """The shelf as it is without what was taken a moment ago."""
    moves = once(KEY, dict[tuple[int, int], list[Move]]).get((location_id, item_id), ())
    held = {_label(one): one for one in shelf}
    for one in moves:
        label = _label(one)
        none_yet = Held(one.lot, one.serial, one.expires_on, one.owner, one.condition, ZERO)
        before = held.get(label, none_yet)
        held[label] = replace(before, on_hand=before.on_hand + one.quantity)
    return list(held.values()) if moves else shelf


def _label(one: Held | Move) -> tuple[str, str, Owner, Condition]:
    return (one.lot, one.serial, one.owner, one.condition)
