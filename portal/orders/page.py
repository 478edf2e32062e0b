"""What the order page needs, gathered once for the page and for its live part."""

from typing import Any

from portal.exchange.queries import messages_about, open_items_about
from portal.foundation import clock
from portal.foundation.access import Actor, Permission
from portal.foundation.audit import history_of
from portal.foundation.hooks import Collector
from portal.orders import history, presenters, queries
from portal.orders.lines import line_rows
from portal.orders.models import PurchaseOrder
from portal.orders.rules import Transmission
from portal.orders.searching import RECEIVABLE
from portal.orders.steps import Known, Linked, steps

SUBJECT = PurchaseOrder.__tablename__
linked_documents: Collector[[int], Linked] = Collector()


def context(actor: Actor, order: PurchaseOrder) -> dict[str, Any]:
    """The values of the template; `seen` changes whenever something shown changes."""
    facility = order.location.facility
    known = Known(
        order=order,
        items=open_items_about(SUBJECT, order.id),
        messages=messages_about(SUBJECT, order.id),
        confirmations=queries.confirmations_of(order.id),
        shipments=queries.shipped_lines(order.id),
        linked=linked_documents(order.id),
        today=clock.today(facility.time_zone),
    )
    may_receive = actor.can(Permission.RECEIVE, facility_id=facility.id)
    outstanding = any(line.quantities.outstanding for line in order.lines)
    return {
        "order": order,
        "zone": facility.time_zone,
        "status": presenters.status_of(order),
        "items": known.items,
        "steps": steps(known),
        "counters": presenters.counters(order),
        "expected": presenters.next_expected(order),
        "lines": line_rows(order, known.items),
        "answers": history.answers(known.confirmations, order),
        "shipments": history.shipments(known.shipments, order),
        "linked": history.documents(known.linked, actor, facility.id),
        "messages": known.messages if actor.can(Permission.OPERATE_EXCHANGE) else [],
        "history": history.history(history_of(SUBJECT, order.id)),
        "may_cancel_order": bool(presenters.open_lines(order))
        and actor.can(Permission.BUY, facility_id=facility.id),
        "may_cancel": actor.can(Permission.BUY, facility_id=facility.id),
        "may_decide": actor.can(Permission.RESOLVE_WORK_ITEMS),
        "may_receive": may_receive and order.status in RECEIVABLE and outstanding,
        "is_stopped": order.transmission is Transmission.STOPPED,
        "seen": queries.seen(order.id),
    }
