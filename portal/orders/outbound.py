"""The purchase order as the canonical document that leaves, and how it is handed to each partner."""

from collections.abc import Iterator
from decimal import Decimal
from zoneinfo import ZoneInfo

from integrations import canonical
from integrations.erp.contract import Erp
from integrations.network.contract import Network
from portal.exchange.models import Message
from portal.foundation import clock
from portal.foundation.money import split
from portal.orders.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderSource
from portal.orders.rules import overlaps, part_of
from portal.requisitions.rules import SplitBy

KIND = "purchase_order"
THOUSANDTH = Decimal("0.001")  # quantities have three decimals, here and in the ERP


def document(order: PurchaseOrder, *, bill_to: str, replaces: str = "") -> canonical.PurchaseOrder:
    """The canonical purchase order; it names no person and no patient, at most our own case number.

    `replaces` is the message under which the partner took an earlier version. An order cancelled in full
    shows its lines as they were ordered: no document of a partner may be without one.
    """
    facility = order.location.facility
    wanted = [line for line in order.lines if line.quantities.wanted > 0]
    return canonical.PurchaseOrder(
        number=order.number,
        version=order.version,
        replaces=replaces,
        is_cancelled=not wanted,
        ordered_at=order.ordered_at.astimezone(ZoneInfo("UTC")),
        currency=order.currency,
        supplier=order.supplier.code,
        supplier_network_id=order.supplier.network_id,
        supplier_name=order.supplier.name,
        supplier_email=order.supplier.email,
        agreement=order.blanket.number if order.blanket_id and order.blanket else "",
        facility=facility.code,
        location=order.location.code,
        erp_number=order.erp_number,
        comments=_comments(order),
        ship_to=canonical.Address(
            name=facility.name,
            code=facility.gln or facility.code,
            deliver_to=order.location.name,
            street=facility.street,
            city=facility.city,
            region=facility.region,
            postal_code=facility.postal_code,
            country=facility.country,
        ),
        bill_to=canonical.Address(
            name=bill_to,
            street=facility.street,
            city=facility.city,
            region=facility.region,
            postal_code=facility.postal_code,
            country=facility.country,
        ),
        lines=tuple(_line(line, order.currency) for line in wanted or order.lines),
    )


def _comments(order: PurchaseOrder) -> str:
    told = order.message if order.message_version == order.version else ""
    return "\n".join(text for text in (order.reference, told) if text)


def _line(line: PurchaseOrderLine, currency: str) -> canonical.PurchaseOrderLine:
    return canonical.PurchaseOrderLine(
        line_number=line.line_number,
        item=line.item.code,
        supplier_part=line.supplier_part,
        description=line.description,
        quantity=_told(line),
        uom=line.uom,
        unit_price=canonical.Money(amount=line.unit_price, currency=currency),
        unspsc=line.item.unspsc,
        manufacturer=line.item.manufacturer,
        manufacturer_part=line.item.manufacturer_part,
        need_by=line.needed_on,
        assignments=tuple(_assignments(line)),
        is_consignment=line.consignment,
    )


def _told(line: PurchaseOrderLine) -> Decimal:
    return line.quantities.wanted or line.quantity


def _assignments(line: PurchaseOrderLine) -> Iterator[canonical.AccountAssignment]:
    """Who pays for what is wanted; what was cancelled is taken from the last sources."""
    quantities = [source.quantity for source in line.sources]
    for index, begin, end in overlaps(quantities, Decimal(), _told(line)):
        source = line.sources[index]
        if source.requisition_line.payers:
            yield from _shared(source, part_of(source.amount, source.quantity, begin, end), end - begin)
        else:
            yield canonical.AccountAssignment(
                cost_center=source.cost_center.code, gl_account=source.gl_account.code, quantity=end - begin
            )


def _shared(
    source: PurchaseOrderSource, amount: Decimal, quantity: Decimal
) -> Iterator[canonical.AccountAssignment]:
    """What each payer of a shared requisition line takes of a part of it, the money to the cent."""
    line = source.requisition_line
    weights = [share.weight for share in line.payers]
    quantities = split(quantity, weights, THOUSANDTH)
    for share, part, taken in zip(line.payers, quantities, line.paid(amount), strict=True):
        yield canonical.AccountAssignment(
            cost_center=share.cost_center.code,
            gl_account=(share.gl_account or source.gl_account).code,
            quantity=part,
            amount=taken,
            percent=share.weight if line.split_by is SplitBy.PERCENT and _is_alone(source) else None,
        )


def _is_alone(source: PurchaseOrderSource) -> bool:
    return len(source.line.sources) == 1


def deliver_to_erp(erp: Erp, message: Message, ask_first: bool) -> str:
    """Posts the order, or changes the one that is there; returns the ERP's number."""
    order = canonical.PurchaseOrder.model_validate(message.canonical)
    if order.erp_number:
        posted = erp.change_purchase_order(order)
    else:
        posted = erp.post_purchase_order(order, ask_first=ask_first)
    message.warnings = list(posted.warnings)
    return posted.number


def deliver_to_network(network: Network, message: Message, ask_first: bool) -> str:
    """Sends the order; the message key is the same on every try, so a repeat is harmless."""
    order = canonical.PurchaseOrder.model_validate(message.canonical)
    accepted = network.send_purchase_order(order, message_id=message.key, sent_at=clock.now())
    return accepted.reference or message.key
