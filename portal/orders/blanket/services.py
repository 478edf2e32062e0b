"""Agrees on blanket orders, calls orders off them, closes them; never more than was agreed."""

from collections.abc import Sequence
from decimal import Decimal

from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.filters import money
from portal.foundation.numbering import next_number
from portal.masterdata.models import Supplier
from portal.orders.blanket import queries
from portal.orders.blanket.rules import Terms
from portal.orders.models import BlanketOrder, PurchaseOrder


def create(actor: Actor, terms: Terms) -> BlanketOrder:
    """Keeps what was agreed; orders call off it from its first day on.

    Raises Invalid for an amount of nothing, days that do not follow each other or that are over, NotFound
    for an unknown supplier.
    """
    actor.require(Permission.BUY)
    if terms.amount <= 0:
        raise Invalid("Enter an amount above zero.", field="amount")
    if terms.valid_to < max(terms.valid_from, clock.today()):
        raise Invalid("The last day must not be over, nor before the first one.", field="valid_to")
    supplier = found(db.session.get(Supplier, terms.supplier_id), "supplier")
    blanket = BlanketOrder(
        number=next_number("BO"),
        name=terms.name.strip(),
        supplier=supplier,
        amount=terms.amount,
        valid_from=terms.valid_from,
        valid_to=terms.valid_to,
    )
    db.session.add(blanket)
    db.session.flush()  # the audit trail names it by its id
    after = {"amount": blanket.amount, "supplier": supplier.name, "valid_to": blanket.valid_to}
    audit.record(actor, "blanket_order.create", blanket, after=after)
    return blanket


def close(actor: Actor, blanket_id: int) -> BlanketOrder:
    """Nothing calls off it any more; the orders that did stay as they are."""
    actor.require(Permission.BUY)
    blanket = found(queries.find(blanket_id, lock=True), "blanket order")
    if blanket.closed_at is not None:
        raise Conflict(f"{blanket.number} is closed already.")
    blanket.closed_at = clock.now()
    audit.record(actor, "blanket_order.close", blanket, after={"closed_at": blanket.closed_at})
    return blanket


def call_off(orders: Sequence[PurchaseOrder]) -> None:
    """Each order, flushed and not announced yet, calls off what is open for it and large enough.

    Two buyers at once wait for each other here, so that what is left never falls below zero.
    """
    blankets = queries.lock_open({order.supplier_id for order in orders}, clock.today())
    used = queries.called_off([one.id for one in blankets])
    for order in orders:
        for blanket in blankets:
            same = (blanket.supplier_id, blanket.currency) == (order.supplier_id, order.currency)
            if same and used[blanket.id] + order.total <= blanket.amount:
                order.blanket_id, order.blanket = blanket.id, blanket
                used[blanket.id] += order.total
                break


def keep_within(order: PurchaseOrder) -> None:
    """After a change: raises Invalid when the order takes more than its blanket order has left."""
    if order.blanket_id is None:
        return
    blanket = found(queries.find(order.blanket_id, lock=True), "blanket order")
    db.session.flush()
    left = blanket.amount - queries.called_off([blanket.id])[blanket.id]
    if left < 0:
        missing = money(-left, order.currency)
        raise Invalid(f"Blanket order {blanket.number} is {missing} short of this change.")


def left_of(blankets: Sequence[BlanketOrder]) -> dict[int, Decimal]:
    """What can still be called off each."""
    used = queries.called_off([one.id for one in blankets])
    return {one.id: one.amount - used[one.id] for one in blankets}
