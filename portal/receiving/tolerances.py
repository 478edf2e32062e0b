"""How much more than ordered may be received, by the rulebook."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select

from portal.foundation.db import db
from portal.masterdata.models import Item, Location
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.receiving.models import Receipt
from portal.receiving.rules import ReceiptState, Receivable, percent_over
from portal.requisitions.rulebook.queries import rulebook_on
from portal.requisitions.rulebook.rules import Rulebook, Severity
from portal.requisitions.rulebook.trial import Weighed
from portal.requisitions.rules import CheckOutcome
from portal.requisitions.services import today_at

RULE = "over_receipt"


def receivable_lines(order: PurchaseOrder) -> dict[int, Receivable]:
    """The lines of an order as the rules of receiving want them, today at its location."""
    book = rulebook_on(today_at(order.location), order.location.facility_id)
    return {
        line.id: Receivable(
            name=line.description,
            uom=line.uom,
            wanted=line.quantities.wanted,
            received=line.received,
            needs_lot=line.item.lot_tracked,
            needs_expiry=line.item.expiry_tracked,
            needs_serial=line.item.serial_tracked,
            tolerance=_tolerance(book, line.item.category),
            factor=line.factor,
            base_uom=line.item.base_uom,
        )
        for line in order.lines
    }


def _tolerance(book: Rulebook, category: str) -> Decimal | None:
    setting = book.setting(RULE, category)
    return setting.threshold if setting.severity is Severity.BLOCK else None


def weighed(rule: str, since: datetime, most: int) -> Sequence[Weighed]:
    """How much more than ordered came of each line of the orders received since; nothing for other rules."""
    if rule != RULE:
        return []
    line = PurchaseOrderLine
    came = select(Receipt.order_id).where(Receipt.posted_at >= since, Receipt.state == ReceiptState.POSTED)
    rows = db.session.execute(
        select(
            PurchaseOrder.id, PurchaseOrder.number, Location.facility_id, Item.category,
            line.received, line.quantity - line.cancelled,
        )
        .join(line, line.order_id == PurchaseOrder.id)
        .join(Location, Location.id == PurchaseOrder.location_id)
        .join(Item, Item.id == line.item_id)
        .where(PurchaseOrder.id.in_(came))
        .order_by(PurchaseOrder.id.desc())
        .limit(most)
    )  # fmt: skip
    # What came was taken: whatever the setting was then, it did not stop it.
    return [
        Weighed(order_id, number, facility_id, category, percent_over(received, wanted), CheckOutcome.PASS)
        for order_id, number, facility_id, category, received, wanted in rows
    ]
