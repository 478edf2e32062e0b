"""Reading what is expected, and feeds by their secret address."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import joinedload

from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, enter_organization
from portal.identity.models import Account
from portal.masterdata.models import Facility, Location, Supplier
from portal.orders.calendar.models import CalendarFeed
from portal.orders.calendar.rules import Arrival
from portal.orders.expecting import history_of
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.punctuality import History
from portal.orders.rules import OrderStatus
from portal.orders.searching import RECEIVABLE

OPEN = (OrderStatus.PLACED, *RECEIVABLE)
LATENESS = timedelta(days=60)  # how much earlier than expected a delivery may have been promised
MOST_LINES = 2000
LATE_LINES = 200


def expected(
    actor: Actor, first: date, last: date, location_id: int | None = None
) -> tuple[list[Arrival], bool]:
    """What should arrive between two days where the person may see orders, and whether there is more."""
    statement = _open_lines(actor, location_id).where(_due().between(first - LATENESS, last))
    # The latest first: lines that never came must not crowd out what is to come.
    statement = statement.order_by(None).order_by(_due().desc(), PurchaseOrderLine.id)
    found = _arrivals(statement.limit(MOST_LINES))
    return [one for one in found if first <= one.on <= last], len(found) == MOST_LINES


def of_feed(actor: Actor, today: date, location_id: int | None) -> list[Arrival]:
    """What a feed holds: the last four weeks, as far as it is not here yet, and the next half year."""
    return expected(actor, today - timedelta(days=28), today + timedelta(days=182), location_id)[0]


def overdue(actor: Actor, today: date, location_id: int | None = None) -> list[Arrival]:
    """What should have been here before today."""
    statement = _open_lines(actor, location_id).where(_due() < today)
    return [one for one in _arrivals(statement.limit(LATE_LINES)) if one.on < today]


def _due() -> Any:
    line = PurchaseOrderLine
    return func.coalesce(line.expected_on, line.promised_on, line.needed_on)


def _open_lines(actor: Actor, location_id: int | None) -> Select[Any]:
    line, order = PurchaseOrderLine, PurchaseOrder
    wanted = line.quantity - line.cancelled
    statement = (
        select(
            line.id, line.item_id, line.description, line.uom, _due(), line.shipped >= wanted,
            wanted - line.received, order.id, order.number, order.changed_at, order.supplier_id,
            Supplier.name, Location.name, Facility.name,
        )
        .select_from(line)
        .join(line.order)
        .join(Supplier, Supplier.id == order.supplier_id)
        .join(Location, Location.id == order.location_id)
        .join(Facility, Facility.id == Location.facility_id)
        .where(order.status.in_(OPEN), line.received < wanted)
        .order_by(_due(), line.id)
    )  # fmt: skip
    if location_id is not None:
        statement = statement.where(order.location_id == location_id)
    facilities = actor.facility_ids(Permission.VIEW_ORDERS)
    return statement if facilities is None else statement.where(Location.facility_id.in_(facilities))


def _arrivals(statement: Select[Any]) -> list[Arrival]:
    rows = db.session.execute(statement).all()
    history = history_of({row[10] for row in rows})
    return list(_told(history, rows))


def _told(history: History, rows: Iterable[Any]) -> Iterable[Arrival]:
    for (
        line_id, item_id, item, uom, due, is_announced, quantity, order_id, number, changed_at,
        supplier_id, supplier, location, facility,
    ) in rows:  # fmt: skip
        yield Arrival(
            on=due if is_announced else history.expected(supplier_id, item_id, due),
            is_announced=is_announced, line_id=line_id, order_id=order_id, number=number,
            changed_at=changed_at, supplier=supplier, location=location, facility=facility, item=item,
            quantity=quantity, uom=uom,
        )  # fmt: skip


def feed_of(account_id: int | None, *, lock: bool = False) -> CalendarFeed | None:
    """The feed of a person, with its place; `lock` keeps others from changing it."""
    if lock:  # the person: there may be no feed yet
        db.session.execute(select(Account.id).where(Account.id == account_id).with_for_update())
    return db.session.scalar(
        select(CalendarFeed)
        .where(CalendarFeed.account_id == account_id)
        .options(joinedload(CalendarFeed.location))
    )


def enter_by_hash(token_hash: str) -> CalendarFeed | None:
    """The feed with this address, in whose organization we now are; None once its person is gone."""
    statement = text("SELECT portal_organization_of_calendar(:hash)")
    organization_id = db.session.scalar(statement, {"hash": token_hash})
    if organization_id is None:
        return None
    enter_organization(organization_id)
    return db.session.scalar(
        select(CalendarFeed)
        .join(CalendarFeed.account)
        .where(CalendarFeed.token_hash == token_hash, Account.active)
        .options(joinedload(CalendarFeed.account), joinedload(CalendarFeed.location))
    )
