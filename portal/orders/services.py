"""Purchase orders: place approved lines, follow them through the partners, keep their status true."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from portal.budgets import services as budgets
from portal.budgets.rules import Term
from portal.budgets.services import Change, Document
from portal.exchange import services as exchange
from portal.exchange.models import Message
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission, system
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.hooks import Hook
from portal.foundation.money import extended, slice_amount
from portal.foundation.numbering import next_number
from portal.foundation.trace import new_trace
from portal.identity.queries import organization
from portal.orders import outbound, queries
from portal.orders.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderSource
from portal.orders.rules import Transmission, status_of
from portal.requisitions import services as requisitions
from portal.requisitions.models import RequisitionLine
from portal.requisitions.rules import LineState

posted: Hook[[PurchaseOrder]] = Hook()


def place(actor: Actor, line_ids: Sequence[int]) -> list[PurchaseOrder]:
    """Turns approved lines into purchase orders, one per supplier and ship-to, and announces them.

    Raises Invalid when nothing was chosen, Conflict when a line was ordered or closed meanwhile.
    """
    if not line_ids:
        raise Invalid("Choose at least one line to order.")
    lines = queries.lock_lines(sorted(set(line_ids)))
    if len(lines) != len(set(line_ids)):
        raise Conflict("Some of these lines do not exist any more. Look at the list again.")
    for line in lines:
        actor.require(Permission.BUY, facility_id=line.requisition.location.facility_id)
        if line.state is not LineState.APPROVED or requisitions.open_quantity(line) <= 0:
            raise Conflict(f"{line.item.name} was ordered or closed meanwhile. Look at the list again.")
    groups: dict[tuple[int, int], list[RequisitionLine]] = defaultdict(list)
    for line in lines:
        groups[line.offer.supplier_id, line.requisition.location_id].append(line)
    return [_place_one(actor, group) for group in groups.values()]


def _place_one(actor: Actor, lines: list[RequisitionLine]) -> PurchaseOrder:
    first = lines[0]
    traces = {line.requisition.trace_id for line in lines}
    order = PurchaseOrder(
        number=next_number("PO"),
        supplier=first.offer.supplier,
        location=first.requisition.location,
        buyer_id=actor.account_id,
        currency=first.requisition.currency,
        total=Decimal(),
        trace_id=traces.pop() if len(traces) == 1 else new_trace(),
    )
    merged: dict[tuple[int, Decimal], list[RequisitionLine]] = defaultdict(list)
    for line in lines:
        merged[line.offer_id, line.unit_price].append(line)
    for number, same in enumerate(merged.values(), start=1):
        _add_line(order, number * 10, same)
    order.total = sum((extended(line.quantity, line.unit_price) for line in order.lines), Decimal())
    db.session.add(order)
    db.session.flush()  # the ledger and the outbox name the order by its id
    budgets.post(_ordered(order))
    audit.record(
        actor, "order.place", order, after={"total": order.total, "lines": len(order.lines)},
        evidence={"requisition_lines": [line.id for line in lines]},
    )  # fmt: skip
    announce(order)
    return order


def _add_line(order: PurchaseOrder, number: int, same: list[RequisitionLine]) -> None:
    first = same[0]
    today = requisitions.today_at(order.location)
    line = PurchaseOrderLine(
        order=order,
        line_number=number,
        item=first.item,
        supplier_part=first.offer.supplier_part,
        description=first.item.name,
        quantity=sum((requisitions.open_quantity(one) for one in same), Decimal()),
        uom=first.uom,
        factor=first.offer.factor,
        unit_price=first.unit_price,
        needed_on=max(min(one.requisition.need_by or today for one in same), today),
    )
    line.expected_on = line.needed_on
    for one in same:
        quantity = requisitions.open_quantity(one)
        done = one.ordered_quantity + one.closed_quantity
        line.sources.append(
            PurchaseOrderSource(
                requisition_line=one,
                quantity=quantity,
                amount=slice_amount(one.unit_price, done, done + quantity),
                cost_center=one.cost_center,
                gl_account=one.gl_account,
            )
        )
        one.ordered_quantity += quantity


def _ordered(order: PurchaseOrder) -> list[Change]:
    """From requested to ordered: the same amount leaves one term and enters the other."""
    changes: list[Change] = []
    for line in order.lines:
        for source in line.sources:
            asked = source.requisition_line
            changes.append(
                Change(asked.id, Term.REQUESTED, -source.amount, requisitions.document_of(asked.requisition))
            )
            changes.append(Change(asked.id, Term.ORDERED, source.amount, document_of(order)))
    return changes


def document_of(order: PurchaseOrder) -> Document:
    """The order as a document that holds budget."""
    return Document("purchase_order", order.id, order.number)


def announce(order: PurchaseOrder) -> None:
    """Puts the order into the outbox for the first partner of its route, or for the next one."""
    partner_ids = exchange.partners_for(outbound.KIND, order.supplier_id)
    if not partner_ids:
        raise Conflict("No partner takes purchase orders. Ask an administrator to set up a route.")
    _send(order, partner_ids[0])


def _send(order: PurchaseOrder, partner_id: int) -> None:
    exchange.send(
        outbound.KIND,
        outbound.document(order, bill_to=organization().name),
        exchange.about(order),
        partner_id=partner_id,
        key=f"{order.number}-v{order.version}@{organization().slug}",
    )


def taken_by_erp(message: Message) -> None:
    """The ERP has the order: remember its number, send the order on."""
    order = found(queries.find(message.subject_id or 0, lock=True), "order")
    order.erp_number = message.reference
    order.posted_at = clock.now()
    order.transmission = Transmission.POSTED
    _record_transmission(order, "order.posted", {"erp_number": order.erp_number})
    _send_on(order, message.partner_id)
    posted(order)


def taken_by_network(message: Message) -> None:
    """The network has the order."""
    order = found(queries.find(message.subject_id or 0, lock=True), "order")
    order.sent_at = clock.now()
    order.transmission = Transmission.SENT
    _record_transmission(order, "order.sent", {"message": message.key})
    refresh(order)
    _send_on(order, message.partner_id)


def stopped(message: Message) -> None:
    """A partner did not take the order; a work item says why."""
    order = found(queries.find(message.subject_id or 0, lock=True), "order")
    order.transmission = Transmission.STOPPED
    _record_transmission(order, "order.stopped", {"cause": message.cause})


def _send_on(order: PurchaseOrder, partner_id: int) -> None:
    route = exchange.partners_for(outbound.KIND, order.supplier_id)
    following = route[route.index(partner_id) + 1 :] if partner_id in route else []
    if following:
        _send(order, following[0])


def _record_transmission(order: PurchaseOrder, action: str, evidence: dict[str, str]) -> None:
    order.changed_at = clock.now()
    actor = system(order.organization_id, "delivery")
    audit.record(actor, action, order, after={"transmission": order.transmission}, evidence=evidence)


def refresh(order: PurchaseOrder) -> None:
    """Derives the status of the order and its lines from their quantities."""
    sent = order.sent_at is not None
    for line in order.lines:
        line.status = status_of([line.quantities], sent=sent)
    before = order.status
    order.status = status_of([line.quantities for line in order.lines], sent=sent)
    order.changed_at = clock.now()
    if order.status is not before:
        actor = system(order.organization_id, "quantities")
        audit.record(actor, "order.status", order, before={"status": before}, after={"status": order.status})


def cancel_rest(actor: Actor, order_id: int, line_id: int, reason: str) -> PurchaseOrder:
    """Cancels what is neither shipped nor received of a line; its budget returns to the cent."""
    order = found(queries.find(order_id, lock=True), "order")
    actor.require(Permission.BUY, facility_id=order.location.facility_id)
    line = found(next((one for one in order.lines if one.id == line_id), None), "line")
    rest = line.quantity - line.cancelled - max(line.shipped, line.received, line.invoiced)
    if rest <= 0:
        raise Conflict("Nothing of this line is open: it is shipped, received or cancelled.")
    if not reason.strip():
        raise Invalid("Say why the rest is cancelled.", field="reason")
    before = {"cancelled": line.cancelled}
    budgets.post(_given_back(order, line, rest))
    line.cancelled += rest
    audit.record(
        actor, "order_line.cancel", line, before=before, after={"cancelled": line.cancelled, "reason": reason}
    )
    refresh(order)
    return order


def _given_back(order: PurchaseOrder, line: PurchaseOrderLine, rest: Decimal) -> list[Change]:
    """The last sources give back first, so that the first requester is served first."""
    changes: list[Change] = []
    keep = line.quantity - line.cancelled - rest
    start = Decimal()
    for source in line.sources:
        end = start + source.quantity
        free_from, free_to = max(start, keep), min(end, keep + rest)
        if free_to > free_from:
            amount = slice_amount(line.unit_price, free_from - start, free_to - start)
            changes.append(Change(source.requisition_line_id, Term.ORDERED, -amount, document_of(order)))
        start = end
    return changes
