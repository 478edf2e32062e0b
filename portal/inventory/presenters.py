"""Stock as its page and its file show it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portal.foundation.filters import day
from portal.foundation.quantity import plain
from portal.foundation.spreadsheets import as_csv
from portal.foundation.status import Status
from portal.inventory.models import Stock
from portal.inventory.queries import StockRow
from portal.inventory.rules import Condition, Expiry, Owner, expiry_of

LOW = Status("Below par", "warning", "arrow-down")
OUT = Status("Out of stock", "danger", "alert-triangle")
FINE = Status("In stock", "success", "check")
QUARANTINED = Status("In quarantine", "danger", "lock")
CONSIGNED = Status("Consignment", "info", "package")
BELOW_ZERO = Status("Below zero: count it", "danger", "alert-triangle")
EXPIRIES = {
    Expiry.EXPIRED: Status("Expired", "danger", "ban"),
    Expiry.SOON: Status("Expires soon", "warning", "clock"),
}
COLUMNS = (
    "Item number",
    "Item",
    "Unit",
    "On hand",
    "Par minimum",
    "Par maximum",
    "Lot",
    "Expires on",
    "State",
    "Serial",
    "Owner",
    "Condition",
)


@dataclass(frozen=True)
class LotRow:
    """A lot on hand."""

    id: int
    name: str
    on_hand: Decimal
    expires: str
    statuses: list[Status]


@dataclass(frozen=True)
class ItemRow:
    """An item at a location with its lots."""

    id: int
    code: str
    name: str
    uom: str
    on_hand: Decimal
    par: str
    status: Status
    lots: list[LotRow]
    tone: str


def item_rows(rows: Sequence[StockRow], lots: Sequence[Stock], today: date) -> list[ItemRow]:
    """The rows of the page; what is low, out or has expired lots is marked."""
    by_item: dict[int, list[Stock]] = defaultdict(list)
    for lot in lots:
        by_item[lot.item_id].append(lot)
    return [_item_row(row, by_item[row.item_id], today) for row in rows]


def _item_row(row: StockRow, lots: Sequence[Stock], today: date) -> ItemRow:
    shown = [_lot_row(lot, today) for lot in lots]
    is_expired = any(EXPIRIES[Expiry.EXPIRED] in lot.statuses for lot in shown)
    status = status_of(row)
    return ItemRow(
        id=row.item_id,
        code=row.code,
        name=row.name,
        uom=row.uom,
        on_hand=row.on_hand,
        par=par_of(row),
        status=status,
        lots=shown,
        tone="danger" if is_expired else status.tone if status is not FINE else "",
    )


def _lot_row(lot: Stock, today: date) -> LotRow:
    return LotRow(
        id=lot.id,
        name=name_of(lot),
        on_hand=lot.on_hand,
        expires=day(lot.expires_on),
        statuses=statuses_of(lot, today),
    )


def name_of(lot: Stock) -> str:
    """A, serial 1; no lot number."""
    serial = f"serial {lot.serial}" if lot.serial else ""
    return ", ".join(filter(None, (lot.lot, serial))) or "no lot number"


def statuses_of(lot: Stock, today: date) -> list[Status]:
    """What is special about a lot: expired, in quarantine, consignment, below zero."""
    marks = (
        EXPIRIES.get(expiry_of(lot.expires_on, today)),
        QUARANTINED if lot.condition is Condition.QUARANTINED else None,
        CONSIGNED if lot.owner is Owner.CONSIGNMENT else None,
        BELOW_ZERO if lot.on_hand < 0 else None,
    )
    return [mark for mark in marks if mark is not None]


def status_of(row: StockRow) -> Status:
    """Out, below par or fine; without a par only out is told."""
    if row.on_hand <= 0:
        return OUT
    return LOW if row.is_low else FINE


def par_of(row: StockRow) -> str:
    """12 to 24; empty when no par is set."""
    if row.minimum is None or row.maximum is None:
        return ""
    return f"{plain(row.minimum)} to {plain(row.maximum)}"


def file(rows: Sequence[StockRow], lots: Sequence[Stock], today: date) -> bytes:
    """One line for each lot, or for the item when it has none."""
    by_item: dict[int, list[Stock]] = defaultdict(list)
    for lot in lots:
        by_item[lot.item_id].append(lot)
    return as_csv(
        COLUMNS,
        (_file_line(row, lot, today) for row in rows for lot in by_item[row.item_id] or _no_lot()),
    )


def _no_lot() -> Sequence[Stock | None]:
    return [None]


def _file_line(row: StockRow, lot: Stock | None, today: date) -> Sequence[object]:
    expires_on = lot.expires_on if lot else None
    state = EXPIRIES.get(expiry_of(expires_on, today)) or status_of(row)
    on_hand = lot.on_hand if lot else row.on_hand
    name = lot.lot if lot else ""
    told = (lot.serial, lot.owner.value, lot.condition.value) if lot else ("", "", "")
    return (
        row.code, row.name, row.uom, on_hand, row.minimum, row.maximum, name, expires_on, state.label, *told
    )  # fmt: skip
