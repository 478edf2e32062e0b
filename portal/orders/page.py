"""What the order page needs, gathered once for the page and for its live part."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from portal.exchange.queries import messages_about, open_items_about
from portal.exchange.rules import MessageState
from portal.foundation.access import Actor, Permission
from portal.foundation.audit import history_of
from portal.foundation.hooks import Collector
from portal.orders import presenters, queries
from portal.orders.models import PurchaseOrder
from portal.orders.rules import Transmission


@dataclass(frozen=True)
class Linked:
    """A document of a higher feature that belongs to the order, such as a receipt or an invoice."""

    kind: str
    number: str
    endpoint: str
    arguments: Mapping[str, int]
    at: datetime
    note: str


linked_documents: Collector[[int], Linked] = Collector()


def context(actor: Actor, order: PurchaseOrder) -> dict[str, Any]:
    """The values of the template; `seen` changes whenever something shown changes."""
    items = open_items_about("purchase_order", order.id)
    messages = messages_about("purchase_order", order.id)
    linked = linked_documents(order.id)
    stopped = ""
    if order.transmission is Transmission.STOPPED:
        waiting = [one for one in messages if one.state is MessageState.NEEDS_ATTENTION]
        stopped = waiting[0].cause if waiting else "A partner did not take the order."
    history = history_of("purchase_order", order.id)
    open_quantity: Decimal = sum((line.quantities.outstanding for line in order.lines), Decimal())
    may_receive = actor.can(Permission.RECEIVE, facility_id=order.location.facility_id)
    return {
        "order": order,
        "zone": order.location.facility.time_zone,
        "status": presenters.status_of(order),
        "items": items,
        "steps": presenters.steps(order, stopped),
        "counters": presenters.counters(order),
        "lines": presenters.line_rows(order, items),
        "confirmations": presenters.confirmations(queries.confirmations_of(order.id)),
        "shipments": presenters.shipments(queries.shipped_lines(order.id), order),
        "linked": linked,
        "messages": messages if actor.can(Permission.OPERATE_EXCHANGE) else [],
        "history": presenters.history(history),
        "may_cancel": actor.can(Permission.BUY, facility_id=order.location.facility_id),
        "may_receive": may_receive and order.status in queries.RECEIVABLE and open_quantity > 0,
        "seen": f"{order.changed_at.timestamp()}-{len(history)}-{len(items)}-{len(linked)}",
    }
