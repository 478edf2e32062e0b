"""Versions of an order as its page shows them, each with what the partners said of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from portal.exchange.models import Message
from portal.exchange.rules import Direction, MessageState
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.orders.models import OrderConfirmation, OrderVersion, PurchaseOrder
from portal.orders.versions.rules import least

SAID: dict[MessageState, Status] = {
    MessageState.WAITING: Status("waiting to be sent", "neutral", "clock"),
    MessageState.WORKING: Status("being sent", "info", "send"),
    MessageState.DONE: Status("took it", "success", "check"),
    MessageState.NEEDS_ATTENTION: Status("did not take it", "danger", "alert-triangle"),
    MessageState.WITHDRAWN: Status("not sent any more", "neutral", "ban"),
}
ANSWERED = Status("answered", "info", "checks")


@dataclass(frozen=True)
class Said:
    """What one partner said of a version."""

    partner: str
    status: Status
    note: str


@dataclass(frozen=True)
class VersionRow:
    """A version: who, when, why, what, and what the partners said."""

    number: int
    at: datetime
    person: str
    reason: str
    changes: list[dict[str, Any]]
    said: list[Said]


def version_rows(
    order: PurchaseOrder,
    versions: Sequence[OrderVersion],
    messages: Sequence[Message],
    confirmations: Sequence[OrderConfirmation],
) -> list[VersionRow]:
    """Every version, newest first; nothing for an order that was never changed."""
    if not versions:
        return []
    first = OrderVersion(
        number=1, at=order.ordered_at, person=order.buyer.name, reason="As it was placed.", changes=[]
    )
    rows: list[VersionRow] = []
    until: datetime | None = None
    for version in (*versions, first):
        rows.append(
            VersionRow(
                number=version.number,
                at=version.at,
                person=version.person,
                reason=version.reason,
                changes=version.changes,
                said=[*_taken(version, messages), *_answered(order, version, until, confirmations)],
            )
        )
        until = version.at
    return rows


def _taken(version: OrderVersion, messages: Sequence[Message]) -> list[Said]:
    told = [
        one
        for one in messages
        if one.direction is Direction.OUTBOUND and (one.canonical or {}).get("version") == version.number
    ]
    return [
        Said(
            one.partner.name,
            SAID[one.state],
            one.cause if one.state is not MessageState.DONE else _noted(one),
        )
        for one in sorted(told, key=lambda one: one.id)
    ]


def _noted(message: Message) -> str:
    return "; ".join(str(warning) for warning in message.warnings)


def _answered(
    order: PurchaseOrder,
    version: OrderVersion,
    until: datetime | None,
    confirmations: Sequence[OrderConfirmation],
) -> list[Said]:
    """Confirmations that came while this was the newest version."""
    return [
        Said(order.supplier.name, ANSWERED, f"Confirmation {one.number}")
        for one in reversed(confirmations)
        if one.received_at >= version.at and (until is None or one.received_at < until)
    ]


@dataclass(frozen=True)
class ChangeableLine:
    """A line as the page for changing it shows it."""

    id: int
    item: str
    number: int
    uom: str
    quantity: str
    needed_on: date
    unit_price: str
    kept: Decimal

    @property
    def note(self) -> str:
        """What cannot become less."""
        return f"at least {plain(self.kept)} {self.uom}: shipped, received or invoiced" if self.kept else ""


def changeable(order: PurchaseOrder) -> list[ChangeableLine]:
    """The lines that still want something."""
    return [
        ChangeableLine(
            line.id,
            line.description,
            line.line_number,
            line.uom,
            plain(line.quantities.wanted),
            line.needed_on,
            plain(line.unit_price),
            least(line.quantities),
        )
        for line in order.lines
        if line.quantities.wanted > 0
    ]
