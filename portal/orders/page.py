"""What the order page needs, gathered once for the page and for its live part."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from portal.comments import presenters as comments
from portal.comments import queries as comment_queries
from portal.comments import services as commenting
from portal.exchange.queries import messages_about, open_items_about
from portal.exchange.rules import UNFINISHED_STATES
from portal.foundation import clock
from portal.foundation.access import Actor, Permission
from portal.foundation.audit import history_of
from portal.foundation.db import found
from portal.foundation.hooks import Collector
from portal.identity.queries import names_of
from portal.orders import commented, expecting, history, presenters, queries
from portal.orders.documents import documents
from portal.orders.lines import line_rows
from portal.orders.models import PurchaseOrder
from portal.orders.proposals.presenters import proposal_row
from portal.orders.proposals.queries import proposals_of
from portal.orders.rules import OrderStatus, Transmission
from portal.orders.searching import RECEIVABLE
from portal.orders.steps import Known, Linked, steps
from portal.orders.versions.presenters import version_rows
from portal.orders.versions.queries import versions_of

SUBJECT = PurchaseOrder.__tablename__
LIVELY = timedelta(minutes=10)  # an order that changed of late is asked for more often
linked_documents: Collector[[int], Linked] = Collector()


def context(actor: Actor, order_id: int) -> dict[str, Any]:
    """The values of the template; `seen` changes whenever something shown does. Raises NotFound."""
    # First of all, so that what comes while the rest is read counts as news.
    seen = queries.seen(order_id)
    order = found(queries.for_person(actor, order_id), "order")
    facility = order.location.facility
    items = open_items_about(SUBJECT, order.id)
    owner_ids = {one.owner_id for one in items if one.owner_id}
    known = Known(
        order=order,
        items=items,
        messages=messages_about(SUBJECT, order.id),
        confirmations=queries.confirmations_of(order.id),
        shipments=queries.shipped_lines(order.id, unread=True),
        linked=linked_documents(order.id),
        history=expecting.history_of([order.supplier_id]),
        owners=names_of(owner_ids) if owner_ids else {},
        today=clock.today(facility.time_zone),
    )
    may_receive = actor.can(Permission.RECEIVE, facility_id=facility.id)
    outstanding = any(line.quantities.outstanding for line in order.lines)
    expected = expecting.next_expected(known.history, order)
    return {
        "order": order,
        "zone": facility.time_zone,
        "status": presenters.status_of(order),
        "items": known.items,
        "steps": steps(known),
        "counters": presenters.counters(order),
        "expected": expected,
        "days_late": max((known.today - expected).days, 0) if expected else 0,
        "expected_why": _why(known),
        "lines": line_rows(order, known.items, known.history, known.today),
        "answers": history.answers(known.confirmations, order),
        "versions": version_rows(order, versions_of(order.id), known.messages, known.confirmations),
        "proposals": [proposal_row(one) for one in proposals_of(order.id)],
        "shipments": history.shipments(known.shipments, order),
        "documents": documents(actor, known),
        "comments": comments.rows(actor, comment_queries.about(SUBJECT, order.id)),
        "history": history.history(history_of(SUBJECT, order.id)),
        "may_cancel_order": bool(presenters.open_lines(order))
        and actor.can(Permission.BUY, facility_id=facility.id),
        "may_cancel": actor.can(Permission.BUY, facility_id=facility.id),
        "may_decide": actor.can(Permission.RESOLVE_WORK_ITEMS),
        "may_receive": may_receive and order.status in RECEIVABLE and outstanding,
        "is_stopped": order.transmission is Transmission.STOPPED,
        "seen": seen,
        "is_over": _is_over(known),
        "pace": "2s" if clock.now() - order.changed_at < LIVELY else "10s",
    }


def conversation(actor: Actor, order: PurchaseOrder, said: Sequence[comments.CommentRow]) -> dict[str, Any]:
    """The form of a comment; what was said is seen from now on."""
    if any(one.is_unread for one in said):
        commenting.see(actor, SUBJECT, order.id)
    subject = found(commented.subject(actor, order.id), "order")
    return {"subject": subject, "comment_form": comments.form(actor, subject)}


def _why(known: Known) -> str:
    judged = known.history.of(known.order.supplier_id)
    return judged.told(known.order.supplier.name) if judged else ""


def _is_over(known: Known) -> bool:
    """Whether nothing of the order changes by itself any more, so that the page need not ask again."""
    is_settled = known.order.status in (OrderStatus.INVOICED, OrderStatus.CANCELLED) and not known.items
    return is_settled and all(one.state not in UNFINISHED_STATES for one in known.messages)
