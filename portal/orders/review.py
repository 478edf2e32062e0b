"""Derives what the supplier's documents amount to, and what of it a person must decide."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from integrations.canonical import ConfirmationStatus
from portal.exchange import queries as exchange_queries
from portal.exchange import services as exchange
from portal.exchange.rules import WorkItemKind
from portal.foundation.access import system
from portal.foundation.money import extended
from portal.orders import queries, services
from portal.orders.models import ConfirmationPart, PurchaseOrder, PurchaseOrderLine, ShipNoticeLine
from portal.orders.rules import Answer, Deviation, Ordered, current_answers, deviations

DEVIATION_KINDS = frozenset(
    {
        WorkItemKind.BACKORDERED,
        WorkItemKind.REJECTED,
        WorkItemKind.QUANTITY,
        WorkItemKind.PRICE,
        WorkItemKind.DATE_CHANGED,
        WorkItemKind.SUBSTITUTION,
        WorkItemKind.OVER_RECEIPT,
    }
)


def recompute(order: PurchaseOrder) -> None:
    """Derives confirmed, shipped, promised, expected and the status of every line from the documents.

    Opens a work item for each deviation, and closes those whose cause is gone. The order is locked.
    """
    confirmations = queries.confirmations_of(order.id)
    shipped = queries.shipped_lines(order.id)
    found: dict[str, tuple[PurchaseOrderLine, Deviation]] = {}
    for line in order.lines:
        spoken = [
            (one.number, [_answer(part) for part in one.parts if part.line_id == line.id])
            for one in confirmations
        ]
        answers = current_answers(
            line.quantities.wanted, [(number, parts) for number, parts in spoken if parts]
        )
        _take_answers(line, answers)
        _take_shipments(order, line, [one for one in shipped if one.line_id == line.id])
        for deviation in deviations(_ordered(line), answers):
            found[f"line-{line.id}-{deviation.kind}"] = (line, deviation)
    _decide(order, found)
    services.refresh(order)


def settle_received(order: PurchaseOrder) -> None:
    """After goods came: their line may have no difference left, or a new one."""
    items = exchange_queries.open_items_about(PurchaseOrder.__tablename__, order.id)
    is_open = any(item.kind in DEVIATION_KINDS for item in items)
    if is_open or any(line.received > line.quantities.wanted for line in order.lines):
        recompute(order)
    else:
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
    prices = [one.unit_price for one in answers if one.unit_price is not None]
    different = [price for price in prices if price != line.unit_price]
    line.confirmed_price = next(iter(different or prices), None)
    line.substitute_part = next((one.substitute_part for one in answers if one.substitute_part), "")
    line.supplier_comment = "; ".join(dict.fromkeys(one.comments for one in answers if one.comments))


def _take_shipments(
    order: PurchaseOrder, line: PurchaseOrderLine, shipments: Sequence[ShipNoticeLine]
) -> None:
    """What is on its way, and when the whole line is here: what is not shipped comes when promised."""
    zone = ZoneInfo(order.location.facility.time_zone)
    line.shipped = sum((one.quantity for one in shipments), Decimal())
    days: list[date] = [
        one.notice.delivery_expected_at.astimezone(zone).date()
        for one in shipments
        if one.notice.delivery_expected_at
    ]
    if not days or line.shipped < line.quantities.wanted:
        days.append(line.promised_on or line.needed_on)
    line.expected_on = max(days)


def _ordered(line: PurchaseOrderLine) -> Ordered:
    return Ordered(line.description, line.uom, line.unit_price, line.needed_on, line.quantities)


def _decide(order: PurchaseOrder, found: dict[str, tuple[PurchaseOrderLine, Deviation]]) -> None:
    portal = system(order.organization_id, "supplier's answer compared")
    for item in exchange_queries.open_items_about(PurchaseOrder.__tablename__, order.id):
        if item.kind in DEVIATION_KINDS and item.key not in found:
            exchange.resolve(portal, item, "The difference is gone.")
    for key, (line, deviation) in found.items():
        exchange.open_item(
            deviation.kind,
            key=key,
            sentence=deviation.sentence,
            suggestion=deviation.suggestion,
            subject=exchange.about(order),
            at_stake=extended(line.quantities.wanted, line.unit_price),
        )
