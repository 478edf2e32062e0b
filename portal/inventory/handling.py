"""What people do with a lot in their hands: transfer, adjust, waste, quarantine, release, return."""

from dataclasses import dataclass, replace
from decimal import Decimal

from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.quantity import plain
from portal.inventory import queries
from portal.inventory.models import Stock
from portal.inventory.rules import Condition, MovementKind
from portal.inventory.services import Move, move

K = MovementKind
NEEDS_REASON = frozenset({K.ADJUSTMENT, K.WASTE, K.QUARANTINE, K.RELEASE, K.RETURN_TO_SUPPLIER})


@dataclass(frozen=True)
class Handled:
    """So much of a stock row, in base units; `form_key` makes a second post harmless."""

    stock_id: int
    quantity: Decimal
    form_key: str
    reason: str = ""


def transfer(actor: Actor, handled: Handled, to_location_id: int) -> Stock:
    """Takes it to another location of the organization; raises Invalid when there is less."""
    stock = _stock(actor, handled, K.TRANSFER_OUT)
    if stock.condition is not Condition.AVAILABLE:
        raise Invalid("What is in quarantine stays where it is. Release it first.")
    if to_location_id == stock.location_id:
        raise Invalid("It is here already. Choose another location.", field="to")
    to = queries.active_location(to_location_id)
    out = _move(stock, handled, K.TRANSFER_OUT, -handled.quantity)
    there = replace(
        out, key=f"{out.key}:in", kind=K.TRANSFER_IN, location_id=to.id, quantity=handled.quantity
    )
    return _done(actor, stock, handled, [out, there], to=to.name)


def waste(actor: Actor, handled: Handled) -> Stock:
    """It was dropped, expired or damaged."""
    stock = _stock(actor, handled, K.WASTE)
    _refuse_more_than_there(stock, handled.quantity)
    return _done(actor, stock, handled, [_move(stock, handled, K.WASTE, -handled.quantity)])


def give_back(actor: Actor, handled: Handled) -> Stock:
    """It goes back to the supplier."""
    stock = _stock(actor, handled, K.RETURN_TO_SUPPLIER)
    return _done(actor, stock, handled, [_move(stock, handled, K.RETURN_TO_SUPPLIER, -handled.quantity)])


def quarantine(actor: Actor, handled: Handled) -> Stock:
    """It must not be used for now; a lot that is there already is added to."""
    return _recondition(actor, handled, K.QUARANTINE, Condition.AVAILABLE, Condition.QUARANTINED)


def release(actor: Actor, handled: Handled) -> Stock:
    """It may be used again."""
    return _recondition(actor, handled, K.RELEASE, Condition.QUARANTINED, Condition.AVAILABLE)


def _recondition(
    actor: Actor, handled: Handled, kind: MovementKind, before: Condition, after: Condition
) -> Stock:
    stock = _stock(actor, handled, kind)
    if stock.condition is not before:
        raise Conflict(f"This lot is {stock.condition} already. Look at it again.")
    out = _move(stock, handled, kind, -handled.quantity)
    held = replace(out, key=f"{out.key}:in", condition=after, quantity=handled.quantity)
    return _done(actor, stock, handled, [out, held])


def adjust(actor: Actor, handled: Handled) -> Stock:
    """The book was wrong: from now on it says `quantity`."""
    stock = _stock(actor, handled, K.ADJUSTMENT)
    difference = handled.quantity - stock.on_hand
    if difference == 0:
        raise Invalid(f"The book says {plain(stock.on_hand)} already.", field="quantity")
    return _done(actor, stock, handled, [_move(stock, handled, K.ADJUSTMENT, difference)])


def _stock(actor: Actor, handled: Handled, kind: MovementKind) -> Stock:
    if kind in NEEDS_REASON and not handled.reason.strip():
        raise Invalid("Say why.", field="reason")
    # Only an adjustment reads before it writes; a lock on one of two rows would let two wait in a circle.
    stock = queries.stock(handled.stock_id, lock=kind is K.ADJUSTMENT)
    actor.require(Permission.COUNT_STOCK, facility_id=stock.location.facility_id)
    return stock


def _refuse_more_than_there(stock: Stock, quantity: Decimal) -> None:
    if quantity > stock.on_hand:
        sentence = f"There are {plain(stock.on_hand)}. Enter what is there, or count the shelf first."
        raise Invalid(sentence, field="quantity")


def _move(stock: Stock, handled: Handled, kind: MovementKind, quantity: Decimal) -> Move:
    return Move(
        key=f"{kind}-{handled.form_key}", kind=kind, location_id=stock.location_id, item_id=stock.item_id,
        quantity=quantity, lot=stock.lot, serial=stock.serial, expires_on=stock.expires_on, owner=stock.owner,
        condition=stock.condition, reason=handled.reason.strip(),
    )  # fmt: skip


def _done(actor: Actor, stock: Stock, handled: Handled, moves: list[Move], **after: str) -> Stock:
    if move(actor, moves):
        told = {"quantity": handled.quantity, "reason": handled.reason.strip(), **after}
        audit.record(actor, f"stock.{moves[0].kind}", stock, before={"on_hand": stock.on_hand}, after=told)
    return stock
