"""Purchase orders: place approved lines, follow them through the partners, keep their status true."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
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
from portal.foundation.money import slice_amount, split
from portal.foundation.numbering import next_number
from portal.foundation.trace import new_trace
from portal.identity.queries import organization
from portal.orders import dealing, outbound, queries
from portal.orders.blanket import services as blankets
from portal.orders.dealing import Deal
from portal.orders.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderSource
from portal.orders.packs import in_packs
from portal.orders.paper.letters import keep_letter
from portal.orders.proposals.weighing import refuse_beyond_budget
from portal.orders.rules import OrderStatus, Transmission, day_needed, status_of
from portal.requisitions import services as requisitions
from portal.requisitions.models import RequisitionLine
from portal.requisitions.rules import LineState

posted: Hook[[PurchaseOrder]] = Hook()


def place(
    actor: Actor, line_ids: Sequence[int], *, reference: str = "", is_approved: bool = False
) -> list[PurchaseOrder]:
    """Turns approved lines into purchase orders, one per supplier and ship-to, and announces them.

    `reference` is what the supplier is told beside the order; never anything of a patient. `is_approved`:
    who may has said yes to chosen offers that cost more than was approved first.
    Raises Invalid when nothing was chosen, a supplier is blocked, or a chosen offer is beyond approval or
    budget; Conflict when a line was ordered or closed meanwhile: lines posted twice are ordered once.
    """
    if not line_ids:
        raise Invalid("Choose at least one line to order.")
    lines = queries.lock_lines(sorted(set(line_ids)))
    if len(lines) != len(set(line_ids)):
        raise Conflict("Some of these lines do not exist any more. Look at the list again.")
    deals = dealing.agreed(lines)
    for line in lines:
        _check(actor, line, deals[line.id], is_approved=is_approved)
    groups: dict[tuple[int, int], list[RequisitionLine]] = defaultdict(list)
    for line in lines:
        groups[deals[line.id].offer.supplier_id, line.ship_to.id].append(line)
    orders = [_build(actor, group, deals, reference) for group in groups.values()]
    db.session.add_all(orders)
    db.session.flush()  # the ledger and the outbox name the orders by their ids
    # All at once, so that the budgets are locked in one order.
    budgets.post([change for order in orders for change in _changes(order)])
    refuse_beyond_budget(_dearer(lines, deals), orders[0].currency)
    blankets.call_off(orders)
    for order in orders:
        audit.record(
            actor, "order.place", order, after={"total": order.total, "lines": len(order.lines)},
            evidence={"requisition_lines": [one.requisition_line_id for one in _sources(order)]},
        )  # fmt: skip
        announce(order)
    return orders


def _dearer(lines: Sequence[RequisitionLine], deals: Mapping[int, Deal]) -> set[int]:
    """Whose chosen offer costs more than the request held; nobody looked at the budget for that yet."""
    return {
        line.id
        for line in lines
        if deals[line.id].is_chosen
        and deals[line.id].unit_price / deals[line.id].offer.factor > line.unit_price / line.offer.factor
    }


def _check(actor: Actor, line: RequisitionLine, deal: Deal, *, is_approved: bool) -> None:
    actor.require(Permission.BUY, facility_id=line.ship_to.facility_id)
    if line.state is not LineState.APPROVED or requisitions.open_quantity(line) <= 0:
        raise Conflict(f"{line.item.name} was ordered or closed meanwhile. Look at the list again.")
    supplier = deal.offer.supplier
    if supplier.blocked:
        raise Invalid(
            f"{supplier.name} is blocked for new orders. Close its lines, or ask the ERP's "
            "administrator to release the supplier."
        )
    if deal.is_chosen and not is_approved:
        dealing.check(line, deal)


def _build(
    actor: Actor, lines: list[RequisitionLine], deals: Mapping[int, Deal], reference: str
) -> PurchaseOrder:
    first = lines[0]
    traces = {line.requisition.trace_id for line in lines}
    order = PurchaseOrder(
        number=next_number("PO"),
        supplier=deals[first.id].offer.supplier,
        location=first.ship_to,
        buyer_id=actor.account_id,
        currency=first.requisition.currency,
        total=Decimal(),
        reference=reference,
        trace_id=traces.pop() if len(traces) == 1 else new_trace(),
    )
    merged: dict[tuple[int, Decimal, bool], list[RequisitionLine]] = defaultdict(list)
    for line in lines:
        deal = deals[line.id]
        merged[deal.offer.id, deal.unit_price, deal.is_consignment].append(line)
    for number, same in enumerate(merged.values(), start=1):
        _add_line(order, number * 10, same, deals[same[0].id])
    order.total = sum((source.amount for source in _sources(order)), Decimal())
    return order


def _add_line(order: PurchaseOrder, number: int, same: list[RequisitionLine], deal: Deal) -> None:
    first = same[0]
    asked = [requisitions.open_quantity(one) for one in same]
    is_other_pack = any(one.offer.factor != deal.offer.factor for one in same)
    needs = [quantity * one.offer.factor for one, quantity in zip(same, asked, strict=True)]
    quantities = in_packs(needs, deal.offer.factor) if is_other_pack else asked
    line = PurchaseOrderLine(
        order=order,
        line_number=number,
        item=first.item,
        supplier_part=deal.offer.supplier_part,
        description=first.item.name,
        quantity=sum(quantities, Decimal()),
        uom=deal.offer.uom,
        factor=deal.offer.factor,
        unit_price=deal.unit_price,
        # What a bill-only order (with its reference) pays for is used already.
        consignment=deal.is_consignment and not order.reference,
        needed_on=day_needed([one.wanted_by for one in same], requisitions.today_at(order.location)),
    )
    line.expected_on = line.needed_on
    # The line is rounded once, as the supplier and the ERP do; its sources share that amount to the cent.
    amounts = split(line.cost, quantities)
    for one, wanted, quantity, amount in zip(same, asked, quantities, amounts, strict=True):
        line.sources.append(
            PurchaseOrderSource(
                requisition_line=one,
                quantity=quantity,
                serves=wanted if is_other_pack else None,
                amount=amount,
                cost_center=one.cost_center,
                gl_account=one.gl_account,
            )
        )


def _sources(order: PurchaseOrder) -> list[PurchaseOrderSource]:
    return [source for line in order.lines for source in line.sources]


def _changes(order: PurchaseOrder) -> list[Change]:
    """From requested to ordered: what each request held leaves, what the order costs enters."""
    changes: list[Change] = []
    for source in _sources(order):
        asked = source.requisition_line
        done = asked.ordered_quantity + asked.closed_quantity
        held = slice_amount(asked.unit_price, done, done + source.served)
        requisition = requisitions.document_of(asked.requisition)
        changes.append(Change(asked.id, Term.REQUESTED, -held, requisition))
        changes.append(Change(asked.id, Term.ORDERED, source.amount, document_of(order)))
        asked.ordered_quantity += source.served
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
    replaces = queries.taken_before(order.id, partner_id)
    if order.status is OrderStatus.CANCELLED and not replaces:
        _send_on(order, partner_id)  # this partner never heard of it
        return
    exchange.send(
        outbound.KIND,
        outbound.document(order, bill_to=organization().name, replaces=replaces),
        exchange.about(order),
        partner_id=partner_id,
        key=f"{order.number}-v{order.version}@{organization().slug}",
    )


def taken_by_erp(message: Message) -> None:
    """The ERP has the order: remember its number, send the order on."""
    order = found(queries.find(message.subject_id or 0, lock=True), "order")
    order.erp_number = message.reference
    order.posted_at = order.posted_at or clock.now()
    order.transmission = Transmission.POSTED
    _record_transmission(order, "order.posted", {"erp_number": order.erp_number, "message": message.key})
    if not _send_on(order, message.partner_id):  # the ERP hands it to the supplier itself
        order.sent_at = order.sent_at or clock.now()
        order.transmission = Transmission.SENT
        refresh(order)
    posted(order)


def taken_by_network(message: Message) -> None:
    """The network has the order."""
    order = found(queries.find(message.subject_id or 0, lock=True), "order")
    order.sent_at = order.sent_at or clock.now()
    order.transmission = Transmission.SENT
    _record_transmission(order, "order.sent", {"message": message.key})
    refresh(order)
    keep_letter(order, message)
    _send_on(order, message.partner_id)


def stopped(message: Message) -> None:
    """A partner did not take the order; a work item says why."""
    order = found(queries.find(message.subject_id or 0, lock=True), "order")
    order.transmission = Transmission.STOPPED
    _record_transmission(order, "order.stopped", {"cause": message.cause})


def _send_on(order: PurchaseOrder, partner_id: int) -> bool:
    """Hands the order to the next partner of its route; False at the end of it."""
    route = exchange.partners_for(outbound.KIND, order.supplier_id)
    following = route[route.index(partner_id) + 1 :] if partner_id in route else []
    if following:
        _send(order, following[0])
    return bool(following)


def _record_transmission(order: PurchaseOrder, action: str, evidence: dict[str, str]) -> None:
    touch(order)
    actor = system(order.organization_id, "delivery")
    audit.record(actor, action, order, after={"transmission": order.transmission}, evidence=evidence)


def touch(order: PurchaseOrder) -> None:
    """Something that the page of the order shows has changed."""
    order.changed_at = clock.now()


def refresh(order: PurchaseOrder) -> None:
    """Derives the status of the order and its lines from their quantities."""
    sent = order.sent_at is not None
    for line in order.lines:
        line.status = status_of([line.quantities], sent=sent)
    before = order.status
    order.status = status_of([line.quantities for line in order.lines], sent=sent)
    touch(order)
    if order.status is not before:
        actor = system(order.organization_id, "quantities")
        audit.record(actor, "order.status", order, before={"status": before}, after={"status": order.status})
