"""What a location asked for before, and what of it waits in a person's carts."""

from collections.abc import Collection, Sequence
from functools import cache

from sqlalchemy import ARRAY, BigInteger, bindparam, column, func, select, true

from portal.catalog.models import Offer
from portal.catalog.queries import SHELF_ITEMS, SHELF_PLACE, shelf_values
from portal.catalog.rules import Shelf
from portal.foundation.access import Actor
from portal.foundation.together import Columns, Read, Rows
from portal.identity.models import Account
from portal.requisitions.models import IN_DRAFT, Requisition, RequisitionLine
from portal.requisitions.rules import RequisitionSource, RequisitionState

ASKED = (RequisitionState.SUBMITTED, RequisitionState.DECIDED)


def last_asked(actor: Actor, location_id: int, item_ids: Collection[int]) -> Sequence[Read[list[Shelf]]]:
    """When each item was last requested for the location, and by whom: the line that was written last."""
    return [
        Read(
            _last_asked(),
            shelf_values(location_id, item_ids),
            lambda rows: [Shelf(item_id, last_asked_at=at, last_asked_by=name) for item_id, at, name in rows],
        )
    ]


@cache
def _last_asked() -> Columns:
    # From the newest line of each item on: reading all that was ever asked for takes long in a busy place.
    items = bindparam("shelf_items", type_=ARRAY(BigInteger))
    wanted = func.unnest(items).table_valued(column("item_id", BigInteger), name="wanted").render_derived()
    last = (
        select(Requisition.submitted_at, Requisition.requester_id)
        .join(RequisitionLine, RequisitionLine.requisition_id == Requisition.id)
        .where(
            RequisitionLine.item_id == wanted.c.item_id,
            Requisition.location_id == SHELF_PLACE,
            Requisition.state.in_(ASKED),
        )
        .order_by(RequisitionLine.id.desc())
        .limit(1)
        .lateral("last")
    )
    asked = wanted.join(last, true()).join(Account, Account.id == last.c.requester_id)
    return select(wanted.c.item_id, last.c.submitted_at, Account.name).select_from(asked)


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
