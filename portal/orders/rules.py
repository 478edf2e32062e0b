"""Status of purchase orders and their lines, derived from quantities; nobody types it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from integrations.canonical import ConfirmationStatus
from portal.exchange.rules import WorkItemKind
from portal.foundation.quantity import plain


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
    CONFIRMED = "confirmed"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    PARTLY_RECEIVED = "partly_received"
    RECEIVED = "received"
    INVOICED = "invoiced"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Quantities:
    """The quantities of a line in its order unit; `answered` is confirmed, backordered or rejected."""

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
    def outstanding(self) -> Decimal:
        """Still to be received."""
        return max(self.wanted - self.received, Decimal())


def status_of(lines: Sequence[Quantities], *, sent: bool) -> OrderStatus:
    """The status of an order (or of one line) from its quantities."""
    live = [line for line in lines if line.wanted > 0]
    if not live:
        return OrderStatus.CANCELLED
    ladder = (
        (OrderStatus.INVOICED, all(line.invoiced >= line.wanted for line in live)),
        (OrderStatus.RECEIVED, all(line.received >= line.wanted for line in live)),
        (OrderStatus.PARTLY_RECEIVED, any(line.received > 0 for line in live)),
        (OrderStatus.SHIPPED, all(line.shipped >= line.wanted for line in live)),
        (OrderStatus.PARTLY_SHIPPED, any(line.shipped > 0 for line in live)),
        (OrderStatus.CONFIRMED, all(_answered(line) >= line.wanted for line in live)),
        (OrderStatus.SENT, sent),
    )
    return next((status for status, reached in ladder if reached), OrderStatus.PLACED)


def _answered(line: Quantities) -> Decimal:
    return line.confirmed + line.backordered + line.rejected


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


def current_answers(ordered: Decimal, confirmations: Sequence[Sequence[Answer]]) -> list[Answer]:
    """The answers that count for a line, given its confirmations, newest first.

    A newer confirmation speaks first; an older one still counts for the quantity the newer left open, as
    when a supplier confirms a line in several documents.
    """
    counted: list[Answer] = []
    open_quantity = ordered
    for confirmation in confirmations:
        if open_quantity <= 0:
            break
        newest = not counted
        for answer in confirmation:
            # What the newest document says is shown in full, even when it exceeds the order.
            quantity = answer.quantity if newest else min(answer.quantity, open_quantity)
            if quantity > 0:
                counted.append(replace(answer, quantity=quantity))
                open_quantity -= quantity
    return counted


@dataclass(frozen=True)
class Ordered:
    """A line as it was ordered."""

    name: str
    quantity: Decimal
    uom: str
    unit_price: Decimal
    needed_on: date


@dataclass(frozen=True)
class Deviation:
    """A difference between what was ordered and what the supplier answered."""

    kind: WorkItemKind
    sentence: str
    suggestion: str


def deviations(line: Ordered, answers: Sequence[Answer]) -> list[Deviation]:
    """Only the real differences of a line, each with a suggested action."""
    found: list[Deviation] = []
    quantity = _sum(answers, ConfirmationStatus.BACKORDERED)
    if quantity:
        found.append(
            Deviation(
                WorkItemKind.BACKORDERED,
                f"{plain(quantity)} {line.uom} of {line.name} are backordered.",
                "Wait for the supplier, or cancel the rest and order elsewhere.",
            )
        )
    quantity = _sum(answers, ConfirmationStatus.REJECTED)
    if quantity:
        found.append(
            Deviation(
                WorkItemKind.REJECTED,
                f"{plain(quantity)} {line.uom} of {line.name} were rejected by the supplier.",
                "Order the rest elsewhere, or tell the requester.",
            )
        )
    answered = sum((answer.quantity for answer in answers), Decimal())
    if answered > line.quantity:
        found.append(
            Deviation(
                WorkItemKind.QUANTITY,
                f"{plain(answered)} {line.uom} of {line.name} are confirmed, {plain(line.quantity)} ordered.",
                "Ask the supplier to confirm the ordered quantity.",
            )
        )
    return found + [difference for answer in answers for difference in _changes(line, answer)]


def _changes(line: Ordered, answer: Answer) -> Iterator[Deviation]:
    if answer.unit_price is not None and answer.unit_price != line.unit_price:
        yield Deviation(
            WorkItemKind.PRICE,
            f"{line.name}: {answer.unit_price.normalize():f} confirmed, "
            f"{line.unit_price.normalize():f} ordered per {line.uom}.",
            "Accept the price, or dispute it with the contract in hand.",
        )
    if answer.promised_on is not None and answer.promised_on > line.needed_on:
        yield Deviation(
            WorkItemKind.DATE_CHANGED,
            f"{line.name} is promised for {answer.promised_on:%b %-d, %Y}, "
            f"needed on {line.needed_on:%b %-d, %Y}.",
            "Accept the date, or order elsewhere.",
        )
    if answer.substitute_part:
        yield Deviation(
            WorkItemKind.SUBSTITUTION,
            f"{line.name}: the supplier offers {answer.substitute_part} instead.",
            "Accept the substitute, or reject it and order elsewhere.",
        )


def _sum(answers: Sequence[Answer], status: ConfirmationStatus) -> Decimal:
    return sum((answer.quantity for answer in answers if answer.status is status), Decimal())
