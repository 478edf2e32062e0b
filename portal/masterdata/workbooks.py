"""Reads the first sheet of an XLSX workbook row by row, guarded against hostile archives and XML."""

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

MAX_UNPACKED = 1_000_000_000
MAX_SHARED_TEXTS = 200_000_000
MAX_PARTS = 1_000
# Spreadsheet XML packs 5 to 20 times; what packs a hundred times was made to harm.
MAX_RATIO = 100
SMALL = 5_000_000
WORKBOOK_PART = "xl/workbook.xml"
SHARED_TEXTS = "xl/sharedstrings.xml"
DAMAGED = "This Excel file is damaged. Open it in Excel, save it again as .xlsx and choose the new file."
FAULTS = (
    ArithmeticError, AttributeError, EOFError, InvalidFileException, LookupError, NotImplementedError,
    OSError, ParseError, SyntaxError, TypeError, ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class Unreadable(ValueError):
    """This is not a workbook that can be imported; the sentence says why."""


def read(file: BinaryIO) -> tuple[int, Iterator[tuple[int, list[str]]]]:
    """About how many rows the first sheet has, and its rows as texts with their numbers."""
    try:
        check_archive(file)
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions that do not matter here
            workbook = openpyxl.load_workbook(file, read_only=True, keep_links=False)
        sheet = workbook.worksheets[0]
        # Some programs write a wrong extent; without it openpyxl reads what is there.
        estimate = sheet.max_row or 0
        sheet.reset_dimensions()
    except Unreadable:
        raise
    except FAULTS as error:
        raise Unreadable(DAMAGED) from error
    return estimate, _rows(workbook, sheet)


def _rows(workbook: Any, sheet: Any) -> Iterator[tuple[int, list[str]]]:
    try:
        for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
            yield number, [as_text(value) for value in row]
    except FAULTS as error:
        raise Unreadable(DAMAGED) from error
    finally:
        workbook.close()


def as_text(value: object) -> str:
    """A cell's value as a person would type it: ISO dates, numbers without exponent, yes and no."""
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value)
        case float():
            return f"{Decimal(repr(value)):f}".removesuffix(".0") if value == value else "#NUM!"
        case datetime():
            return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
        case date() | time() | timedelta():
            return str(value)
    return "=" + type(value).__name__  # array and table formulas come as objects


def check_archive(file: BinaryIO) -> None:
    """Raises Unreadable for what no spreadsheet program writes, and for macros and passwords."""
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        names = {part.filename.lower() for part in parts}
        if WORKBOOK_PART not in names:
            raise Unreadable("This is not an Excel workbook (.xlsx). Save the table as .xlsx or CSV.")
        if any(name.endswith("vbaproject.bin") for name in names):
            raise Unreadable("This workbook contains macros. Save it as .xlsx without macros.")
        if any(part.flag_bits & 1 for part in parts):
            raise Unreadable("This workbook is protected by a password. Save it without.")
        _check_sizes(parts)
        for part in parts:
            if part.filename.lower().endswith((".xml", ".rels")):
                _check_no_document_type(archive, part)


def _check_sizes(parts: list[zipfile.ZipInfo]) -> None:
    shared = sum(part.file_size for part in parts if part.filename.lower() == SHARED_TEXTS)
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > MAX_PARTS or unpacked > MAX_UNPACKED or shared > MAX_SHARED_TEXTS:
        raise Unreadable("This workbook is too large when unpacked. Split it, or save the table as CSV.")
    if any(part.file_size > SMALL and part.file_size > MAX_RATIO * part.compress_size for part in parts):
        raise Unreadable(
            "This workbook unpacks to more than a hundred times its size. Save the table as CSV."
        )


class _Begun(Exception):
    """The root element has begun; a document type can no longer follow."""


def _check_no_document_type(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """A document type declaration is where XML entities, and attacks with them, would be defined."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = _begin
    try:
        with archive.open(part) as xml:
            parser.ParseFile(xml)
    except _Begun:
        return
    except expat.ExpatError as error:
        raise Unreadable(DAMAGED) from error


def _refuse_document_type(*_: object) -> None:
    raise Unreadable(
        "This workbook contains a document type declaration, which none may. Save it anew in Excel."
    )


def _begin(*_: object) -> None:
    raise _Begun
