"""Reads one cell of an imported table: its value, or a ValueError that says what to write instead."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from babel import Locale
from babel.numbers import list_currencies
from stdnum import ean

from integrations.formats.udi import UnreadableScan, parse

Reader = Callable[[str], Any]
"""Takes the trimmed text of a cell that is not empty."""

SPREADSHEET_FAULTS = frozenset(
    {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!"}
)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\ufffd]")
EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+")
NUMBER = re.compile(r"-?\d+(\.\d+)?|-?\.\d+")
YES, NO = frozenset({"yes", "y", "true", "1", "x"}), frozenset({"no", "n", "false", "0"})
DEVICE_IDENTIFIER = re.compile(r"[A-Z0-9]{6,23}")  # 23: HIBC labeler, product and unit of measure
GTIN_LENGTHS = (8, 12, 13, 14)
LONGEST_CODE = 40
MOST_ADDRESS = 1_000


@dataclass(frozen=True)
class Text:
    """Reads text of one line."""

    longest: int

    def __call__(self, cell: str) -> str:
        """The text with single spaces."""
        if len(cell) > self.longest:
            raise ValueError(f"This has {len(cell)} characters; at most {self.longest} are kept. Shorten it.")
        return " ".join(cell.split())


def text(longest: int) -> Reader:
    """Text of one line."""
    return Text(longest)


def code(cell: str) -> str:
    """A code as people and partners write it."""
    if len(cell) > LONGEST_CODE:
        raise ValueError(f"This code has {len(cell)} characters; at most {LONGEST_CODE} are possible.")
    if not cell.isprintable() or "  " in cell:
        raise ValueError("This code contains signs that cannot be seen. Type it anew.")
    return cell


def uom(cell: str) -> str:
    """A unit code of UN/ECE Recommendation 20 or X12 355, as printed on the pack."""
    if not re.fullmatch(r"[A-Za-z0-9]{2,3}", cell):
        raise ValueError(
            f'"{_quoted(cell)}" is not a unit code. Write its two or three letters, such as EA, BX or CA.'
        )
    return cell.upper()


def gtin(cell: str) -> str:
    """A GTIN-8, -12, -13 or -14 with its check digit (GS1 General Specifications 7.9), as 14 digits."""
    digits = cell.replace(" ", "").replace("-", "")
    if not digits.isdecimal() or not digits.isascii() or len(digits) not in GTIN_LENGTHS:
        raise ValueError(f'"{_quoted(cell)}" is not a GTIN. A GTIN has 8, 12, 13 or 14 digits.')
    expected = ean.calc_check_digit(digits[:-1])
    if digits[-1] != expected:
        raise ValueError(f"The last digit of GTIN {digits} should be {expected}. Compare it with the pack.")
    return digits.zfill(14)


def device_identifier(cell: str) -> str:
    """What a barcode names its product by; the whole barcode may stand there. A GTIN as 14 digits."""
    if DEVICE_IDENTIFIER.fullmatch(cell) and not cell.isdecimal():
        return cell
    try:
        found = parse(cell).di
    except UnreadableScan as error:
        raise ValueError(f'"{_quoted(cell)}" is no device identifier: {error}.') from error
    if not found:
        raise ValueError(f'"{_quoted(cell)}" names no product. Take the barcode that does.')
    return found


def gln(cell: str) -> str:
    """A GLN of 13 digits with its check digit."""
    digits = cell.replace(" ", "")
    if not digits.isdecimal() or not digits.isascii() or len(digits) != 13:
        raise ValueError(f'"{_quoted(cell)}" is not a GLN. A GLN has 13 digits.')
    expected = ean.calc_check_digit(digits[:-1])
    if digits[-1] != expected:
        raise ValueError(f"The last digit of GLN {digits} should be {expected}. Check the number.")
    return digits


def day(cell: str) -> date:
    """A calendar day in ISO 8601."""
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", cell, re.ASCII):
            raise ValueError
        return date.fromisoformat(cell)
    except ValueError:
        raise ValueError(
            f'"{_quoted(cell)}" is not a date. Write year, month and day, such as 2026-07-31.'
        ) from None


def amount(*, decimals: int, zero: bool, digits: int = 12) -> Reader:
    """A number that is not negative, with at most so many decimals and digits before the point."""

    def read(cell: str) -> Decimal:
        value = _number(cell)
        if value < 0:
            raise ValueError(
                f"{cell} is negative. Enter {'zero or more' if zero else 'a number above zero'}."
            )
        if value == 0 and not zero:
            raise ValueError("This is zero. Enter a number above zero.")
        if value >= 10**digits:
            raise ValueError(f"{cell} is too large. At most {digits} digits before the point are possible.")
        if value != round(value, decimals):
            raise ValueError(f"{cell} has too many decimals. At most {decimals} are kept.")
        return value

    return read


def flag(cell: str) -> bool:
    """Yes or no."""
    word = cell.lower()
    if word not in YES | NO:
        raise ValueError(f'"{_quoted(cell)}" is neither yes nor no.')
    return word in YES


def choice(kind: type[StrEnum]) -> Reader:
    """One of the words of a list."""

    def read(cell: str) -> str:
        word = cell.lower().replace(" ", "_")
        if word not in kind._value2member_map_:
            raise ValueError(f'"{_quoted(cell)}" is not possible here. Write {_either([*kind])}.')
        return word

    return read


def unspsc(cell: str) -> str:
    """A UNSPSC class of eight digits."""
    if not re.fullmatch(r"\d{8}", cell, re.ASCII):
        raise ValueError(f'"{_quoted(cell)}" is not a UNSPSC code. It has eight digits, such as 42132203.')
    return cell


def email(cell: str) -> str:
    """An e-mail address, loosely: something, an at sign, a domain."""
    if len(cell) > 254 or not EMAIL.fullmatch(cell):
        raise ValueError(f'"{_quoted(cell)}" is not one e-mail address.')
    return cell


def web_address(cell: str) -> str:
    """An address that a browser opens safely."""
    parts = urlsplit(cell)
    if parts.scheme != "https" or not parts.hostname or not cell.isascii() or not cell.isprintable():
        raise ValueError(f'"{_quoted(cell)}" is not a web address. Write it whole, beginning with https://.')
    if len(cell) > MOST_ADDRESS:
        raise ValueError(f"This address has more than {MOST_ADDRESS:,} characters. Take a shorter one.")
    return cell


def country(cell: str) -> str:
    """An ISO 3166-1 alpha-2 code."""
    word = cell.upper()
    if len(word) != 2 or word not in _countries():
        raise ValueError(f'"{_quoted(cell)}" is not a country code. Write its two letters, such as US.')
    return word


def currency(cell: str) -> str:
    """An ISO 4217 code."""
    word = cell.upper()
    if word not in list_currencies():
        raise ValueError(f'"{_quoted(cell)}" is not a currency code. Write its three letters, such as USD.')
    return word


def time_zone(cell: str) -> str:
    """A name of the IANA time zone database."""
    if cell not in _time_zones():
        raise ValueError(
            f'"{_quoted(cell)}" is not a time zone. Write its IANA name, such as America/Chicago.'
        )
    return cell


def check_plain(cell: str) -> None:
    """Raises ValueError for what no column can hold: a formula, a spreadsheet's error, control characters."""
    if cell.startswith("="):
        raise ValueError("This is a formula. Replace it by its value.")
    if cell in SPREADSHEET_FAULTS:
        raise ValueError(f"The spreadsheet shows {cell} here. Correct it there, or type the value.")
    if CONTROL.search(cell):
        raise ValueError("This contains signs that cannot be read. Type it anew.")


def _number(cell: str) -> Decimal:
    try:
        if not NUMBER.fullmatch(cell) or not cell.isascii():
            raise InvalidOperation
        return Decimal(cell)
    except InvalidOperation:
        raise ValueError(
            f'"{_quoted(cell)}" is not a number. Write digits with a point for decimals, such as 1250.50.'
        ) from None


def _quoted(cell: str) -> str:
    return cell if len(cell) <= 40 else cell[:39] + "…"


def _either(words: list[str]) -> str:
    return ", ".join(words[:-1]) + " or " + words[-1]


@cache
def _countries() -> frozenset[str]:
    return frozenset(Locale("en").territories) - {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
