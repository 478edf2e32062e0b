"""Applies the supplier's answers: confirmations and ship notices, in any order, any number of times."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import func, select

from integrations import canonical
from integrations.canonical import ConfirmationStatus, ConfirmationType
from portal.exchange import queries as exchange_queries
from portal.exchange import services as exchange
from portal.exchange.models import Message
from portal.exchange.rules import WorkItemKind
from portal.foundation import audit
from portal.foundation.access import system
from portal.foundation.db import db, found
from portal.foundation.errors import Invalid, NotFound
from portal.foundation.money import extended
from portal.foundation.trace import follow_trace
from portal.masterdata.models import ItemPackaging
from portal.orders import queries, services
from portal.orders.models import (
    ConfirmationPart,
    OrderConfirmation,
    PurchaseOrder,
    PurchaseOrderLine,
    ShipNotice,
    ShipNoticeLine,
)
from portal.orders.rules import Answer, Ordered, current_answers, deviations

# What a header without lines says of every line.
WHOLE = {
    ConfirmationType.ACCEPT: ConfirmationStatus.ACCEPTED,
    ConfirmationType.EXCEPT: ConfirmationStatus.ACCEPTED,
    ConfirmationType.REJECT: ConfirmationStatus.REJECTED,
    ConfirmationType.BACKORDERED: ConfirmationStatus.BACKORDERED,
}


def apply_confirmation(message: Message, document: canonical.InboundDocument) -> None:
    """Keeps the supplier's answer beside the order; raises NotFound for an unknown order."""
    assert isinstance(document, canonical.Confirmation)
    order = _order(message, document.order_number, document.order_message_id)
    if _is_known(order, document):
        return
    confirmation = OrderConfirmation(
        order_id=order.id,
        number=document.number,
        type=document.type,
        operation=document.operation,
        noticed_at=document.noticed_at,
        message_id=message.id,
        comments=document.comments,
        parts=list(_parts(order, document)),
    )
    db.session.add(confirmation)
    db.session.flush()  # the newest answer is found by time and id
    audit.record(
        system(order.organization_id, "supplier answered"), "order.confirm", order,
        after={"confirmation": document.number, "type": document.type},
        evidence={"message_id": message.id},
    )  # fmt: skip
    recompute(order)


def _order(message: Message, number: str, order_message_id: str = "") -> PurchaseOrder:
    """The order that is answered, by our number or by the message it was sent with; locked."""
    sent = exchange_queries.sent_as(order_message_id) if not number else None
    order = queries.find_by_number(sent.number if sent else number, lock=True)
    if order is None:
        raise NotFound(f"There is no purchase order {number or 'sent as ' + order_message_id}.")
    sender = order.supplier.network_id
    if message.sender and sender and message.sender != sender:
        raise Invalid(f"{number} was ordered from {order.supplier.name}, but {message.sender} answers.")
    if not message.subject_id:
        message.subject_type, message.subject_id = "purchase_order", order.id
    message.trace_id = order.trace_id
    follow_trace(order.trace_id)
    return order


def _is_known(order: PurchaseOrder, document: canonical.Confirmation) -> bool:
    return bool(
        db.session.scalar(
            select(func.count(OrderConfirmation.id)).where(
                OrderConfirmation.order_id == order.id,
                OrderConfirmation.number == document.number,
                OrderConfirmation.operation == document.operation,
                OrderConfirmation.noticed_at == document.noticed_at,
            )
        )
    )


def _parts(order: PurchaseOrder, document: canonical.Confirmation) -> Iterable[ConfirmationPart]:
    lines = {line.line_number: line for line in order.lines}
    for answered in document.lines:
        line = lines.pop(answered.line_number, None)
        if line is None:
            _not_on_order(order, f"Line {answered.line_number} of confirmation {document.number}")
            continue
        for part in answered.parts:
            yield ConfirmationPart(
                line_id=line.id,
                status=part.status,
                quantity=in_order_unit(line, part.quantity, part.uom),
                promised_on=part.promised_on,
                unit_price=part.unit_price.amount if part.unit_price else None,
                substitute_part=part.substitute_part,
                comments=part.comments,
            )
    status = WHOLE.get(document.type)
    for line in lines.values() if status else ():
        yield ConfirmationPart(line_id=line.id, status=status, quantity=line.quantity - line.cancelled)


