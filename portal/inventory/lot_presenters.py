"""A lot, its movements and what can be done with it, as people see them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from flask import url_for

from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.filters import day
from portal.foundation.quantity import plain
from portal.foundation.spreadsheets import as_csv
from portal.foundation.status import Status
from portal.inventory import handling
from portal.inventory.handling import Handled
from portal.inventory.models import Stock, StockMovement
from portal.inventory.presenters import EXPIRIES, name_of, statuses_of
from portal.inventory.rules import Condition, MovementKind, expiry_of

KINDS = {
    MovementKind.OPENING: "Opening count",
    MovementKind.RECEIPT: "Received",
    MovementKind.RECEIPT_REVERSAL: "Receipt undone",
    MovementKind.COUNT: "Counted",
    MovementKind.USAGE: "Used",
    MovementKind.USAGE_REVERSAL: "Use undone",
    MovementKind.WASTE: "Wasted",
    MovementKind.TRANSFER_OUT: "Sent to another location",
    MovementKind.TRANSFER_IN: "Came from another location",
    MovementKind.ADJUSTMENT: "Adjusted",
    MovementKind.QUARANTINE: "Quarantined",
    MovementKind.RELEASE: "Released",
    MovementKind.RETURN_TO_SUPPLIER: "Returned to the supplier",
}


@dataclass(frozen=True)
class Action:
    """Something that can be done with a lot."""

    label: str
    text: str
    done: str
    service: Callable[[Actor, Handled], Stock] | None  # None is a transfer, which asks for a place
    asks_reason: bool = True

    @property
    def asks_place(self) -> bool:
        """Whether a location must be chosen."""
        return self.service is None


ACTIONS: dict[str, Action] = {
    "transfer": Action(
        "Transfer",
        "Take it to another location.",
        "It is at the other location now.",
        None,
        asks_reason=False,
    ),
    "waste": Action("Waste", "It was dropped, damaged or has expired.", "It is written off.", handling.waste),
    "return": Action(
        "Return", "It goes back to the supplier.", "It is taken off the book.", handling.give_back
    ),
    "quarantine": Action(
        "Quarantine", "It must not be used for now.", "It is in quarantine.", handling.quarantine
    ),
    "release": Action("Release", "It may be used again.", "It may be used again.", handling.release),
    "adjust": Action(
        "Adjust", "The book is wrong: enter what is there.", "The book is right.", handling.adjust
    ),
}


def lot(stock: Stock, movements: Sequence[tuple[StockMovement, str]], *, may_handle: bool) -> dict[str, Any]:
    """The page of a lot."""
    is_held = stock.condition is Condition.QUARANTINED
    hidden = {"release"} if not is_held else {"quarantine", "transfer"}
    return {
        "stock": stock,
        "title": f"{stock.item.name}, {'lot ' if stock.lot else ''}{name_of(stock)}",
        "facts": _facts(stock),
        "statuses": statuses_of(stock, clock.today(stock.location.facility.time_zone)),
        "events": [_event(one, who, stock.item.base_uom) for one, who in movements],
        "actions": [
            {"label": action.label, "url": url_for("inventory.lot", stock_id=stock.id, do=name)}
            for name, action in ACTIONS.items()
            if may_handle and name not in hidden
        ],
    }


def _facts(stock: Stock) -> list[dict[str, str]]:
    return [
        {"label": "On hand", "value": f"{plain(stock.on_hand)} {stock.item.base_uom}"},
        {"label": "Location", "value": f"{stock.location.name}, {stock.location.facility.name}"},
        {"label": "Item number", "value": stock.item.code},
        {"label": "Expires", "value": day(stock.expires_on) or "–"},
    ]


def _event(one: StockMovement, who: str, uom: str) -> dict[str, Any]:
    sign = "+" if one.quantity > 0 else ""
    text = " · ".join(filter(None, (one.reason, one.document)))
    return {
        "title": f"{KINDS[one.kind]}: {sign}{plain(one.quantity)} {uom}",
        "at": one.at,
        "actor": who,
        "text": text,
    }


@dataclass(frozen=True)
class ExpiryRow:
    """A lot in the list of expiry."""

    id: int
    item: str
    code: str
    lot: str
    location: str
    on_hand: Decimal
    uom: str
    expires: str
    status: Status | None
    tone: str


def expiring(rows: Sequence[Stock], today: date) -> list[ExpiryRow]:
    """The rows of the list of expiry."""
    return [_expiring(row, today) for row in rows]


def _expiring(row: Stock, today: date) -> ExpiryRow:
    status = EXPIRIES.get(expiry_of(row.expires_on, today))
    return ExpiryRow(
        id=row.id,
        item=row.item.name,
        code=row.item.code,
        lot=name_of(row),
        location=f"{row.location.name}, {row.location.facility.name}",
        on_hand=row.on_hand,
        uom=row.item.base_uom,
        expires=day(row.expires_on),
        status=status,
        tone=status.tone if status else "",
    )


def expiry_file(rows: Sequence[Stock]) -> bytes:
    """The list of expiry as a file."""
    header = ("Expires on", "Item number", "Item", "Lot", "Serial", "On hand", "Unit", "Facility", "Location")
    return as_csv(
        header,
        (
            (
                row.expires_on, row.item.code, row.item.name, row.lot, row.serial, row.on_hand,
                row.item.base_uom, row.location.facility.name, row.location.name,
            )
            for row in rows
        ),
    )  # fmt: skip
