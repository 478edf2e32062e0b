"""Derives what the supplier's documents amount to, and what of it a person must decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from integrations.canonical import ConfirmationStatus, ConfirmationType
from portal.exchange import queries as exchange_queries
from portal.exchange import services as exchange
from portal.foundation.access import system
from portal.foundation.money import extended
from portal.orders import queries, services
from portal.orders.differences import covering, telling
from portal.orders.differences.knowing import Numbers
from portal.orders.differences.rules import (
    DELAYS,
    KINDS,
    PRICES,
    REFUSALS,
    Deviation,
    Ordered,
    deviations,
    is_same_part,
)
from portal.orders.models import (
    ConfirmationPart,
    OrderConfirmation,
    PurchaseOrder,
    PurchaseOrderLine,
    Said,
    ShipNoticeLine,
)
from portal.orders.rules import Answer, current_answers
from portal.orders.units import Units

SAID_YES = frozenset({ConfirmationStatus.ACCEPTED, ConfirmationStatus.CHANGED})


@dataclass(frozen=True)
class Heard:
    """What all confirmations of an order say of one line.

    `unread`: what they say in a unit that counts for nothing yet, with that unit.

    `was_confirmed`: an answer that was replaced since had accepted it. `is_left_out`: the confirmation that
    replaces the earlier ones does not name the line.
    """

    answers: list[Answer]
    was_confirmed: bool
    is_left_out: bool
    unread: list[tuple[str, str]]


def recompute(order: PurchaseOrder) -> None:
    """Derives confirmed, shipped, promised, expected and the status of every line from the documents.

    Opens a work item for each deviation, and closes those whose cause is gone. The order is locked.
    """
    confirmations = queries.confirmations_of(order.id)
    shipped = queries.shipped_lines(order.id, unread=True)
    heard = {line.id: _heard(line, confirmations) for line in order.lines}
    for line in order.lines:
        mine = [one for one in shipped if one.line_id == line.id]
        _take_answers(line, heard[line.id].answers)
        _take_shipments(order, line, mine)
        heard[line.id].unread.extend(_unread(mine, "shipped"))
    numbers = Numbers(order, [line for line in order.lines if _is_asked(line, heard[line.id])])
    units = Units(order) if any(one.unread for one in heard.values()) else None
    found = {
        f"line-{line.id}-{deviation.kind}": (line, deviation)
        for line in order.lines
        for deviation in deviations(
            _ordered(order, line, heard[line.id], numbers, units), heard[line.id].answers
        )
    }
    _decide(order, found)
    services.refresh(order)


def settle_received(order: PurchaseOrder) -> None:
    """After goods came: their line may have no difference left, or a new one."""
    items = exchange_queries.open_items_about(PurchaseOrder.__tablename__, order.id)
    is_open = any(item.kind in KINDS for item in items)
    if is_open or any(line.received > line.quantities.wanted for line in order.lines):
        recompute(order)
    else:
        services.refresh(order)


def _heard(line: PurchaseOrderLine, confirmations: Sequence[OrderConfirmation]) -> Heard:
    """The answers that count, newest first; a "replace" ends what was said before it."""
    spoken: list[tuple[str, list[Answer]]] = []
    unread: dict[str, list[tuple[str, str]]] = {}
    is_replaced = False
    was_confirmed = False
    for one in confirmations:
        said = [part for part in one.parts if part.line_id == line.id]
        parts = [_answer(part) for part in said]
        was_confirmed = was_confirmed or (bool(spoken) and any(part.status in SAID_YES for part in parts))
        if parts and not is_replaced:
            spoken.append((one.number, parts))
            unread.setdefault(one.number, _unread(said, "confirmed"))
        is_replaced = is_replaced or one.type is ConfirmationType.REPLACE
    answers = current_answers(line.quantities.wanted, spoken)
    is_said = sum((one.quantity for one in answers), Decimal()) >= line.quantities.wanted
    return Heard(
        answers,
        was_confirmed=was_confirmed,
        is_left_out=is_replaced and not spoken,
        unread=[] if is_said else [text for texts in unread.values() for text in texts],
    )


def _unread(said: Sequence[Said], verb: str) -> list[tuple[str, str]]:
    return [(one.said_uom or "", f"{one.said} {verb}") for one in said if one.is_unread]


def _answer(part: ConfirmationPart) -> Answer:
    return Answer(
        part.status, part.quantity, part.promised_on, part.unit_price, part.substitute_part, part.comments
    )


def _take_answers(line: PurchaseOrderLine, answers: Sequence[Answer]) -> None:
    def total(*statuses: ConfirmationStatus) -> Decimal:
        return sum((one.quantity for one in answers if one.status in statuses), Decimal())

    line.confirmed = total(*SAID_YES)
    line.backordered = total(ConfirmationStatus.BACKORDERED)
    line.rejected = total(ConfirmationStatus.REJECTED)
    line.promised_on = max((one.promised_on for one in answers if one.promised_on), default=None)
    prices = [one.unit_price for one in answers if one.unit_price is not None]
    different = [price for price in prices if price != line.unit_price]
    line.confirmed_price = next(iter(different or prices), None)
    line.substitute_part = next((one.substitute_part for one in answers if _is_other_part(line, one)), "")
    line.supplier_comment = "; ".join(dict.fromkeys(one.comments for one in answers if one.comments))


def _is_other_part(line: PurchaseOrderLine, answer: Answer) -> bool:
    """An "allDetail" answer repeats the ordered part: that is no substitute."""
    return bool(answer.substitute_part) and not is_same_part(answer.substitute_part, line.supplier_part)


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


def _is_asked(line: PurchaseOrderLine, heard: Heard) -> bool:
    """Whether price or part of a line are in question, so that contract and catalog must be looked at."""
    return bool(line.substitute_part) or any(
        one.unit_price not in (None, line.unit_price) for one in heard.answers
    )


def _ordered(
    order: PurchaseOrder, line: PurchaseOrderLine, heard: Heard, numbers: Numbers, units: Units | None
) -> Ordered:
    unread = [(words, units is not None and units.knows(line, uom)) for uom, words in heard.unread]
    return Ordered(
        line.description,
        line.uom,
        line.unit_price,
        line.needed_on,
        line.quantities,
        part=line.supplier_part,
        numbers=numbers.of_item(line),
        contract_price=numbers.contract_price(line),
        was_confirmed=heard.was_confirmed,
        is_left_out=heard.is_left_out,
        unread=tuple(words for words, is_known in unread if not is_known),
        uneven=tuple(words for words, is_known in unread if is_known),
        currency=order.currency,
        tolerance=numbers.tolerance(line),
    )


def _at_stake(line: PurchaseOrderLine, deviation: Deviation) -> Decimal:
    """What the line costs; of another price only what it changes."""
    wanted, price = line.quantities.wanted, line.unit_price
    if deviation.kind in PRICES and line.confirmed_price is not None:
        return abs(extended(wanted, line.confirmed_price) - extended(wanted, price))
    return extended(wanted, price)


def _decide(order: PurchaseOrder, found: dict[str, tuple[PurchaseOrderLine, Deviation]]) -> None:
    portal = system(order.organization_id, "supplier's answer compared")
    told = {one.key: one for one in exchange_queries.open_items_about(PurchaseOrder.__tablename__, order.id)}
    for item in told.values():
        if item.kind in KINDS and item.key not in found:
            exchange.resolve(portal, item, "The difference is gone.")
    covers = covering.days_left(order.location_id, {line.item_id for line, _ in found.values()})
    for key, (line, deviation) in found.items():
        before = told[key].sentence if key in told else ""
        if deviation.kind in DELAYS | REFUSALS and deviation.sentence != before:
            telling.tell_trouble(order, line, deviation, before)
        exchange.open_item(
            deviation.kind,
            key=key,
            sentence=deviation.sentence,
            suggestion=deviation.suggestion,
            subject=exchange.about(order),
            at_stake=exchange.Stake(_at_stake(line, deviation), covers.get(line.item_id)),
        )
