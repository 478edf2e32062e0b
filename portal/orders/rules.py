"""Status of purchase orders and their lines, derived from quantities; nobody types it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


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
