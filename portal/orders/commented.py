"""Orders as comments know them."""

from sqlalchemy import select

from portal.comments.subjects import Subject
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.identity.queries import accounts_with
from portal.masterdata.models import Location
from portal.orders.models import PurchaseOrder

KIND = PurchaseOrder.__tablename__


def subject(actor: Actor, order_id: int) -> Subject | None:
    """The order, if the person may see it, with all who may."""
    row = db.session.execute(
        select(PurchaseOrder.number, Location.facility_id)
        .join(PurchaseOrder.location)
        .where(PurchaseOrder.id == order_id)
    ).one_or_none()
    if row is None or not actor.can(Permission.VIEW_ORDERS, facility_id=row.facility_id):
        return None
    people = accounts_with(Permission.VIEW_ORDERS, facility_id=row.facility_id)
    page = f"/orders/{order_id}"
    return Subject(KIND, order_id, f"Order {row.number}", page, page, {one.id: one.name for one in people})
