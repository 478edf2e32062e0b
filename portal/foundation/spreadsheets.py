"""Lists as CSV files, harmless in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from portal.foundation.quantity import plain

# A spreadsheet takes cells that begin so for formulas (OWASP, CSV Injection).
FORMULA_MARKS = ("=", "+", "-", "@")
CHUNK = 16_384


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The whole file."""
    return "".join(lines(header, rows)).encode()


def lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The file while its rows are read.

    It begins with the mark by which spreadsheets know UTF-8; numbers stay numbers, days are ISO 8601.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow(header)
    for row in rows:
        writer.writerow([cell(value) for value in row])
        if buffer.tell() > CHUNK:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def cell(value: object) -> str:
    """The value as text; an apostrophe keeps a spreadsheet from computing it."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    text = "" if value is None else str(value)
    looks_computed = text.lstrip().startswith(FORMULA_MARKS) or text[:1] in ("\t", "\r", "\n")
    return f"'{text}" if looks_computed else text
