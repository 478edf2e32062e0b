"""Opens an uploaded table, CSV or XLSX, as rows of trimmed texts; refuses in a sentence what is not one."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from portal.foundation.errors import Invalid
from portal.masterdata import workbooks

Line = tuple[int, list[str]]
"""The row number a spreadsheet shows (the header is usually 1) and the cells."""

CHUNK = 1 << 20
FIRST_BLOCK, BLOCK = 100, 5_000
MAX_CELL = 10_000
MAX_ROWS = 2_000_000
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DELIMITERS = ",;\t|"
OLE_SIGNATURE = bytes.fromhex("d0cf11e0a1b11ae1")
ZIP_SIGNATURE = b"PK\x03\x04"


class Unusable(Invalid):
    """The file as a whole cannot be imported; the sentence says why and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="file")


@dataclass(frozen=True)
class Block:
    """Rows that follow each other, cells as the file has them; those of a CSV file are still untrimmed."""

    first: int
    rows: list[list[str]]
    is_csv: bool = True

    def lines(self) -> Iterator[Line]:
        """The rows that are not blank, trimmed; raises Unusable for too many rows or too long a cell."""
        for number, row in enumerate(self.rows, self.first):
            cells = [_original(cell.strip()) for cell in row] if self.is_csv else row
            if number > MAX_ROWS:
                raise Unusable(f"This file has more than {MAX_ROWS:,} rows. Split it.")
            if any(cells):
                if max(map(len, cells)) > MAX_CELL:
                    raise Unusable(f"A cell in row {number} has more than {MAX_CELL:,} characters.")
                yield number, cells


@dataclass(frozen=True)
class Table:
    """An opened table: its rows, about how many there are, and what people should know about the file.

    The rows can be read once, either by `blocks` or by `lines`.
    """

    blocks: Iterator[Block]
    estimate: int
    note: str = ""

    @property
    def lines(self) -> Iterator[Line]:
        """The rows one by one; raises Unusable while they are read."""
        return (line for block in self.blocks for line in block.lines())


def open_table(file: BinaryIO, file_name: str) -> Table:
    """The rows of a file that can seek; raises Unusable, also later while the rows are read."""
    head = file.read(4096)
    file.seek(0)
    if not head.strip(b"\x00\xef\xbb\xbf\xff\xfe \t\r\n"):
        raise Unusable("This file is empty. Choose the file with the rows to import.")
    if head.startswith(OLE_SIGNATURE):
        raise Unusable(
            "This is an old (.xls) or password-protected Excel file. Save it as .xlsx without a password."
        )
    if head.startswith(ZIP_SIGNATURE):
        return _workbook(file)
    if file_name.lower().endswith((".xlsx", ".xlsm", ".xls")):
        raise Unusable(
            "This file is not an Excel workbook although its name says so. Save it again as .xlsx."
        )
    return _text(file)


def _workbook(file: BinaryIO) -> Table:
    try:
        estimate, lines = workbooks.read(file)
    except workbooks.Unreadable as error:
        raise Unusable(str(error)) from error
    return Table(_sheet_blocks(cells for _, cells in lines), estimate)


def _sheet_blocks(rows: Iterable[list[str]]) -> Iterator[Block]:
    try:
        for first, some in _blocks(rows):
            yield Block(first, some, is_csv=False)
    except workbooks.Unreadable as error:
        raise Unusable(str(error)) from error


def _blocks(rows: Iterable[list[str]]) -> Iterator[tuple[int, list[list[str]]]]:
    """A few rows first, for who only looks at the beginning; what came before an error is given first."""
    iterator, first, size, error = iter(rows), 1, FIRST_BLOCK, None
    while error is None:
        some: list[list[str]] = []
        try:
            some.extend(islice(iterator, size))
        except (csv.Error, workbooks.Unreadable) as reason:
            error = reason
        if some:
            yield first, some
        elif error is None:
            return
        first, size = first + len(some), BLOCK
    raise error


def _text(file: BinaryIO) -> Table:
    encoding = _encoding(file)
    note = ""
    if encoding == "cp1252":
        note = "The file is not UTF-8; it was read as Windows-1252. Check letters with accents."
    estimate = _line_count(file)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    delimiter = _delimiter(text.read(20_000).lstrip().partition("\n")[0])
    text.seek(0)
    return Table(_csv_blocks(text, delimiter), estimate, note)


def _encoding(file: BinaryIO) -> str:
    """The encoding that decodes the whole file; raises Unusable when none does."""
    head = file.read(4096)
    file.seek(0)
    marked = next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), None)
    for encoding in [marked] if marked else _unmarked(head):
        if _decodes(file, encoding):
            return encoding
    raise Unusable(
        "The letters of this file cannot be read. In Excel choose Save as, CSV UTF-8, or save it as .xlsx."
    )


def _unmarked(head: bytes) -> list[str]:
    """Latin text in UTF-16 has a zero in every second byte; any other zero byte means it is no text."""
    if b"\x00" not in head:
        return ["utf-8", "cp1252"]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) < 0.3 * len(head) / 2:
        return []
    return ["utf-16-le" if odd > even else "utf-16-be"]


def _decodes(file: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := file.read(CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        file.seek(0)
    return True


def _delimiter(first_line: str) -> str:
    counts = {delimiter: first_line.count(delimiter) for delimiter in DELIMITERS}
    return max(counts, key=lambda delimiter: counts[delimiter])


def _line_count(file: BinaryIO) -> int:
    count = 0
    while chunk := file.read(CHUNK):
        count += chunk.count(b"\n")
    file.seek(0)
    return count


def _csv_blocks(text: io.TextIOWrapper, delimiter: str) -> Iterator[Block]:
    following = 1
    try:
        for first, some in _blocks(csv.reader(text, delimiter=delimiter, strict=True)):
            following = first + len(some)
            yield Block(first, some)
    except csv.Error as error:
        raise Unusable(
            f"Row {following} of the file cannot be read ({error}). Check the quotation marks in it."
        ) from error
    finally:
        if not text.closed:
            text.detach()  # whoever opened the file closes it


def _original(cell: str) -> str:
    """A cell as it was before an export guarded it against being run as a formula (see `exports`)."""
    return cell[1:] if cell.startswith(("'=", "'+", "'-", "'@")) else cell
