"""Status of purchase orders and their lines, derived from quantities; nobody types it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from integrations.canonical import ConfirmationStatus
from portal.foundation.money import cents

USUAL_DELIVERY = timedelta(days=3)  # when nobody named a day


class Transmission(StrEnum):
    """How far an order has traveled to the partners."""

    PLACED = "placed"
    POSTED = "posted"
    SENT = "sent"
    STOPPED = "stopped"


class OrderStatus(StrEnum):
    """What has become of an order or a line."""

    PLACED = "placed"
    SENT = "sent"
    PARTLY_CONFIRMED = "partly_confirmed"
    BACKORDERED = "backordered"
    REJECTED = "rejected"
    CONFIRMED = "confirmed"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    PARTLY_RECEIVED = "partly_received"
    RECEIVED = "received"
    INVOICED = "invoiced"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Quantities:
    """The quantities of a line in its order unit."""

    ordered: Decimal
    confirmed: Decimal = Decimal()
    backordered: Decimal = Decimal()
    rejected: Decimal = Decimal()
    shipped: Decimal = Decimal()
    received: Decimal = Decimal()
    invoiced: Decimal = Decimal()
    cancelled: Decimal = Decimal()

    @property
    def wanted(self) -> Decimal:
        """Ordered and not cancelled."""
        return self.ordered - self.cancelled

    @property
    def answered(self) -> Decimal:
        """What the supplier has said something about."""
        return self.confirmed + self.backordered + self.rejected

    @property
    def outstanding(self) -> Decimal:
        """Still to be received."""
        return max(self.wanted - self.received, Decimal())

    @property
    def unshipped(self) -> Decimal:
        """Wanted, and neither on its way nor here."""
        return max(self.wanted - max(self.shipped, self.received, self.invoiced), Decimal())

    @property
    def cancellable(self) -> Decimal:
        """What is not on its way; once everything is, what is lost on the way."""
        return self.unshipped or max(self.wanted - max(self.received, self.invoiced), Decimal())


def cancelled_then(lines: Sequence[Quantities]) -> Decimal:
    """What is cancelled of an order in all, once everything that is not on its way is."""
    return sum((line.cancelled + line.unshipped for line in lines), Decimal())


def status_of(lines: Sequence[Quantities], *, sent: bool) -> OrderStatus:
    """The status of an order (or of one line) from its quantities; lines cancelled in full do not count."""
    live = [line for line in lines if line.wanted > 0]
    if not live:
        return OrderStatus.CANCELLED
    ladder = (
        (OrderStatus.INVOICED, all(min(line.invoiced, line.received) >= line.wanted for line in live)),
        (OrderStatus.RECEIVED, all(line.received >= line.wanted for line in live)),
        (OrderStatus.PARTLY_RECEIVED, any(line.received > 0 for line in live)),
        (OrderStatus.SHIPPED, all(line.shipped >= line.wanted for line in live)),
        (OrderStatus.PARTLY_SHIPPED, any(line.shipped > 0 for line in live)),
        (OrderStatus.CONFIRMED, all(line.confirmed >= line.wanted for line in live)),
        (OrderStatus.REJECTED, all(line.rejected >= line.wanted for line in live)),
        (OrderStatus.BACKORDERED, all(_is_backordered(line) for line in live)),
        (OrderStatus.PARTLY_CONFIRMED, any(line.answered > 0 for line in live)),
        (OrderStatus.SENT, sent),
    )
    return next((status for status, reached in ladder if reached), OrderStatus.PLACED)


def _is_backordered(line: Quantities) -> bool:
    return line.confirmed == 0 and line.backordered + line.rejected >= line.wanted


def day_needed(asked: Sequence[date | None], today: date) -> date:
    """The day an order line must arrive: the earliest one asked for, never before today."""
    return min(max(day, today) if day else today + USUAL_DELIVERY for day in asked)


def part_of(amount: Decimal, quantity: Decimal, before: Decimal, after: Decimal) -> Decimal:
    """What the stretch from `before` to `after` of a quantity holds of its amount, to the cent.

    Stretches that follow each other always add up to the whole amount.
    """
    return cents(amount * after / quantity) - cents(amount * before / quantity)


def overlaps(
    sources: Sequence[Decimal], since: Decimal, until: Decimal
) -> Iterator[tuple[int, Decimal, Decimal]]:
    """How a stretch of a line falls on its sources, the first served first.

    Yields (index of the source, from, to), both counted from the beginning of the source.
    """
    start = Decimal()
    for index, quantity in enumerate(sources):
        begin, end = max(since, start), min(until, start + quantity)
        if end > begin:
            yield index, begin - start, end - start
        start += quantity


# What the supplier's answers amount to


@dataclass(frozen=True)
class Answer:
    """A part of a confirmation of one line, in the order's unit."""

    status: ConfirmationStatus
    quantity: Decimal
    promised_on: date | None = None
    unit_price: Decimal | None = None
    substitute_part: str = ""
    comments: str = ""


def current_answers(ordered: Decimal, confirmations: Sequence[tuple[str, Sequence[Answer]]]) -> list[Answer]:
    """The answers that count for a line, given (number, answers) of its confirmations, newest first.

    A newer version of a confirmation replaces the older one of the same number. A newer confirmation speaks
    first; an older one still counts for the quantity the newer left open, as when a supplier confirms a line
    in several documents. "Unknown" takes back what was said of its quantity (Fulfill.dtd 1.2.063,
    ConfirmationHeader).
    """
    counted: list[Answer] = []
    heard: set[str] = set()
    open_quantity = ordered
    for number, answers in confirmations:
        if number in heard:
            continue
        heard.add(number)
        newest = not counted
        for answer in answers:
            # What the newest document says is shown in full, even when it exceeds the order.
            quantity = answer.quantity if newest else min(answer.quantity, open_quantity)
            if quantity > 0:
                counted.append(replace(answer, quantity=quantity))
                open_quantity -= quantity
    return counted
