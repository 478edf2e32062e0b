"""Several carts of one person: named, chosen, deleted and put back, handed to a colleague and back."""

from dataclasses import dataclass

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import aliased

from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Invalid
from portal.identity.models import Account
from portal.identity.queries import accounts_with
from portal.masterdata.models import Location
from portal.requisitions import queries, services
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import LONGEST_REASON, RequisitionSource, RequisitionState

UNNAMED = "Cart"
LONGEST_NAME = 60
MOST_CARTS = 20


@dataclass(frozen=True)
class CartInfo:
    """A cart in a few words: whose it was, who fills it now, for which location."""

    id: int
    name: str
    location: Location
    lines: int
    holder: str
    lent_by: str
    note: str


def mine(actor: Actor) -> list[CartInfo]:
    """The carts this person fills, by place and name."""
    return [one for is_mine, one in _carts(actor) if is_mine]


def lent(actor: Actor) -> list[CartInfo]:
    """The carts this person gave to colleagues."""
    return [one for is_mine, one in _carts(actor) if not is_mine]


def _carts(actor: Actor) -> list[tuple[bool, CartInfo]]:
    lender, holder = aliased(Account), aliased(Account)
    lines = (
        select(func.count(RequisitionLine.id))
        .where(RequisitionLine.requisition_id == Requisition.id)
        .correlate(Requisition)
        .scalar_subquery()
    )
    is_mine = Requisition.requester_id == actor.account_id
    rows = db.session.execute(
        select(
            is_mine, Requisition.id, Requisition.name, Location, lines, holder.name, lender.name,
            Requisition.lent_note,
        )
        .join(Location, Location.id == Requisition.location_id)
        .join(holder, holder.id == Requisition.requester_id)
        .outerjoin(lender, lender.id == Requisition.lent_by_id)
        .where(
            or_(is_mine, Requisition.lent_by_id == actor.account_id),
            Requisition.state == RequisitionState.DRAFT,
            Requisition.source == RequisitionSource.CART,
            Requisition.removed_at.is_(None),
        )
        .order_by(Location.name, Requisition.name, Requisition.id)
    )  # fmt: skip
    return [
        (row[0], CartInfo(row[1], row[2] or UNNAMED, row[3], row[4], row[5], row[6] or "", row[7]))
        for row in rows
    ]


def begin(actor: Actor, location_id: int, name: str) -> Requisition:
    """A new cart for a location, which is filled from now on; Invalid without a name of its own."""
    location = services.requestable(actor, location_id)
    services.lock_person(actor)
    of_place = [one for one in mine(actor) if one.location.id == location_id]
    if len(of_place) >= MOST_CARTS:
        raise Invalid(f"You have {MOST_CARTS} carts for {location.name}. Submit or delete one first.")
    values = services.beginning(actor, location, RequisitionSource.CART)
    cart = Requisition(**values | {"name": _free_name(name, [one.name for one in of_place])})
    db.session.add(cart)
    db.session.flush()
    return cart


def _free_name(name: str, taken: list[str]) -> str:
    name = " ".join(name.split())
    if not name:
        raise Invalid("Give the cart a name, for example Flu season.", field="name")
    if len(name) > LONGEST_NAME:
        raise Invalid(f"Use at most {LONGEST_NAME} characters.", field="name")
    if name.lower() in {one.lower() for one in taken}:
        raise Invalid(f"You have a cart named {name} here. Choose another name.", field="name")
    return name


def choose(actor: Actor, cart_id: int) -> Requisition:
    """What is added from now on for its location goes into this cart."""
    cart = services.locked_cart(actor, cart_id)
    # Past the version: who has the cart open in a window goes on there.
    statement = update(Requisition).where(Requisition.id == cart.id).values(used_at=clock.now())
    db.session.execute(statement, execution_options={"synchronize_session": False})
    return cart


def rename(actor: Actor, cart_id: int, name: str) -> Requisition:
    """Gives the cart another name."""
    cart = services.locked_cart(actor, cart_id)
    others = [one for one in mine(actor) if one.location.id == cart.location_id and one.id != cart.id]
    cart.name = _free_name(name, [one.name for one in others])
    return cart


def remove(actor: Actor, cart_id: int) -> Requisition:
    """Deletes the cart; `put_back` undoes it. Repeats do nothing."""
    cart = queries.own(actor, cart_id, lock=True)
    if cart.removed_at is None:
        services.locked_cart(actor, cart_id)
        cart.removed_at = clock.now()
        audit.record(actor, "cart.delete", cart, after={"name": cart.name, "lines": len(cart.lines)})
    return cart


def put_back(actor: Actor, cart_id: int) -> Requisition:
    """Undoes `remove`."""
    cart = queries.own(actor, cart_id, lock=True)
    if cart.removed_at is not None:
        cart.removed_at = None
        cart.used_at = clock.now()
        audit.record(actor, "cart.put_back", cart, after={"name": cart.name})
    return cart


def colleagues(actor: Actor, location: Location) -> list[Account]:
    """Who else may request for the location."""
    people = accounts_with(
        Permission.REQUEST, facility_id=location.facility_id, cost_center_id=location.cost_center_id
    )
    return [one for one in people if one.id != actor.account_id]


def hand_over(actor: Actor, cart_id: int, colleague_id: int | None, note: str) -> Requisition:
    """Gives the cart to a colleague, who fills and submits it, or gives it back.

    Raises Invalid for somebody who may not request for its location.
    """
    cart = services.locked_cart(actor, cart_id)
    colleague = next((one for one in colleagues(actor, cart.location) if one.id == colleague_id), None)
    if colleague is None:
        raise Invalid(f"Choose somebody who may request for {cart.location.name}.", field="colleague")
    return _give(actor, cart, colleague.id, cart.lent_by_id or actor.account_id, note)


def give_back(actor: Actor, cart_id: int, note: str) -> Requisition:
    """Gives a cart that was handed over back to whom it came from."""
    cart = services.locked_cart(actor, cart_id)
    if cart.lent_by_id is None:
        raise Invalid("This cart is your own. There is nobody to give it back to.")
    return _give(actor, cart, cart.lent_by_id, None, note)


def take_back(actor: Actor, cart_id: int) -> Requisition:
    """Takes a cart back from the colleague who has it; raises NotFound when it was submitted meanwhile."""
    cart = queries.find(cart_id, lock=True)
    is_lent = cart is not None and cart.state is RequisitionState.DRAFT and cart.lent_by_id is not None
    if cart is None or not is_lent or cart.lent_by_id != actor.account_id:
        cart = None
    cart = found(cart, "cart")
    return _give(actor, cart, cart.lent_by_id, None, "")


def _give(
    actor: Actor, cart: Requisition, account_id: int | None, lent_by_id: int | None, note: str
) -> Requisition:
    note = note.strip()
    if len(note) > LONGEST_REASON:
        raise Invalid(f"Write at most {LONGEST_REASON} characters.", field="note")
    before = {"filled by": cart.requester.name}
    cart.requester = db.session.get_one(Account, account_id)
    cart.lent_by_id = lent_by_id if lent_by_id != account_id else None
    cart.lent_note = f"{actor.name}: {note}" if note else ""
    cart.used_at = clock.now()
    audit.record(
        actor, "cart.hand_over", cart, before=before, after={"filled by": cart.requester.name, "note": note}
    )
    return cart
