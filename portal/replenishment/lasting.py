"""How long what is on the shelf of a place lasts: by what is used a day, and by the scheduled cases."""

from collections.abc import Collection, Sequence
from decimal import Decimal

from portal.foundation import clock
from portal.foundation.db import db
from portal.inventory.kept import used_a_day
from portal.inventory.queries import on_hand
from portal.inventory.rules import ParMethod
from portal.masterdata.models import Location
from portal.orders.differences.rules import Cover
from portal.replenishment.facts import scheduled_demand
from portal.replenishment.rules import CASES_AHEAD, Demand, Par, stock_out_on


def of_location(location_id: int, item_ids: Collection[int]) -> Sequence[Cover]:
    """The cover of each item that is used or that a case needs; what is on order is not counted."""
    place = db.session.get(Location, location_id)
    if place is None:
        return []
    today = clock.today()
    held = on_hand(location_id, item_ids)
    used = {one.item_id: one.daily_usage for one in used_a_day(location_id, item_ids)}
    cases: dict[int, list[Demand]] = {}
    for one in scheduled_demand(location_id, today + CASES_AHEAD):
        cases.setdefault(one.item_id, []).append(one)
    found = [
        (item_id, held.get(item_id, Decimal()), used.get(item_id, Decimal()), cases.get(item_id, []))
        for item_id in sorted(item_ids)
    ]
    return [
        Cover(item_id, (day - today).days, on_hand=kept, a_day=a_day, cases=len(wanted))
        for item_id, kept, a_day, wanted in found
        if (a_day or wanted) and (day := stock_out_on(_shelf(item_id, kept, a_day, wanted), today))
    ]


def _shelf(item_id: int, kept: Decimal, a_day: Decimal, wanted: Sequence[Demand]) -> Par:
    return Par(
        item_id=item_id,
        minimum=Decimal(),
        maximum=Decimal(),
        on_hand=kept,
        demands=tuple(wanted),
        method=ParMethod.LEVEL,
        daily_usage=a_day,
    )
