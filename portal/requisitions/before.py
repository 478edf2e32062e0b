"""What a location asked for before."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from portal.catalog.rules import Shelf
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.identity.models import Account
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import RequisitionState

ASKED = (RequisitionState.SUBMITTED, RequisitionState.DECIDED)


def last_asked(actor: Actor, location_id: int, item_ids: Collection[int]) -> Sequence[Shelf]:
    """When each item was last requested for the location, and by whom."""
    rows = db.session.execute(
        select(RequisitionLine.item_id, Requisition.submitted_at, Account.name)
        .ext(distinct_on(RequisitionLine.item_id))
        .join(RequisitionLine.requisition)
        .join(Account, Account.id == Requisition.requester_id)
        .where(
            Requisition.location_id == location_id,
            Requisition.state.in_(ASKED),
            RequisitionLine.item_id.in_(set(item_ids)),
        )
        .order_by(RequisitionLine.item_id, Requisition.submitted_at.desc(), Requisition.id.desc())
    )
    return [Shelf(item_id, last_asked_at=at, last_asked_by=name) for item_id, at, name in rows]
