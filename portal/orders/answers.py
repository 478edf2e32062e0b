"""Applies the supplier's answers: confirmations and ship notices, in any order, any number of times."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

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
from portal.orders import queries
from portal.orders.differences import confirmed_prices
from portal.orders.models import (
    ConfirmationPart,
    OrderConfirmation,
    PurchaseOrder,
    PurchaseOrderLine,
    ShipNotice,
    ShipNoticeLine,
    ShipPackage,
)
from portal.orders.review import recompute
from portal.orders.units import Units

# What a header says of every line it does not name.
WHOLE = {
    ConfirmationType.ACCEPT: ConfirmationStatus.ACCEPTED,
    ConfirmationType.EXCEPT: ConfirmationStatus.ACCEPTED,
    ConfirmationType.REJECT: ConfirmationStatus.REJECTED,
    ConfirmationType.BACKORDERED: ConfirmationStatus.BACKORDERED,
}


def order_answered(message: Message, number: str, order_message_id: str = "") -> PurchaseOrder:
    """The order a supplier speaks of, by our number or by the message it was sent with; locked.

    Raises NotFound for an unknown order, Invalid when another supplier speaks.
    """
    sent = exchange_queries.sent_as(order_message_id) if not number and order_message_id else None
    order = queries.find_by_number(sent.number if sent else number, lock=True)
    if order is None:
        raise NotFound(f"There is no purchase order {number or f'sent as {order_message_id}'}.")
    sender = order.supplier.network_id
    if message.sender and sender and message.sender != sender:
        raise Invalid(
            f"{order.number} was ordered from {order.supplier.name} ({sender}), but {message.sender} answers."
        )
    if not message.subject_id:
        message.subject_type, message.subject_id = PurchaseOrder.__tablename__, order.id
        message.trace_id = order.trace_id
    follow_trace(order.trace_id)
    return order


def apply_confirmation(message: Message, document: canonical.InboundDocument) -> None:
    """Keeps the supplier's answer beside the order; the same answer again changes nothing.

    Raises NotFound for an unknown order, Invalid for what cannot be understood.
    """
    assert isinstance(document, canonical.Confirmation)
    order = order_answered(message, document.order_number, document.order_message_id)
    if queries.has_confirmation(order.id, document.number, document.operation, document.noticed_at):
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
    for line, evidence in confirmed_prices.tolerated(order):
        audit.record(
            system(order.organization_id, "supplier answered"), "order.tolerate_price", order,
            after={"line": line.line_number, "ordered": line.unit_price, "confirmed": line.confirmed_price},
            evidence=evidence,
        )  # fmt: skip


def _parts(order: PurchaseOrder, document: canonical.Confirmation) -> Iterable[ConfirmationPart]:
    lines = {line.line_number: line for line in order.lines}
    units = Units(order)
    for answered in document.lines:
        line = lines.pop(answered.line_number, None)
        if line is None:
            what = f"Line {answered.line_number} of confirmation {document.number}"
            _not_on_order(order, what, _worth(answered))
            continue
        yield from _parts_of_line(order, line, units, answered)
    status = WHOLE.get(document.type)
    for line in lines.values() if status else ():
        yield ConfirmationPart(line_id=line.id, status=status, quantity=line.quantities.wanted)


def _parts_of_line(
    order: PurchaseOrder, line: PurchaseOrderLine, units: Units, answered: canonical.ConfirmationLine
) -> Iterable[ConfirmationPart]:
    quantities = units.known(line, [(part.quantity, part.uom) for part in answered.parts])
    for part, quantity in zip(answered.parts, quantities, strict=True):
        price = part.unit_price
        if price is not None and price.currency != order.currency:
            raise Invalid(
                f"Line {line.line_number} is priced in {price.currency}, but {order.number} is ordered in "
                f"{order.currency}."
            )
        is_known, is_other = units.knows(line, part.uom), part.uom not in ("", line.uom)
        yield ConfirmationPart(
            line_id=line.id,
            status=part.status,
            quantity=quantity,
            said_quantity=part.quantity if is_other else None,
            said_uom=part.uom if is_other else None,
            promised_on=part.promised_on,
            unit_price=units.price(line, price.amount, part.uom) if price and is_known else None,
            said_price=price.amount if price and is_other else None,
            substitute_part=part.substitute_part,
            comments=part.comments,
        )


def _worth(answered: canonical.ConfirmationLine) -> Decimal | None:
    """What the supplier would charge for a line nobody ordered; None when no price is named."""
    amounts = [extended(one.quantity, one.unit_price.amount) for one in answered.parts if one.unit_price]
    return sum(amounts, Decimal()) if amounts else None


def _not_on_order(order: PurchaseOrder, what: str, worth: Decimal | None = None) -> None:
    exchange.open_item(
        WorkItemKind.NOT_ON_ORDER,
        key=f"order-{order.id}-{what}",
        sentence=f"{what} is not on {order.number}.",
        suggestion="Ask the supplier which line is meant.",
        subject=exchange.about(order),
        at_stake=worth,
    )


def apply_ship_notice(message: Message, document: canonical.InboundDocument) -> None:
    """Keeps what is on its way; a newer update replaces, a delete withdraws, an older one changes nothing.

    Raises NotFound for an unknown order, Invalid for what cannot be understood.
    """
    assert isinstance(document, canonical.ShipNotice)
    # Orders are locked in one order, so that two notices never wait for each other.
    orders = {named: _order_named(message, named) for named in sorted(_named(document))}
    notice = _notice(message, document, list(orders.values()))
    affected = {line.line.order_id for line in notice.lines} if notice.id else set()
    if notice.id and (notice.noticed_at > document.noticed_at or _is_repeated(notice, document)):
        return
    _fill(notice, message, document, orders)
    db.session.add(notice)
    db.session.flush()  # the sums read what stands now
    for order_id in sorted(affected | {order.id for order in orders.values()}):
        order = found(queries.find(order_id, lock=True), "order")
        audit.record(
            system(order.organization_id, "supplier shipped"), "order.ship", order,
            after={"ship_notice": document.number, "operation": document.operation},
            evidence={"message_id": message.id},
        )  # fmt: skip
        recompute(order)


def _named(document: canonical.ShipNotice) -> set[str]:
    """The orders a notice names: by our number, else by the message they were sent with."""
    lines = {line.order_number or line.order_message_id for line in document.lines}
    return lines | set(document.whole_orders)


def _order_named(message: Message, named: str) -> PurchaseOrder:
    sent = exchange_queries.sent_as(named) if "@" in named else None
    return order_answered(message, sent.number if sent else named)


def _is_repeated(notice: ShipNotice, document: canonical.ShipNotice) -> bool:
    """The same notice again: a "new" never replaces what stands, a second "delete" withdraws nothing."""
    if document.operation == "new":
        stands = bool(notice.lines) and not notice.withdrawn
        return stands or notice.noticed_at == document.noticed_at
    return notice.withdrawn and document.operation == "delete"


def _notice(message: Message, document: canonical.ShipNotice, orders: Sequence[PurchaseOrder]) -> ShipNotice:
    """The notice of this number, known or new; a delete that comes first leaves its mark."""
    suppliers = {order.supplier_id for order in orders}
    if len(suppliers) > 1:
        raise Invalid(f"Ship notice {document.number} names orders of several suppliers.")
    # A notice without lines names no order; then its sender says whose it is.
    supplier_id = suppliers.pop() if suppliers else queries.supplier_of_sender(message.sender)
    if supplier_id is None:
        raise NotFound(f"Ship notice {document.number} names no order, and its sender is no known supplier.")
    known = queries.find_notice(supplier_id, document.number)
    return known or ShipNotice(supplier_id=supplier_id, number=document.number, lines=[], packages=[])


def _fill(
    notice: ShipNotice,
    message: Message,
    document: canonical.ShipNotice,
    orders: dict[str, PurchaseOrder],
) -> None:
    notice.noticed_at = document.noticed_at
    notice.message_id = message.id
    notice.withdrawn = document.operation == "delete"
    if notice.withdrawn:
        return
    notice.shipped_at = document.shipped_at
    notice.delivery_expected_at = document.delivery_expected_at
    notice.carrier = document.carrier
    notice.tracking = document.tracking
    units = {order.number: Units(order) for order in orders.values()}
    lines: list[ShipNoticeLine] = []
    packages: list[ShipPackage] = []
    for shipped in document.lines:
        order = orders[shipped.order_number or shipped.order_message_id]
        line = next((one for one in order.lines if one.line_number == shipped.line_number), None)
        if line is None:
            _not_on_order(order, f"Line {shipped.line_number} of ship notice {document.number}")
            continue
        lines += _notice_lines(line, units[order.number], shipped)
        packages += _packages(line, units[order.number], shipped)
    for named in document.whole_orders:
        lines += _all_open_lines(orders[named], notice)
    notice.lines, notice.packages = lines, packages


def _notice_lines(
    line: PurchaseOrderLine, units: Units, shipped: canonical.ShipNoticeLine
) -> list[ShipNoticeLine]:
    lots = _lots(shipped)
    quantities = units.known(line, [(lot.quantity, shipped.uom) for lot in lots])
    is_other = shipped.uom not in ("", line.uom)
    return [
        ShipNoticeLine(
            line=line,
            quantity=quantity,
            said_quantity=lot.quantity if is_other else None,
            said_uom=shipped.uom if is_other else None,
            lot=lot.lot,
            expires_on=lot.expires_on,
            serials=list(lot.serials),
            sscc=shipped.sscc,
        )
        for lot, quantity in zip(lots, quantities, strict=True)
    ]


def _packages(line: PurchaseOrderLine, units: Units, shipped: canonical.ShipNoticeLine) -> list[ShipPackage]:
    """Every package around a line, from the pallet to the carton."""
    return [
        ShipPackage(
            line_id=line.id,
            sscc=one.sscc,
            parent_sscc=one.parent_sscc,
            kind=one.kind,
            quantity=_in_package(line, units, one.quantity, one.uom or shipped.uom),
        )
        for one in shipped.packages
    ]


def _in_package(line: PurchaseOrderLine, units: Units, quantity: Decimal | None, uom: str) -> Decimal | None:
    if quantity is None or not all(units.counted(line, [(quantity, uom)])):
        return None
    return units.quantities(line, [(quantity, uom)])[0]


def _lots(shipped: canonical.ShipNoticeLine) -> list[canonical.ShippedLot]:
    """The lots of a line; what no lot accounts for stands for itself, so that the sum is what shipped."""
    rest = shipped.quantity - sum((lot.quantity for lot in shipped.lots), Decimal())
    if rest <= 0:
        return list(shipped.lots)
    if len(shipped.lots) == 1 and shipped.lots[0].quantity == 0:
        return [shipped.lots[0].model_copy(update={"quantity": rest})]
    return [*shipped.lots, canonical.ShippedLot(quantity=rest)]


def _all_open_lines(order: PurchaseOrder, notice: ShipNotice) -> list[ShipNoticeLine]:
    """Everything of an order that no other notice has shipped."""
    others = [one for one in queries.shipped_lines(order.id) if one.notice_id != notice.id]
    elsewhere = {
        line.id: sum((one.quantity for one in others if one.line_id == line.id), Decimal())
        for line in order.lines
    }
    open_lines = [(line, line.quantities.wanted - elsewhere[line.id]) for line in order.lines]
    return [ShipNoticeLine(line=line, quantity=quantity) for line, quantity in open_lines if quantity > 0]
