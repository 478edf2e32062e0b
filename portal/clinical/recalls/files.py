"""Lists of recalled devices as CSV files and as typed lines."""

import csv
import io
from dataclasses import dataclass

from portal.foundation.errors import Invalid

COLUMNS = {
    "di": "di", "udi": "di", "udi-di": "di", "gtin": "di", "device identifier": "di",
    "item": "item", "item number": "item", "item code": "item", "part number": "item",
    "catalog number": "item",
    "lot": "lot", "lots": "lot", "lot number": "lot", "batch": "lot",
    "serial": "serial", "serials": "serial", "serial number": "serial",
}  # fmt: skip


@dataclass(frozen=True)
class NewPart:
    """One recalled device by its identifier or number; without lot and serial all of it."""

    di: str = ""
    item: str = ""
    lot: str = ""
    serial: str = ""


def read_file(raw: bytes) -> list[NewPart]:
    """Parts of a CSV file with columns for DI or item, lot, serial; several in a cell stand after ; or |.

    Raises Invalid with the row.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("This file is not UTF-8 text. Save it as CSV UTF-8.", field="file") from None
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in ("\t", ";") if mark in first), ",")
    try:
        rows = list(csv.reader(io.StringIO(text.replace("\x00", "")), delimiter=delimiter))
    except csv.Error:
        raise Invalid("This file is no CSV table.", field="file") from None
    header = [COLUMNS.get(cell.strip().lower(), "") for cell in rows[0]] if rows else []
    if "di" not in header and "item" not in header:
        raise Invalid("The first row must name the columns DI (or item), lot and serial.", field="file")
    parts = [part for number, row in enumerate(rows[1:], start=2) for part in _row(number, header, row)]
    if not parts:
        raise Invalid("The file names no device.", field="file")
    return parts


def _row(number: int, header: list[str], row: list[str]) -> list[NewPart]:
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=False) if name}
    if not any(cells.values()):
        return []
    if not cells.get("di") and not cells.get("item"):
        raise Invalid(f"Row {number} names a lot or serial, but no device.", field="file")
    lots, serials = several(cells.get("lot", "")), several(cells.get("serial", ""))
    return parts_of(cells.get("di", ""), cells.get("item", ""), lots, serials)


def parts_of(di: str, item: str, lots: list[str], serials: list[str]) -> list[NewPart]:
    """One part for each serial, without serials for each lot, without either the whole item."""
    return [NewPart(di, item, lot, serial) for lot in lots or [""] for serial in serials or [""]]


def several(text: str) -> list[str]:
    """Lots or serials that stand one after another, without repeats."""
    for mark in ("|", "\n", "\r"):
        text = text.replace(mark, ";")
    return list(dict.fromkeys(filter(None, (one.strip() for one in text.split(";")))))
