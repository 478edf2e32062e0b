"""Files people upload: encodings, delimiters, workbooks, and everything that is none of these."""

import csv
import io
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.masterdata.files import Unusable, open_table
from tests.unit.workbooks import repacked, workbook

SHEET = "xl/worksheets/sheet1.xml"


def lines(content: bytes, name: str = "table.csv") -> list[tuple[int, list[str]]]:
    return list(open_table(io.BytesIO(content), name).lines)


def refusal(content: bytes, name: str = "table.csv") -> str:
    with pytest.raises(Unusable) as refused:
        lines(content, name)
    return str(refused.value)


def refusal_if_any(content: bytes) -> str:
    try:
        assert all(isinstance(cell, str) for _, cells in lines(content) for cell in cells)
    except Unusable as error:
        return str(error)
    return "Read."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_usual_encoding_delimiter_and_line_end_is_understood(
    encoding: str, delimiter: str, end: str
) -> None:
    text = delimiter.join(["code", "name"]) + end + delimiter.join(["1010", "Clínica Peña"]) + end
    assert lines(text.encode(encoding)) == [(1, ["code", "name"]), (2, ["1010", "Clínica Peña"])]


def test_what_was_read_as_windows_1252_is_said() -> None:
    assert "Windows-1252" in open_table(io.BytesIO("code\nPeña".encode("cp1252")), "table.csv").note
    assert open_table(io.BytesIO("code\nPeña".encode()), "table.csv").note == ""


def test_rows_are_numbered_as_a_spreadsheet_does_with_blank_rows_and_line_breaks_in_cells() -> None:
    assert lines(b'\n\ncode,name\n1,"two\nlines"\n,\n2,x\n') == [
        (3, ["code", "name"]), (4, ["1", "two\nlines"]), (6, ["2", "x"]),
    ]  # fmt: skip


def test_a_semicolon_file_may_have_commas_in_its_cells() -> None:
    assert lines(b'"code";"name"\n1;"gloves, small, 100"\n')[1] == (2, ["1", "gloves, small, 100"])


def test_an_apostrophe_that_an_export_put_before_a_sign_is_taken_off() -> None:
    assert lines(b"code,name\n1,'+5 needle\n2,'s-Hertogenbosch\n") == [
        (1, ["code", "name"]), (2, ["1", "+5 needle"]), (3, ["2", "'s-Hertogenbosch"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"\xef\xbb\xbf\n", "empty"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + b"\x00" * 600, "password-protected"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "cannot be read"),
        (b"code,name\n1,\x81\x8d\x00\x00", "cannot be read"),
        (b"\xff\xfec\x00o\x00d\xd8", "cannot be read"),
        (b'code,name\n1,"open', "quotation marks"),
        (b'code,name\n1,"a"b\n', "Row 2"),
        (b"code,name\n1," + b"x" * 10_001, "10,000 characters"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(content: bytes, says: str) -> None:
    assert says in refusal(content)


def test_values_of_a_workbook_come_as_people_would_type_them() -> None:
    rows: list[list[object]] = [
        ["code", "name"],
        [110010, " Glove "],
        [7.88, True],
        [date(2026, 7, 31), datetime.fromisoformat("2026-07-31T09:30")],
        [9521101010107, 0.0825],
        [None, "only the second"],
        [1e22, "x"],
    ]
    assert [cells for _, cells in lines(workbook(*rows), "table.xlsx")] == [
        ["code", "name"],
        ["110010", "Glove"],
        ["7.88", "yes"],
        ["2026-07-31", "2026-07-31 09:30:00"],
        ["9521101010107", "0.0825"],
        ["", "only the second"],
        ["1" + "0" * 22, "x"],
    ]


def test_a_workbook_is_known_by_its_content_whatever_its_name() -> None:
    assert lines(workbook(["code"], ["1"]), "table.csv") == [(1, ["code"]), (2, ["1"])]
    assert "although its name says so" in refusal(b"code\n1\n", "table.xlsx")


def test_formulas_stay_visible_as_formulas() -> None:
    assert lines(workbook(["code"], ["=1+1"]))[1] == (2, ["=1+1"])


def test_macros_passwords_and_other_archives_are_refused() -> None:
    book = workbook(["code"], ["1"])
    assert "macros" in refusal(repacked(book, {"xl/vbaProject.bin": b"x"}))
    assert "not an Excel workbook" in refusal(repacked(book, without="xl/workbook.xml"))
    assert "damaged" in refusal(book[: len(book) // 2])
    assert "damaged" in refusal(repacked(book, {SHEET: b"<worksheet><sheetData>"}))


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = b"<worksheet>" + b" " * 60_000_000 + b"</worksheet>"
    assert "hundred times" in refusal(repacked(workbook(["code"]), {SHEET: bomb}))


@pytest.mark.parametrize("part", [SHEET, "xl/sharedStrings.xml", "xl/workbook.xml"])
def test_entities_are_refused_in_every_part(part: str) -> None:
    entity = '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    late = b'<?xml version="1.0"?>' + b"<!-- x -->" * 1000 + entity.encode()
    wide = f'<?xml version="1.0" encoding="UTF-16"?>{entity}'.encode("utf-16")
    for bomb in (late, wide):
        assert "document type" in refusal(repacked(workbook(["code"], ["1"]), {part: bomb}))


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_any_bytes_give_rows_or_a_sentence(content: bytes) -> None:
    for start in (b"", b"PK\x03\x04", b"code,name\n"):
        assert refusal_if_any(start + content).endswith(".")


@given(st.integers(0, 5000), st.binary(min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_a_workbook_with_any_byte_changed_gives_rows_or_a_sentence(place: int, noise: bytes) -> None:
    book = bytearray(workbook(["code", "name"], ["1", "Glove"], [2, 7.5]))
    book[place % len(book) : place % len(book) + len(noise)] = noise
    assert refusal_if_any(bytes(book)).endswith(".")


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8), min_size=2, max_size=2)
    )
)
def test_what_a_csv_writer_wrote_is_read_back(rows: list[list[str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["code", "name"])
    writer.writerows(rows)
    read = [cells for _, cells in lines(out.getvalue().encode())][1:]
    expected = [[cell.strip() for cell in row] for row in rows]
    assert read == [row for row in ([_unguarded(cell) for cell in row] for row in expected) if any(row)]


def _unguarded(cell: str) -> str:
    return cell[1:] if cell[:2] in ("'=", "'+", "'-", "'@") else cell
