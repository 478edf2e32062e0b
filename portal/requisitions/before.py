"""What a location asked for before, and what of it waits in a person's carts."""

from collections.abc import Collection, Sequence
from functools import cache

from sqlalchemy import BigInteger, bindparam, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on, insert

from portal.catalog.models import Offer
from portal.catalog.queries import SHELF_ITEMS, SHELF_PLACE, shelf_values
from portal.catalog.rules import Shelf
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.together import Columns, Read, Rows, Write, inserting
from portal.identity.models import Account
from portal.requisitions.models import IN_DRAFT, LastRequest, Requisition, RequisitionLine
from portal.requisitions.rules import RequisitionSource, RequisitionState

ASKED = (RequisitionState.SUBMITTED, RequisitionState.DECIDED)


def last_asked(actor: Actor, location_id: int, item_ids: Collection[int]) -> Sequence[Read[list[Shelf]]]:
    """When each item was last requested for the location, and by whom."""
    return [
        Read(
            _last_asked(),
            shelf_values(location_id, item_ids),
            lambda rows: [Shelf(item_id, last_asked_at=at, last_asked_by=name) for item_id, at, name in rows],
        )
    ]


@cache
def _last_asked() -> Columns:
    return (
        select(LastRequest.item_id, Requisition.submitted_at, Account.name)
        .join(Requisition, Requisition.id == LastRequest.requisition_id)
        .join(Account, Account.id == Requisition.requester_id)
        .where(LastRequest.location_id == SHELF_PLACE, LastRequest.item_id == SHELF_ITEMS)
    )


def asking(requisition: Requisition) -> Write:
    """From now on this is what was asked for last."""
    # In one order, so that two submitters never wait for each other in turn.
    rows = [
        {"location_id": place, "item_id": item, "requisition_id": requisition.id}
        for place, item in sorted(_wanted(requisition))
    ]
    return inserting(LastRequest, rows, key=("location_id", "item_id"))


def asked_in_vain(requisition: Requisition) -> None:
    """It was taken back: what was asked for before it is the last again."""
    place, item = func.coalesce(RequisitionLine.location_id, Requisition.location_id), RequisitionLine.item_id
    before = (
        select(place, item, Requisition.id)
        .join(RequisitionLine.requisition)
        .where(tuple_(place, item).in_(_wanted(requisition)), Requisition.state.in_(ASKED))
        .ext(distinct_on(place, item))
        .order_by(place, item, Requisition.submitted_at.desc(), Requisition.id.desc())
    )
    # Locked in the order in which submitters write them.
    kept = (
        select(LastRequest.id)
        .where(
            LastRequest.requisition_id == requisition.id,
            tuple_(LastRequest.location_id, LastRequest.item_id).in_(_wanted(requisition)),
        )
        .order_by(LastRequest.location_id, LastRequest.item_id)
        .with_for_update()
    )
    db.session.execute(delete(LastRequest).where(LastRequest.id.in_(kept)))
    names = ["location_id", "item_id", "requisition_id"]
    db.session.execute(insert(LastRequest).from_select(names, before).on_conflict_do_nothing())


def _wanted(requisition: Requisition) -> set[tuple[int, int]]:
    return {(line.ship_to.id, line.item_id) for line in requisition.lines}


def in_cart(actor: Actor, location_id: int, item_ids: Collection[int]) -> Sequence[Read[list[Shelf]]]:
    """What the person's carts for a location hold of items."""
    values = {**shelf_values(location_id, item_ids), "cart_of": actor.account_id}
    return [Read(_in_cart(), values, _carried)]


@cache
def _in_cart() -> Columns:
    return (
        select(
            RequisitionLine.item_id,
            RequisitionLine.offer_id,
            func.sum(RequisitionLine.quantity),
            Offer.factor,
        )
        .join(RequisitionLine.requisition)
        .join(RequisitionLine.offer)
        .where(
            Requisition.requester_id == bindparam("cart_of", type_=BigInteger),
            Requisition.state == IN_DRAFT,
            Requisition.source == RequisitionSource.CART,
            Requisition.removed_at.is_(None),
            Requisition.location_id == SHELF_PLACE,
            RequisitionLine.item_id == SHELF_ITEMS,
        )
        .group_by(RequisitionLine.item_id, RequisitionLine.offer_id, Offer.factor)
    )


def _carried(rows: Rows) -> list[Shelf]:
    return [
        Shelf(item_id, in_cart={offer_id: quantity}, in_cart_base=quantity * factor)
        for item_id, offer_id, quantity, factor in rows
    ]
