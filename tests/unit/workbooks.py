"""Writes workbooks for tests, also such as no program would."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import openpyxl


def workbook(*rows: Sequence[Any]) -> bytes:
    """A workbook whose first sheet has these rows."""
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def repacked(content: bytes, parts: Mapping[str, bytes] | None = None, *, without: str = "") -> bytes:
    """The archive with parts replaced or added, or one left out."""
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        kept = {name: old.read(name) for name in old.namelist() if name != without}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in {**kept, **(parts or {})}.items():
            new.writestr(name, data)
    return out.getvalue()
