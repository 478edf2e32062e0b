"""What becomes of the money that requisitions hold: what each waits for, and by when."""

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import func, select

from portal.budgets.rules import Outlook
from portal.foundation.db import db
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import LineState, RequisitionState

WAITING = "Waits for approval; comes back if it is rejected or withdrawn"
TO_ORDER = "To be ordered; what is closed comes back"


def outlooks(document_type: str, ids: Collection[int]) -> Sequence[Outlook]:
    """What requisitions (by id) wait for; nothing for other types."""
    if document_type != "requisition":
        return []
    open_line = RequisitionLine.ordered_quantity + RequisitionLine.closed_quantity < RequisitionLine.quantity
    rows = db.session.execute(
        select(Requisition.id, Requisition.state, Requisition.need_by, func.min(RequisitionLine.need_by))
        .outerjoin(
            RequisitionLine,
            (RequisitionLine.requisition_id == Requisition.id)
            & (RequisitionLine.state != LineState.REJECTED)
            & open_line,
        )
        .where(Requisition.id.in_(ids))
        .group_by(Requisition.id)
    )
    return [_outlook(*row) for row in rows]


def _outlook(
    requisition_id: int, state: RequisitionState, need_by: date | None, line_need_by: date | None
) -> Outlook:
    words = WAITING if state is RequisitionState.SUBMITTED else TO_ORDER
    return Outlook(
        "requisition", requisition_id, words, min(filter(None, (need_by, line_need_by)), default=None)
    )
