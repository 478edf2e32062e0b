"""What suppliers delivered of late: the promised day beside the day of the receipt."""

from collections.abc import Collection, Sequence

from sqlalchemy import Date, cast, func, select, true, type_coerce

from portal.foundation.db import db
from portal.masterdata.models import Facility, Location, Supplier
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.punctuality import Delivery
from portal.orders.rules import OrderStatus
from portal.receiving.models import Receipt, ReceiptLine
from portal.receiving.rules import ReceiptState

CAME = (OrderStatus.PARTLY_RECEIVED, OrderStatus.RECEIVED, OrderStatus.INVOICED)
ORDERS_EACH = 30  # the newest of a supplier; the rules look at its last ten deliveries


def recent(supplier_ids: Collection[int]) -> Sequence[Delivery]:
    """What came of promised lines of the newest orders of each supplier, by the days of the facility."""
    newest = (
        select(PurchaseOrder.id, PurchaseOrder.location_id)
        .where(PurchaseOrder.supplier_id == Supplier.id, PurchaseOrder.status.in_(CAME))
        .order_by(PurchaseOrder.id.desc())
        .limit(ORDERS_EACH)
        .correlate(Supplier)
        .lateral()
    )
    promised_on = type_coerce(PurchaseOrderLine.promised_on, Date)
    day = cast(func.timezone(Facility.time_zone, Receipt.posted_at), Date)
    rows = db.session.execute(
        select(Supplier.id, PurchaseOrderLine.item_id, Receipt.id, promised_on, day)
        .select_from(Supplier)
        .join(newest, true())
        .join(Receipt, Receipt.order_id == newest.c.id)
        .join(ReceiptLine, ReceiptLine.receipt_id == Receipt.id)
        .join(PurchaseOrderLine, PurchaseOrderLine.id == ReceiptLine.order_line_id)
        .join(Location, Location.id == newest.c.location_id)
        .join(Facility, Facility.id == Location.facility_id)
        .where(
            Supplier.id.in_(supplier_ids),
            Receipt.state == ReceiptState.POSTED,
            PurchaseOrderLine.promised_on.is_not(None),
        )
        .distinct()
    )
    return [Delivery(*row) for row in rows]
