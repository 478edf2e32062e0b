"""Master data as CSV files that an import takes back; no cell can run as a formula in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, and_

from portal.foundation.db import db
from portal.foundation.quantity import plain
from portal.masterdata.models import GlAccount, Item, ItemPackaging
from portal.masterdata.schemas import ITEMS, Fault, Schema

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
AT_ONCE = 5_000


def template(schema: Schema) -> io.BytesIO:
    """A file with the header of a table and nothing else."""
    return _file([column.name for column in schema.columns], ())


def faults(errors: Iterable[Fault]) -> io.BytesIO:
    """What is wrong with an uploaded file, by row and column."""
    return _file(["row", "column", "error"], ((one.row, one.column, one.sentence) for one in errors))


def items(wanted: Select[Any]) -> io.BytesIO:
    """The items of a list, in the columns of an import."""
    base = and_(ItemPackaging.item_id == Item.id, ItemPackaging.uom == Item.base_uom)
    elsewhere: dict[str, Any] = {"base_gtin": ItemPackaging.gtin, "gl_account": GlAccount.code}
    names = [column.name for column in ITEMS.columns]
    statement = (
        wanted.with_only_columns(
            *(elsewhere[name] if name in elsewhere else getattr(Item, name) for name in names)
        )
        .outerjoin(ItemPackaging, base)
        .outerjoin(GlAccount, GlAccount.id == Item.gl_account_id)
        .execution_options(yield_per=AT_ONCE)
    )
    return _file(names, db.session.execute(statement))


def _file(header: Sequence[str], rows: Iterable[Sequence[object]]) -> io.BytesIO:
    file = io.BytesIO()
    # The mark at the beginning tells spreadsheets that it is UTF-8.
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([cell(value) for value in row] for row in rows)
    text.detach()
    file.seek(0)
    return file


def cell(value: object) -> str:
    """A cell as an import would take it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return plain(value)
        case date():
            return value.isoformat()
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
