"""Cells of imported tables: the values they mean, and the sentences for what they cannot mean."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import ean

from portal.masterdata import cells
from portal.masterdata.cells import Reader
from portal.masterdata.rules import ImportKind, LocationKind
from portal.masterdata.schemas import SCHEMAS

price = cells.amount(decimals=4, zero=True)
factor = cells.amount(decimals=3, zero=False, digits=6)


@pytest.mark.parametrize(
    ("read", "cell", "value"),
    [
        (cells.gtin, "09521101010107", "09521101010107"),
        (cells.gtin, "9521101010107", "09521101010107"),
        (cells.gtin, "614141000036", "00614141000036"),
        (cells.gtin, "96385074", "00000096385074"),
        (cells.gln, "0614141010103", "0614141010103"),
        (cells.day, "2026-02-28", date(2026, 2, 28)),
        (cells.day, "9999-12-31", date(9999, 12, 31)),
        (price, "7.8800", Decimal("7.88")),
        (price, ".5", Decimal("0.5")),
        (price, "0", Decimal(0)),
        (factor, "0.001", Decimal("0.001")),
        (cells.flag, "Yes", True),
        (cells.flag, "FALSE", False),
        (cells.uom, "bx", "BX"),
        (cells.choice(LocationKind), "Operating room", "operating_room"),
        (cells.country, "us", "US"),
        (cells.currency, "usd", "USD"),
        (cells.time_zone, "America/Chicago", "America/Chicago"),
        (cells.unspsc, "42132203", "42132203"),
        (cells.email, "orders@supplier.example", "orders@supplier.example"),
        (cells.web_address, "https://maker.example/ifu?x=1", "https://maker.example/ifu?x=1"),
        (cells.text(20), "two   words", "two words"),
    ],
)
def test_a_good_cell_gives_its_value(read: Reader, cell: str, value: Any) -> None:
    assert read(cell) == value


@pytest.mark.parametrize(
    ("read", "cell", "says"),
    [
        (cells.gtin, "09521101010108", "should be 7"),
        (cells.gtin, "952110101010", "should be"),
        (cells.gtin, "12345", "8, 12, 13 or 14 digits"),
        (cells.gtin, "٠٩٥٢١١٠١٠١٠١٠٧", "not a GTIN"),
        (cells.gtin, "9.52110101010E+12", "not a GTIN"),
        (cells.gln, "0614141010104", "should be 3"),
        (cells.gln, "614141010103", "13 digits"),
        (cells.day, "07/31/2026", "such as 2026-07-31"),
        (cells.day, "2026-02-30", "not a date"),
        (cells.day, "20260731", "not a date"),
        (cells.day, "2026-W05-1", "not a date"),
        (price, "-1", "is negative"),
        (price, "1,250.00", "with a point"),
        (price, "$5", "not a number"),
        (price, "NaN", "not a number"),
        (price, "1e3", "not a number"),
        (price, "1.00001", "At most 4"),
        (price, "9" * 13, "too large"),
        (factor, "0", "zero"),
        (factor, "0.0001", "At most 3"),
        (factor, "-2", "above zero"),
        (cells.flag, "maybe", "neither yes nor no"),
        (cells.uom, "Box of ten", "not a unit code"),
        (cells.choice(LocationKind), "attic", "clinic, department, storeroom or operating_room"),
        (cells.country, "USA", "two letters"),
        (cells.country, "EU", "two letters"),
        (cells.currency, "DOLLAR", "three letters"),
        (cells.time_zone, "Central", "IANA"),
        (cells.unspsc, "4213220", "eight digits"),
        (cells.email, "orders at supplier", "not one e-mail"),
        (cells.web_address, "javascript:alert(1)", "is not a web address"),
        (cells.web_address, "http://maker.example/", "is not a web address"),
        (cells.web_address, "https:///ifu", "is not a web address"),
        (cells.web_address, "https://maker.example/" + "x" * 1000, "more than 1,000"),
        (cells.email, "a@b.example,c@d.example", "not one e-mail"),
        (cells.code, "AB\u200bC", "cannot be seen"),
        (cells.code, "C" * 41, "at most 40"),
        (cells.text(5), "sixsix", "at most 5"),
    ],
)
def test_a_bad_cell_gives_a_sentence(read: Reader, cell: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as refused:
        read(cell)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("=A1*2", "formula"),
        ("#N/A", "#N/A"),
        ("bell\x07", "cannot be read"),
        ("M\ufffdller", "cannot be read"),
    ],
)
def test_no_column_takes_formulas_faults_and_control_characters(cell: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        cells.check_plain(cell)


@given(
    st.text(alphabet="0123456789", min_size=7, max_size=13).filter(
        lambda digits: len(digits) in (7, 11, 12, 13)
    )
)
def test_exactly_one_last_digit_makes_a_gtin(body: str) -> None:
    taken = [digit for digit in "0123456789" if _accepts(cells.gtin, body + digit)]
    assert taken == [ean.calc_check_digit(body)]


@given(st.decimals(min_value=0, max_value=10**11, places=4))
def test_every_price_with_four_decimals_comes_back_exactly(value: Decimal) -> None:
    assert price(f"{value:f}") == value


@given(st.sampled_from(sorted(SCHEMAS)), st.text(min_size=1, max_size=60))
def test_any_text_in_any_column_gives_a_value_or_a_sentence(kind: ImportKind, cell: str) -> None:
    for column in SCHEMAS[kind].columns:
        sentence = _refusal(column.read, cell)
        assert sentence == "" or (sentence.endswith(".") and len(sentence) < 250)


def _accepts(read: Reader, cell: str) -> bool:
    return _refusal(read, cell) == ""


def _refusal(read: Reader, cell: str) -> str:
    try:
        assert read(cell) is not None
    except ValueError as error:
        return str(error)
    return ""
