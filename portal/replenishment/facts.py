"""What is known of the par lines of a location: on the shelf, asked for, on order, used, needed by cases."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, case, func, select

from portal.catalog.models import Offer
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.hooks import Collector
from portal.inventory.models import ParLevel, Stock, StockMovement
from portal.inventory.rules import CONSUMING, Condition, ParMethod
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.replenishment.rules import CASES_AHEAD, USAGE_WEEKS, Arrival, Demand, Par, daily_usage
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import LineState, RequisitionState

scheduled_demand: Collector[[int, date], Demand] = Collector()
"""Higher features say what the cases of a location (by id) will take up to a day."""


def pars_of(location_id: int, levels: Collection[ParLevel], today: date) -> dict[int, Par]:
    """The facts of par levels by item, in a constant number of queries."""
    item_ids = {level.item_id for level in levels}
    held = _held(location_id, item_ids, today)
    requested = _requested(location_id, item_ids)
    arrivals = _arrivals(location_id, item_ids)
    used = _used(location_id, item_ids, today)
    demands = _demands(location_id, today)
    return {
        level.item_id: _par(
            level,
            on_hand=held.get(level.item_id, (Decimal(), Decimal()))[0],
            expired=held.get(level.item_id, (Decimal(), Decimal()))[1],
            requested=requested.get(level.item_id, Decimal()),
            arrivals=tuple(arrivals[level.item_id]),
            demands=tuple(demands[level.item_id]),
            daily_usage=used.get(level.item_id, Decimal()),
        )
        for level in levels
    }


def _par(level: ParLevel, **facts: Any) -> Par:
    return Par(
        item_id=level.item_id,
        minimum=level.minimum,
        maximum=level.maximum,
        critical=level.critical,
        method=level.method,
        is_bin_empty=level.method is ParMethod.KANBAN and level.bin_empty_since is not None,
        round_up_from=level.round_up_from,
        may_round_to_zero=level.may_round_to_zero,
        **facts,
    )


def _held(location_id: int, item_ids: set[int], today: date) -> dict[int, tuple[Decimal, Decimal]]:
    """What may be used and what has expired, by item."""
    is_expired = (Stock.expires_on < today) & (Stock.on_hand > 0)
    expired = func.coalesce(func.sum(case((is_expired, Stock.on_hand))), 0)
    rows = db.session.execute(
        select(Stock.item_id, func.sum(Stock.on_hand) - expired, expired)
        .where(
            Stock.location_id == location_id,
            Stock.item_id.in_(item_ids),
            Stock.condition == Condition.AVAILABLE,
        )
        .group_by(Stock.item_id)
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def _requested(location_id: int, item_ids: set[int]) -> dict[int, Decimal]:
    """What is asked for and neither ordered nor closed nor rejected, by item."""
    line = RequisitionLine
    open_part = line.quantity - line.ordered_quantity - line.closed_quantity
    rows = db.session.execute(
        select(line.item_id, func.sum(open_part * Offer.factor))
        .join(line.requisition)
        .join(line.offer)
        .where(
            func.coalesce(line.location_id, Requisition.location_id) == location_id,
            Requisition.state.in_([RequisitionState.SUBMITTED, RequisitionState.DECIDED]),
            line.state.in_([LineState.OPEN, LineState.APPROVED]),
            line.item_id.in_(item_ids),
            open_part > 0,
        )
        .group_by(line.item_id)
    )
    return {row[0]: row[1] for row in rows}


def _arrivals(location_id: int, item_ids: set[int]) -> dict[int, list[Arrival]]:
    """What is on order by item and day, what the supplier rejected left out."""
    line = PurchaseOrderLine
    coming = line.quantity - line.cancelled - line.received - line.rejected
    day = func.coalesce(line.promised_on, line.expected_on)
    is_promised = line.promised_on.is_not(None)
    rows = db.session.execute(
        select(line.item_id, func.sum(coming * line.factor), day, is_promised)
        .join(line.order)
        .where(PurchaseOrder.location_id == location_id, line.item_id.in_(item_ids), coming > 0)
        .group_by(line.item_id, day, is_promised)
        .order_by(line.item_id, day.nulls_last())
    )
    arrivals: dict[int, list[Arrival]] = defaultdict(list)
    for item_id, quantity, on, promised in rows:
        arrivals[item_id].append(Arrival(quantity, on, promised))
    return arrivals


def _used(location_id: int, item_ids: set[int], today: date) -> dict[int, Decimal]:
    """Units used a day, by item."""
    since = clock.now() - timedelta(weeks=USAGE_WEEKS)
    rows = db.session.execute(
        select(
            StockMovement.item_id,
            -func.sum(case((StockMovement.kind.in_(CONSUMING), StockMovement.quantity), else_=0)),
            func.min(StockMovement.at),
        )
        .where(
            StockMovement.location_id == location_id,
            StockMovement.item_id.in_(item_ids),
            StockMovement.at >= since,
        )
        .group_by(StockMovement.item_id)
    )
    return {row[0]: daily_usage(row[1], row[2].date(), today) for row in rows}


def _demands(location_id: int, today: date) -> dict[int, list[Demand]]:
    demands: dict[int, list[Demand]] = defaultdict(list)
    for one in scheduled_demand(location_id, today + CASES_AHEAD):
        demands[one.item_id].append(one)
    return demands


def refused_since(location_id: int, day: date) -> Select[Any]:
    """Ids of items that were suggested, requested and then rejected, withdrawn or closed since a day."""
    line = RequisitionLine
    return (
        select(line.item_id)
        .join(line.requisition)
        .where(
            Requisition.location_id == location_id,
            Requisition.source == "replenishment",
            Requisition.submitted_at >= day,
            (line.state == LineState.REJECTED) | (line.closed_quantity > 0),
        )
    )
