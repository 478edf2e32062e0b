"""Keeps what was changed as the order's next version and hands it to the partners, after what they have."""

from collections.abc import Sequence
from typing import Any

from portal.exchange import services as exchange
from portal.exchange.rules import MessageState
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.errors import Conflict
from portal.identity.queries import organization
from portal.orders import outbound, queries
from portal.orders.models import OrderVersion, PurchaseOrder
from portal.orders.rules import OrderStatus, Transmission
from portal.orders.services import announce


def next_version(
    actor: Actor, order: PurchaseOrder, reason: str, changes: Sequence[dict[str, Any]]
) -> OrderVersion:
    """The order, locked and changed already, becomes its next version.

    A document that has not left says what is wanted now; who has the order already gets the next version.
    Raises Conflict while a partner is taking the order.
    """
    waiting = queries.unfinished_messages(order.id)
    locked = queries.lock_messages([message.id for message in waiting])
    # A worker that takes the order at this moment holds its message; waiting for it could deadlock.
    if len(locked) < len(waiting) or any(message.state is MessageState.WORKING for message in locked):
        raise Conflict(f"{order.number} is being handed to a partner at this moment. Try again in a minute.")
    order.version += 1
    version = OrderVersion(
        order_id=order.id, number=order.version, person=actor.name, reason=reason.strip(), changes=[*changes]
    )
    db.session.add(version)
    is_known = order.posted_at is not None or order.sent_at is not None
    for message in locked:
        if is_known or order.status is OrderStatus.CANCELLED:
            exchange.withdraw(actor, message, f"{order.number} was changed: {reason.strip()}")
        else:
            document = outbound.document(order, bill_to=organization().name)
            message.canonical = document.model_dump(mode="json")
    if is_known:
        order.transmission = Transmission.PLACED
        announce(order)
    return version