def in_order_unit(line: PurchaseOrderLine, quantity: Decimal, uom: str) -> Decimal:
    """The quantity in the unit the line was ordered in; raises Invalid for a unit the item does not have."""
    if not uom or uom == line.uom:
        return quantity
    factor = db.session.scalar(
        select(ItemPackaging.factor).where(ItemPackaging.item_id == line.item_id, ItemPackaging.uom == uom)
    )
    if factor is None:
        raise Invalid(f"Line {line.line_number} is answered in {uom}; it was ordered in {line.uom}.")
    return quantity * factor / line.factor


def _not_on_order(order: PurchaseOrder, what: str) -> None:
    exchange.open_item(
        WorkItemKind.NOT_ON_ORDER,
        key=f"order-{order.id}-{what}",
        sentence=f"{what} is not on {order.number}.",
        suggestion="Ask the supplier which line is meant.",
        subject=exchange.about(order),
    )


def apply_ship_notice(message: Message, document: canonical.InboundDocument) -> None:
    """Keeps what is on its way; a newer update replaces, a delete withdraws, an older one changes nothing."""
    assert isinstance(document, canonical.ShipNotice)
    named = {line.order_number: line.order_message_id for line in document.lines}
    named |= dict.fromkeys(document.whole_orders, "")
    # Orders are locked in one order, so that two notices never wait for each other.
    orders = {number: _order(message, number, named[number]) for number in sorted(named)}
    notice = _known_notice(message, document, list(orders.values()))
    affected = {line.line.order_id for line in notice.lines} if notice.id else set()
    if notice.id and notice.noticed_at > document.noticed_at:
        return
    if notice.id and document.operation == "new" and notice.lines:
        return  # the same notice again
    _fill(notice, message, document, orders)
    db.session.flush()  # the sums read what stands now
    affected |= {order.id for order in orders.values()}
    for order_id in sorted(affected):
        order = found(queries.find(order_id, lock=True), "order")
        audit.record(
            system(order.organization_id, "supplier shipped"), "order.ship", order,
            after={"ship_notice": document.number, "operation": document.operation},
            evidence={"message_id": message.id},
        )  # fmt: skip
        recompute(order)


def _known_notice(
    message: Message, document: canonical.ShipNotice, orders: Sequence[PurchaseOrder]
) -> ShipNotice:
    suppliers = {order.supplier_id for order in orders}
    if len(suppliers) > 1:
        raise Invalid(f"Ship notice {document.number} names orders of several suppliers.")
    if suppliers:
        supplier_id = suppliers.pop()
        known = queries.find_notice(supplier_id, document.number)
        return known or ShipNotice(supplier_id=supplier_id, number=document.number, lines=[])
    # A delete may come without lines; then its sender says whose notice it is.
    known = queries.find_notice_of_sender(message.sender, document.number)
    return found(known, f"ship notice {document.number}")


def _fill(
    notice: ShipNotice,
    message: Message,
    document: canonical.ShipNotice,
    orders: dict[str, PurchaseOrder],
) -> None:
    notice.noticed_at = document.noticed_at
    notice.message_id = message.id
    notice.withdrawn = document.operation == "delete"
    if not notice.withdrawn:
        notice.shipped_at = document.shipped_at
        notice.delivery_expected_at = document.delivery_expected_at
        notice.carrier = document.carrier
        notice.tracking = document.tracking
        notice.lines = [row for line in document.lines for row in _notice_lines(orders, document, line)]
        for number in document.whole_orders:
            notice.lines += _all_open_lines(orders[number])
    db.session.add(notice)


def _notice_lines(
    orders: dict[str, PurchaseOrder], document: canonical.ShipNotice, shipped: canonical.ShipNoticeLine
) -> list[ShipNoticeLine]:
    order = orders[shipped.order_number]
    line = next((one for one in order.lines if one.line_number == shipped.line_number), None)
    if line is None:
        _not_on_order(order, f"Line {shipped.line_number} of ship notice {document.number}")
        return []
    return [
        ShipNoticeLine(
            line=line,
            quantity=in_order_unit(line, lot.quantity, shipped.uom),
            lot=lot.lot,
            expires_on=lot.expires_on,
            sscc=shipped.sscc,
        )
        for lot in _lots(shipped)
    ]


