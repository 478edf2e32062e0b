"""Stock as its page and its file show it."""

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portal.foundation.filters import day
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.inventory.models import Stock
from portal.inventory.queries import StockRow
from portal.inventory.rules import Expiry, expiry_of

LOW = Status("Below par", "warning", "arrow-down")
OUT = Status("Out of stock", "danger", "alert-triangle")
FINE = Status("In stock", "success", "check")
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
)
# A spreadsheet takes a text that begins like this for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class LotRow:
    """A lot on hand."""

    name: str
    on_hand: Decimal
    expires: str
    expiry: Status | None


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
    shown = [_lot_row(lot, today) for lot in lots if lot.lot or lot.expires_on]
    is_expired = any(lot.expiry is EXPIRIES[Expiry.EXPIRED] for lot in shown)
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
        name=lot.lot or "no lot number",
        on_hand=lot.on_hand,
        expires=day(lot.expires_on),
        expiry=EXPIRIES.get(expiry_of(lot.expires_on, today)),
    )


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


def as_csv(rows: Sequence[StockRow], lots: Sequence[Stock], today: date) -> str:
    """One line for each lot, or for the item when it has none."""
    by_item: dict[int, list[Stock]] = defaultdict(list)
    for lot in lots:
        by_item[lot.item_id].append(lot)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        of_item: Sequence[Stock | None] = by_item[row.item_id] or [None]
        writer.writerows(_csv_line(row, lot, today) for lot in of_item)
    return text.getvalue()


def _csv_line(row: StockRow, lot: Stock | None, today: date) -> list[str]:
    expires_on = lot.expires_on if lot else None
    expiry = EXPIRIES.get(expiry_of(expires_on, today))
    return [
        harmless(row.code),
        harmless(row.name),
        row.uom,
        plain(lot.on_hand if lot else row.on_hand),
        plain(row.minimum) if row.minimum is not None else "",
        plain(row.maximum) if row.maximum is not None else "",
        harmless(lot.lot) if lot else "",
        expires_on.isoformat() if expires_on else "",
        (expiry or status_of(row)).label,
    ]


def harmless(text: str) -> str:
    """The text so that no spreadsheet computes it."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
