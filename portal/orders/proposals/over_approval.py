"""What the orders of a while cost above approval, so that a tolerance can be tried on them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Row, func, select

from portal.foundation.db import db
from portal.masterdata.models import Facility, Item, Location
from portal.orders.models import OrderVersion, PurchaseOrder, PurchaseOrderLine, PurchaseOrderSource
from portal.orders.proposals.models import OrderProposal, ProposalQuestion
from portal.orders.proposals.queries import ordered_for
from portal.orders.proposals.tolerances import AMOUNT, SHARE
from portal.requisitions.models import RequisitionLine
from portal.requisitions.rulebook.queries import parents, version_of, versions
from portal.requisitions.rulebook.rules import Rulebook
from portal.requisitions.rulebook.trial import Weighed


def weighed(rule: str, since: datetime, most: int) -> Sequence[Weighed]:
    """How far above approval each requested line of the orders changed, or asked about, since would come.

    With what the setting of that day said by itself; nothing for other rules.
    """
    if rule not in (SHARE, AMOUNT):
        return []
    changed, asked = _changed(since), _asked(since)
    rows = _lines({*changed}, {*asked}, most)
    now = ordered_for({row.line_id for row in rows})
    known, tree = [version_of(one) for one in versions(rule)], parents().now()
    found = []
    for row in rows:
        total = max(now.get(row.line_id, Decimal()), asked.get(row.line_id, (Decimal(), since))[0])
        at = max(changed.get(row.id, since), asked.get(row.line_id, (total, since))[1])
        day = at.astimezone(ZoneInfo(row.time_zone)).date()
        book = Rulebook([one for one in known if one.starts_on <= day], row.facility_id, tree)
        measure = over(rule, row.amount, total)
        outcome = book.setting(rule, row.category).outcome(measure)
        found.append(Weighed(row.id, row.number, row.facility_id, row.category, measure, outcome))
    return found


def over(rule: str, approved: Decimal, total: Decimal) -> Decimal | None:
    """By how much a requested line costs more than approved, in percent or money; None where it does not."""
    if total <= approved:
        return None
    if rule == AMOUNT:
        return total - approved
    return (total - approved) * 100 / approved if approved else Decimal(100)


def _changed(since: datetime) -> dict[int, datetime]:
    """When the orders with a new version were changed last, by id."""
    rows = db.session.execute(
        select(OrderVersion.order_id, func.max(OrderVersion.at))
        .where(OrderVersion.at >= since)
        .group_by(OrderVersion.order_id)
    )
    return {row[0]: row[1] for row in rows}


def _asked(since: datetime) -> Mapping[int, tuple[Decimal, datetime]]:
    """What requested lines (by id) would have cost as a buyer wanted it, and when; the most of each."""
    rows = db.session.execute(
        select(ProposalQuestion.lines, OrderProposal.asked_at)
        .join(ProposalQuestion.proposal)
        .where(OrderProposal.asked_at >= since)
    )
    wanted: dict[int, tuple[Decimal, datetime]] = defaultdict(lambda: (Decimal(), since))
    for lines, at in rows:
        for line_id, amount in lines.items():
            wanted[int(line_id)] = max(wanted[int(line_id)], (Decimal(amount), at))
    return dict(wanted)


Found = Sequence[Row[int, str, int, str, str, int, Decimal]]


def _lines(order_ids: set[int], line_ids: set[int], most: int) -> Found:
    """The requested lines of these orders, and these, each with an order and what was approved for it."""
    source, requested = PurchaseOrderSource, RequisitionLine
    return db.session.execute(
        select(
            PurchaseOrder.id, PurchaseOrder.number, Location.facility_id, Facility.time_zone,
            Item.category, requested.id.label("line_id"), requested.amount,
        )
        .select_from(source)
        .join(source.line)
        .join(source.requisition_line)
        .join(PurchaseOrder, PurchaseOrder.id == PurchaseOrderLine.order_id)
        .join(Location, Location.id == PurchaseOrder.location_id)
        .join(Facility, Facility.id == Location.facility_id)
        .join(Item, Item.id == PurchaseOrderLine.item_id)
        .where(PurchaseOrder.id.in_(order_ids) | source.requisition_line_id.in_(line_ids))
        .order_by(PurchaseOrder.id.desc())
        .limit(most)
    ).all()  # fmt: skip
