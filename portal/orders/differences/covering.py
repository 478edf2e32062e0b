"""How long a place lasts without what it waits for."""

from collections.abc import Collection

from portal.foundation.hooks import Collector
from portal.orders.differences.rules import Cover

covers: Collector[[int, Collection[int]], Cover] = Collector()
"""Higher features say how long the items (by id) on the shelf of a location (by id) last."""


def of_location(location_id: int, item_ids: Collection[int]) -> dict[int, Cover]:
    """What is known of each item; nothing of what nobody uses."""
    return {one.item_id: one for one in covers(location_id, item_ids)} if item_ids else {}


def days_left(location_id: int, item_ids: Collection[int]) -> dict[int, int]:
    """Days until the shelf is empty, by item."""
    return {item_id: one.days for item_id, one in of_location(location_id, item_ids).items()}