def _lots(shipped: canonical.ShipNoticeLine) -> list[canonical.ShippedLot]:
    """The lots of a line; what no lot accounts for stands for itself, so that the sum is what shipped."""
    rest = shipped.quantity - sum((lot.quantity for lot in shipped.lots), Decimal())
    if rest <= 0:
        return list(shipped.lots)
    if len(shipped.lots) == 1 and shipped.lots[0].quantity == 0:
        return [shipped.lots[0].model_copy(update={"quantity": rest})]
    return [*shipped.lots, canonical.ShippedLot(quantity=rest)]


def _all_open_lines(order: PurchaseOrder) -> list[ShipNoticeLine]:
    """Everything of an order that no notice has shipped yet."""
    open_lines = [(line, line.quantity - line.cancelled - line.shipped) for line in order.lines]
    return [ShipNoticeLine(line=line, quantity=quantity) for line, quantity in open_lines if quantity > 0]


def recompute(order: PurchaseOrder) -> None:
    """Derives confirmed, shipped, promised and expected of every line from the documents."""
    confirmations = queries.confirmations_of(order.id)
    shipped = queries.shipped_lines(order.id)
    for line in order.lines:
        spoken = [[part for part in one.parts if part.line_id == line.id] for one in confirmations]
        answers = current_answers(
            line.quantity - line.cancelled, [[_answer(part) for part in parts] for parts in spoken if parts]
        )
        _take_answers(line, answers)
        _take_shipments(line, [one for one in shipped if one.line_id == line.id])
        _open_items(order, line, answers)
    services.refresh(order)


def _answer(part: ConfirmationPart) -> Answer:
    return Answer(
        part.status, part.quantity, part.promised_on, part.unit_price, part.substitute_part, part.comments
    )


def _take_answers(line: PurchaseOrderLine, answers: Sequence[Answer]) -> None:
    def total(*statuses: ConfirmationStatus) -> Decimal:
        return sum((one.quantity for one in answers if one.status in statuses), Decimal())

    line.confirmed = total(ConfirmationStatus.ACCEPTED, ConfirmationStatus.CHANGED)
    line.backordered = total(ConfirmationStatus.BACKORDERED)
    line.rejected = total(ConfirmationStatus.REJECTED)
    line.promised_on = max((one.promised_on for one in answers if one.promised_on), default=None)
    line.confirmed_price = next((one.unit_price for one in answers if one.unit_price is not None), None)
    line.substitute_part = next((one.substitute_part for one in answers if one.substitute_part), "")
    line.supplier_comment = "; ".join(dict.fromkeys(one.comments for one in answers if one.comments))


def _take_shipments(line: PurchaseOrderLine, shipments: Sequence[ShipNoticeLine]) -> None:
    line.shipped = sum((one.quantity for one in shipments), Decimal())
    arrivals: list[date] = [
        one.notice.delivery_expected_at.date() for one in shipments if one.notice.delivery_expected_at
    ]
    line.expected_on = max(arrivals, default=None) or line.promised_on or line.needed_on


def _open_items(order: PurchaseOrder, line: PurchaseOrderLine, answers: Sequence[Answer]) -> None:
    ordered = Ordered(line.description, line.quantity, line.uom, line.unit_price, line.needed_on)
    differences = {one.kind: one for one in deviations(ordered, answers)}
    for kind in DEVIATION_KINDS:
        key = f"line-{line.id}-{kind}"
        difference = differences.get(kind)
        if difference is None:
            exchange.resolve_by_system(
                system(order.organization_id, "supplier answered"), key, "The supplier's answer fits again."
            )
            continue
        exchange.open_item(
            kind,
            key=key,
            sentence=difference.sentence,
            suggestion=difference.suggestion,
            subject=exchange.about(order),
            at_stake=extended(line.quantity, line.unit_price),
        )


DEVIATION_KINDS = (
    WorkItemKind.BACKORDERED,
    WorkItemKind.REJECTED,
    WorkItemKind.QUANTITY,
    WorkItemKind.PRICE,
    WorkItemKind.DATE_CHANGED,
    WorkItemKind.SUBSTITUTION,
)
