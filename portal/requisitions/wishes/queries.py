"""Reading requests for what is not in the catalog."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import contains_eager, joinedload

from portal.catalog.models import Offer
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.masterdata.models import Location, Supplier
from portal.requisitions import charging
from portal.requisitions.wishes.models import Wish
from portal.requisitions.wishes.rules import WishState


def listing(actor: Actor) -> Select[Wish]:
    """The person's own, and those a buyer answers: open ones first, the oldest of them on top."""
    return (
        select(Wish)
        .join(Wish.location)
        .where(_seen_by(actor))
        .options(joinedload(Wish.requester), contains_eager(Wish.location))
        .order_by(Wish.state != WishState.OPEN, Wish.created_at, Wish.id)
    )


def wish(actor: Actor, wish_id: int, *, lock: bool = False) -> Wish:
    """One of them with what was answered; raises NotFound when the person may not see it."""
    statement: Select[Any] = (
        select(Wish)
        .join(Wish.location)
        .where(Wish.id == wish_id, _seen_by(actor))
        .options(
            joinedload(Wish.requester),
            joinedload(Wish.decided_by),
            contains_eager(Wish.location).joinedload(Location.facility),
            joinedload(Wish.offer).joinedload(Offer.item),
            joinedload(Wish.offer).joinedload(Offer.supplier),
        )
        .execution_options(populate_existing=True)
    )
    row: Wish | None = db.session.scalar(statement.with_for_update(of=Wish) if lock else statement)
    return found(row, "request")


def suppliers() -> dict[int, str]:
    """Who takes orders, by name."""
    listed = select(Supplier).where(~Supplier.blocked).order_by(Supplier.name)
    return {one.id: one.name for one in db.session.scalars(listed)}


def accounts() -> dict[int, str]:
    """The GL accounts in use, by code."""
    return {one.id: charging.in_words(one) for one in charging.gl_accounts()}


def _seen_by(actor: Actor) -> ColumnElement[bool]:
    return or_(Wish.requester_id == actor.account_id, _bought_by(actor))


def _bought_by(actor: Actor) -> ColumnElement[bool]:
    facilities = actor.facility_ids(Permission.BUY)
    if facilities is None:
        return true()
    return Location.facility_id.in_(facilities)


def open_count(actor: Actor) -> Select[int]:
    """Selects how many wait for this buyer."""
    waiting = and_(Wish.state == WishState.OPEN, Wish.requester_id != actor.account_id, _bought_by(actor))
    return select(func.count(Wish.id)).join(Wish.location).where(waiting)
