"""Compensation: what the ERP took and the supplier rejected for good is closed, and who waits is told."""

from datetime import timedelta

from sqlalchemy import select

from portal.exchange.models import WorkItem
from portal.foundation import clock
from portal.foundation.access import system
from portal.foundation.db import db
from portal.foundation.errors import Conflict
from portal.orders.differences import queries, services
from portal.orders.differences.models import BackorderChoice
from portal.orders.differences.queries import LINE_ID
from portal.orders.differences.rules import REFUSALS, TIME_TO_CHOOSE, Choice, short_by

GRACE = TIME_TO_CHOOSE + timedelta(days=1)
"""Requesters choose until the end of the next day and buyers order elsewhere; then the portal acts alone."""
REASON = "The supplier rejected it, and nobody ordered it elsewhere."


def standing() -> list[int]:
    """Ids of rejections that stood for the whole grace, that nobody took over or wants from elsewhere."""
    elsewhere = select(BackorderChoice.line_id).where(
        BackorderChoice.choice.in_((Choice.OTHER_SUPPLIER, Choice.SUBSTITUTE))
    )
    return list(
        db.session.scalars(
            select(WorkItem.id)
            .where(
                WorkItem.kind.in_(REFUSALS),
                LINE_ID.not_in(elsewhere),
                WorkItem.resolved_at.is_(None),
                WorkItem.owner_id.is_(None),
                WorkItem.opened_at <= clock.now() - GRACE,
            )
            .order_by(WorkItem.id)
            .limit(200)
        )
    )


def compensate(organization_id: int, item_id: int) -> bool:
    """Closes what was rejected, in the ERP too; gives the budget back and tells the requesters.

    False when there is nothing to close any more, or while a partner is taking the order.
    """
    actor = system(organization_id, "supplier rejected it")
    try:
        case = queries.lock(actor, item_id)
        if short_by(case.item.kind, case.line.quantities) <= 0:
            return False
        with db.session.begin_nested():
            services.give_up(actor, case, REASON)
    except Conflict:
        return False  # decided meanwhile, or being handed over: the next run looks again
    return True
