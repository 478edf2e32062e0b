"""Reading differences of orders, what was decided about them and what requesters chose."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.orm import joinedload

from portal.catalog.models import Offer
from portal.catalog.queries import PricedOffer, offers_of, priced
from portal.exchange.models import WorkItem
from portal.exchange.rules import WorkItemKind
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, NotFound
from portal.masterdata.models import Location
from portal.orders import queries as orders
from portal.orders.differences.models import BackorderChoice, LineDecision
from portal.orders.differences.rules import PRICES, SHORTAGES, TO_CHOOSE
from portal.orders.models import (
    ConfirmationPart,
    OrderConfirmation,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderSource,
)
from portal.orders.packs import whole_packs
from portal.requisitions.models import RequisitionLine
from portal.requisitions.services import today_at

KEY = re.compile(r"line-(\d{1,18})-[a-z_]+")
SUBJECT = PurchaseOrder.__tablename__
# NULL for the keys of other work items, whatever they look like.
LINE_ID = cast(func.substring(WorkItem.key, r"^line-(\d{1,18})-"), BigInteger)


@dataclass(frozen=True)
class Difference:
    """A work item with the order line it is about."""

    item: WorkItem
    order: PurchaseOrder
    line: PurchaseOrderLine


def line_id_of(item: WorkItem) -> int | None:
    """The order line a work item is about, if it is about one."""
    match = KEY.fullmatch(item.key)
    return int(match[1]) if match and item.subject_type == SUBJECT else None


def of_item(item: WorkItem) -> Difference | None:
    """The order and line of a work item, not locked; None when it is about none."""
    line_id = line_id_of(item)
    order = orders.find(item.subject_id or 0) if line_id else None
    line = next((one for one in order.lines if one.id == line_id), None) if order else None
    return Difference(item, order, line) if order and line else None


def case_for(actor: Actor, item_id: int) -> Difference:
    """A difference for a buyer of its facility, to look at; raises NotFound."""
    item = found(db.session.get(WorkItem, item_id), "difference")
    case = found(of_item(item), "difference")
    if not actor.can(Permission.BUY, facility_id=case.order.location.facility_id):
        raise NotFound("There is no such difference.")
    return case


def lock(actor: Actor, item_id: int) -> Difference:
    """An open difference for a buyer of its facility; its order is locked first, as everywhere.

    Raises NotFound, NotAllowed, Conflict when it is resolved already.
    """
    named = found(db.session.get(WorkItem, item_id), "work item")
    line_id = found(line_id_of(named), "difference")
    order = found(orders.find(named.subject_id or 0, lock=True), "order")
    actor.require(Permission.BUY, facility_id=order.location.facility_id)
    item = db.session.scalars(
        select(WorkItem)
        .where(WorkItem.id == item_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if item.resolved_at is not None:
        raise Conflict("This difference is decided already.")
    return Difference(
        item, order, found(next((one for one in order.lines if one.id == line_id), None), "line")
    )


def decisions_of(line_id: int) -> list[LineDecision]:
    """What was decided about a line, newest first."""
    return list(
        db.session.scalars(
            select(LineDecision).where(LineDecision.line_id == line_id).order_by(LineDecision.id.desc())
        )
    )


def other_offers(order: PurchaseOrder, line: PurchaseOrderLine) -> list[PricedOffer]:
    """The same item from other suppliers who take orders, the cheapest for whole packs first."""
    offers = [one for one in offers_of([line.item_id]) if _may_replace(one, order)]
    packs = {one.factor: whole_packs(line.quantity, line.factor, one.factor) for one in offers}
    today = today_at(order.location)
    found = [
        one
        for factor, quantity in packs.items()
        for one in priced([each for each in offers if each.factor == factor], today, quantity)
    ]
    return sorted(found, key=lambda one: packs[one.offer.factor] * one.unit_price)


def _may_replace(offer: Offer, order: PurchaseOrder) -> bool:
    return offer.supplier_id != order.supplier_id and not offer.supplier.blocked


def open_shortages(actor: Actor) -> list[Difference]:
    """Open shortages of the places a person buys for, what stops care first."""
    return _open(actor, SHORTAGES)


def open_prices(actor: Actor) -> list[Difference]:
    """Open price differences of the places a person buys for."""
    return _open(actor, PRICES)


def _open(actor: Actor, kinds: Collection[WorkItemKind]) -> list[Difference]:
    statement = (
        select(WorkItem, PurchaseOrderLine)
        .join(PurchaseOrderLine, PurchaseOrderLine.id == LINE_ID)
        .join(PurchaseOrderLine.order)
        .join(PurchaseOrder.location)
        .where(WorkItem.kind.in_(kinds), WorkItem.subject_type == SUBJECT, WorkItem.resolved_at.is_(None))
        .options(
            joinedload(PurchaseOrderLine.item),
            joinedload(PurchaseOrderLine.order).joinedload(PurchaseOrder.supplier),
            joinedload(PurchaseOrderLine.order)
            .joinedload(PurchaseOrder.location)
            .joinedload(Location.facility),
        )
        .order_by(WorkItem.cover_days.nulls_last(), WorkItem.opened_at, WorkItem.id)
    )
    facilities = actor.facility_ids(Permission.BUY)
    if facilities is not None:
        statement = statement.where(Location.facility_id.in_(facilities))
    return [Difference(item, line.order, line) for item, line in db.session.execute(statement)]


def choices_of(line_ids: Collection[int]) -> dict[int, list[BackorderChoice]]:
    """What requesters want, by order line, with who said it."""
    chosen: dict[int, list[BackorderChoice]] = {}
    rows = db.session.scalars(
        select(BackorderChoice)
        .where(BackorderChoice.line_id.in_(line_ids))
        .options(joinedload(BackorderChoice.account))
        .order_by(BackorderChoice.id)
    )
    for row in rows:
        chosen.setdefault(row.line_id, []).append(row)
    return chosen


def last_words_of(line_ids: Collection[int]) -> dict[int, datetime]:
    """When the supplier said something of a line last."""
    rows = db.session.execute(
        select(ConfirmationPart.line_id, func.max(OrderConfirmation.received_at))
        .join(ConfirmationPart.confirmation)
        .where(ConfirmationPart.line_id.in_(line_ids))
        .group_by(ConfirmationPart.line_id)
    )
    return {row[0]: row[1] for row in rows}


def shortages_of(requisition_id: int) -> list[tuple[Difference, PurchaseOrderSource]]:
    """What is short or late of what was ordered for a requisition, with the source that serves it."""
    rows = db.session.execute(
        select(WorkItem, PurchaseOrderLine, PurchaseOrderSource)
        .join(PurchaseOrderLine, PurchaseOrderLine.id == LINE_ID)
        .join(PurchaseOrderSource, PurchaseOrderSource.line_id == PurchaseOrderLine.id)
        .join(PurchaseOrderSource.requisition_line)
        .where(
            RequisitionLine.requisition_id == requisition_id,
            WorkItem.kind.in_(TO_CHOOSE),
            WorkItem.subject_type == SUBJECT,
            WorkItem.resolved_at.is_(None),
        )
        .options(
            joinedload(PurchaseOrderLine.item),
            joinedload(PurchaseOrderLine.order).joinedload(PurchaseOrder.supplier),
            joinedload(PurchaseOrderLine.order)
            .joinedload(PurchaseOrder.location)
            .joinedload(Location.facility),
        )
        .order_by(WorkItem.id)
    )
    return [(Difference(item, line.order, line), source) for item, line, source in rows]
