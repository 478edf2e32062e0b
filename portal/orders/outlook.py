"""What becomes of the money that orders hold: what each waits for, and by when."""

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import func, select

from portal.budgets.rules import Outlook
from portal.foundation.db import db
from portal.orders.models import PurchaseOrderLine


def outlooks(document_type: str, ids: Collection[int]) -> Sequence[Outlook]:
    """What orders (by id) wait for; nothing for other types."""
    if document_type != "purchase_order":
        return []
    line = PurchaseOrderLine
    coming = func.greatest(line.quantity - line.cancelled - line.received, 0)
    rows = db.session.execute(
        select(
            line.order_id,
            func.sum(coming),
            func.sum(func.greatest(line.received - line.invoiced, 0)),
            func.max(func.coalesce(line.expected_on, line.promised_on, line.needed_on)).filter(coming > 0),
        )
        .where(line.order_id.in_(ids))
        .group_by(line.order_id)
    )
    return [_outlook(*row) for row in rows]


def _outlook(order_id: int, coming: Decimal, uninvoiced: Decimal, expected_on: date | None) -> Outlook:
    if coming > 0:
        words = "Waits for delivery, then for the invoice; what is cancelled comes back"
    elif uninvoiced > 0:
        words = "Received, waits for the invoice; a lower invoice gives the rest back"
    else:
        words = "Waits for the rest of the invoice"
    return Outlook("purchase_order", order_id, words, expected_on)
