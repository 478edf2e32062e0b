"""What the sandbox's suppliers answer to an order: pure functions of the order and the scripted behavior."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from integrations.canonical import (
    Confirmation,
    ConfirmationLine,
    ConfirmationStatus,
    ConfirmationType,
    ConfirmedPart,
    Money,
    PurchaseOrder,
    PurchaseOrderLine,
    ShipNotice,
    ShipNoticeLine,
    ShippedLot,
    ShippedPackage,
)
from integrations.formats.cxml.packages import check_digit
from integrations.sandbox.behavior import Effect, Plan

SHELF_LIFE = timedelta(days=540)
TRANSIT = timedelta(days=1)
CARRIER = "UPS Ground"
# The company prefix that GS1 uses in its own examples.
SSCC_PREFIX = "00614141"


@dataclass(frozen=True)
class Load:
    """How much of a line is sent; `part` is set when it is not the ordered one."""

    quantity: Decimal
    part: str = ""


@dataclass(frozen=True)
class Received:
    """An order as the network took it."""

    order: PurchaseOrder
    message_id: str
    buyer: str


def confirm(received: Received, plan: Plan, *, number: str, at: datetime) -> Confirmation:
    """The confirmation; without scripted behavior everything is accepted for the day of need."""
    order = received.order
    rejection = plan.find(Effect.REJECT)
    lines = () if rejection else tuple(_line(line, plan, at.date()) for line in order.lines)
    kinds = {part.status for line in lines for part in line.parts}
    if rejection:
        kind = ConfirmationType.REJECT
    elif kinds == {ConfirmationStatus.ACCEPTED}:
        kind = ConfirmationType.ACCEPT
    else:
        kind = ConfirmationType.DETAIL
    return Confirmation(
        number=number,
        order_number=order.number,
        order_message_id=received.message_id,
        type=kind,
        noticed_at=at,
        comments=rejection.value if rejection else "",
        lines=lines,
    )


def ship(received: Received, load: Mapping[int, Load], *, number: str, at: datetime) -> ShipNotice:
    """A ship notice of what `load` names by line number."""
    packed = tuple(
        _packed(received, line, load[line.line_number], number, at)
        for line in received.order.lines
        if line.line_number in load and load[line.line_number].quantity > 0
    )
    return ShipNotice(
        number=number,
        noticed_at=at,
        shipped_at=at,
        delivery_expected_at=at + TRANSIT,
        carrier=CARRIER,
        tracking=f"1Z999AA1{_digits(number, 10)}",
        lines=packed,
    )


def promised(confirmation: Confirmation) -> dict[int, Load]:
    """What the supplier sends at once, by line number."""
    return _load_of(confirmation, frozenset({ConfirmationStatus.ACCEPTED, ConfirmationStatus.CHANGED}))


def not_rejected(confirmation: Confirmation) -> dict[int, Load]:
    """What the supplier sends sooner or later, by line number."""
    return _load_of(confirmation, frozenset(ConfirmationStatus) - {ConfirmationStatus.REJECTED})


def _load_of(confirmation: Confirmation, statuses: frozenset[ConfirmationStatus]) -> dict[int, Load]:
    loads = {}
    for line in confirmation.lines:
        sent = [part for part in line.parts if part.status in statuses and part.quantity]
        other = next((part.substitute_part for part in sent if part.substitute_part), "")
        loads[line.line_number] = Load(sum((part.quantity for part in sent), Decimal()), other)
    return loads


def _line(line: PurchaseOrderLine, plan: Plan, today: date) -> ConfirmationLine:
    return ConfirmationLine(
        line_number=line.line_number, quantity=line.quantity, uom=line.uom, parts=_parts(line, plan, today)
    )


def _parts(line: PurchaseOrderLine, plan: Plan, today: date) -> tuple[ConfirmedPart, ...]:
    day = max(line.need_by, today + TRANSIT)
    if (refused := plan.find(Effect.REJECT_LINE, line.item)) is not None:
        return (_part(line, ConfirmationStatus.REJECTED, comments=refused.value),)
    if (late := plan.find(Effect.BACKORDER, line.item)) is not None:
        then = _later(day, late.value)
        return (_part(line, ConfirmationStatus.BACKORDERED, promised_on=then),)
    if (partial := plan.find(Effect.PARTIAL, line.item)) is not None:
        taken = min(Decimal(partial.value), line.quantity)
        rest = line.quantity - taken
        return tuple(
            part
            for part in (
                _part(line, ConfirmationStatus.ACCEPTED, quantity=taken, promised_on=day),
                _part(line, ConfirmationStatus.REJECTED, quantity=rest, comments="Not available"),
            )
            if part.quantity
        )
    changes = _changes(line, plan, day)
    if changes:
        return (_part(line, ConfirmationStatus.CHANGED, **{"promised_on": day, **changes}),)
    return (_part(line, ConfirmationStatus.ACCEPTED, promised_on=day),)


def _changes(line: PurchaseOrderLine, plan: Plan, day: date) -> dict[str, object]:
    changes: dict[str, object] = {}
    if (price := plan.find(Effect.PRICE_CHANGE, line.item)) is not None:
        changes["unit_price"] = Money(amount=Decimal(price.value), currency=line.unit_price.currency)
    if (delay := plan.find(Effect.DATE_CHANGE, line.item)) is not None:
        changes["promised_on"] = _later(day, delay.value)
    if (other := plan.find(Effect.SUBSTITUTE, line.item)) is not None:
        changes["substitute_part"] = other.value
        changes["substitute_description"] = f"In place of {line.supplier_part}: {line.description}"
        changes.setdefault("unit_price", line.unit_price)
    return changes


def _part(line: PurchaseOrderLine, status: ConfirmationStatus, **changes: object) -> ConfirmedPart:
    return ConfirmedPart.model_validate(
        {"status": status, "quantity": line.quantity, "uom": line.uom, **changes}
    )


def _packed(
    received: Received, line: PurchaseOrderLine, load: Load, number: str, at: datetime
) -> ShipNoticeLine:
    pallet = _sscc(f"{received.buyer}{number}")
    carton = _sscc(f"{received.buyer}{number}/{line.line_number}")
    lot = ShippedLot(
        quantity=load.quantity,
        lot=f"L{at:%y%j}{line.line_number:02d}",
        expires_on=(at + SHELF_LIFE).date(),
    )
    return ShipNoticeLine(
        order_number=received.order.number,
        order_message_id=received.message_id,
        line_number=line.line_number,
        quantity=load.quantity,
        uom=line.uom,
        supplier_part=load.part or line.supplier_part,
        sscc=pallet,
        packages=(
            ShippedPackage(
                sscc=carton, parent_sscc=pallet, kind="carton", quantity=load.quantity, uom=line.uom
            ),
            ShippedPackage(sscc=pallet, kind="pallet"),
        ),
        lots=(lot,),
    )


def _sscc(seed: str) -> str:
    body = SSCC_PREFIX + _digits(seed, 9)
    return body + check_digit(body)


def _later(day: date, days: str) -> date:
    try:
        return day + timedelta(days=int(Decimal(days)))
    except OverflowError:
        return date.max


def _digits(seed: str, count: int) -> str:
    """Digits that look random but are the same for the same seed."""
    return str(int(hashlib.sha256(seed.encode()).hexdigest(), 16))[-count:]
