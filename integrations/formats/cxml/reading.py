"""Values out of cXML elements: numbers, days, instants, money; what is odd is noted, not fatal."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from lxml import etree
from pydantic import ValidationError

from integrations.canonical import Money
from integrations.errors import Unreadable

MAX_DIGITS = 12
MAX_DECIMALS = 10
LAST_COUNTED_LINE = 65_535  # libxml2 keeps the line of an element in 16 bits
CURRENCY = re.compile(r"[A-Z]{3}")
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def where(element: etree._Element) -> str:
    """The position of an element for people."""
    line = int(str(element.sourceline))
    return f"line {line}" if line < LAST_COUNTED_LINE else f"line {line} or later"


class Reader:
    """Reads one document, gathering in `warnings` what was odd but usable; raises Unreadable for the rest."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, element: etree._Element, text: str) -> None:
        """Notes an oddity with its line."""
        self.warnings.append(f"{where(element)}: {text}")

    def child(self, element: etree._Element, path: str) -> etree._Element:
        """The element at `path`, which must exist."""
        found = element.find(path)
        if found is None:
            raise Unreadable(f"{element.tag} has no {path}", position=where(element))
        return found

    def needed(self, element: etree._Element, name: str) -> str:
        """An attribute that must be there and not empty."""
        value = (element.get(name) or "").strip()
        if not value:
            raise Unreadable(f"{element.tag} has no {name}", position=where(element))
        return value

    def amount(self, text: str, element: etree._Element, name: str) -> Decimal:
        """A decimal number below 10^12, rounded to ten decimals (cXML r8 may carry an exponent)."""
        if not text:
            raise Unreadable(f"{name} is empty", position=where(element))
        try:
            value = Decimal(text) if text.isascii() and len(text) <= 40 and "_" not in text else None
        except InvalidOperation:
            value = None
        if value is None or not value.is_finite() or (value and value.adjusted() >= MAX_DIGITS):
            raise Unreadable(f"{name} is not a usable number: {text[:40]!r}", position=where(element))
        if not value:
            return Decimal(0)
        rounded = round(value, MAX_DECIMALS)
        if rounded == value:
            return Decimal(format(value, "f"))
        self.warn(element, f"{name} {text} is rounded to {MAX_DECIMALS} decimals")
        return rounded

    def number(self, element: etree._Element, name: str) -> Decimal:
        """A quantity attribute, zero or more."""
        value = self.amount(self.needed(element, name), element, name)
        if value < 0:
            raise Unreadable(f"{element.tag} {name} is below zero: {value}", position=where(element))
        return value

    def line_number(self, element: etree._Element, name: str = "lineNumber") -> int:
        """A line number from 1 to 999999."""
        text = self.needed(element, name)
        usable = text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= 999_999
        if not usable:
            raise Unreadable(
                f"{element.tag} {name} is not a line number: {text[:40]!r}", position=where(element)
            )
        return int(text)

    def unit(self, element: etree._Element, fallback: str = "") -> str:
        """The unit of measure below an element."""
        unit = text_at(element, "UnitOfMeasure")
        if unit:
            return unit
        if not fallback:
            raise Unreadable(f"{element.tag} has no UnitOfMeasure", position=where(element))
        self.warn(element, f"{element.tag} has no UnitOfMeasure; {fallback} of the line is taken")
        return fallback

    def instant(self, element: etree._Element, name: str) -> datetime:
        """A date and time attribute that must be there, as UTC."""
        return self._utc(element, name, moment(self.needed(element, name), element, name))

    def optional_instant(self, element: etree._Element, name: str) -> datetime | None:
        """A date and time attribute as UTC, None when absent or (with a warning) not a date."""
        found = self._optional_moment(element, name)
        return self._utc(element, name, found) if found else None

    def optional_day(self, element: etree._Element, name: str) -> date | None:
        """The day the sender wrote, in the sender's own zone; None as for `optional_instant`."""
        found = self._optional_moment(element, name)
        return found.date() if found else None

    def money(self, element: etree._Element) -> Money:
        """The Money below an element such as UnitPrice or NetAmount."""
        money = self.child(element, "Money")
        currency = self.needed(money, "currency")
        if currency != currency.upper():
            self.warn(money, f"currency {currency} is written small")
        if CURRENCY.fullmatch(currency.upper()) is None:
            raise Unreadable(f"{currency[:40]!r} is not a currency code", position=where(money))
        return Money(amount=self.amount(text_of(money), money, "Money"), currency=currency.upper())

    def comments(self, element: etree._Element) -> str:
        """The texts of all Comments directly below, without attachments, one per line."""
        texts = (
            (found.text or "") + "".join(child.tail or "" for child in found)
            for found in element.findall("Comments")
        )
        lines = (line.strip() for text in texts for line in text.splitlines())
        return "\n".join(line for line in lines if line)

    def _optional_moment(self, element: etree._Element, name: str) -> datetime | None:
        text = (element.get(name) or "").strip()
        if not text:
            return None
        try:
            return moment(text, element, name)
        except Unreadable as error:
            self.warn(element, f"{error}; it is left out")
            return None

    def _utc(self, element: etree._Element, name: str, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.warn(element, f"{name} {value.isoformat()} has no time zone; UTC is taken")
            return value.replace(tzinfo=UTC)
        try:
            return value.astimezone(UTC)
        except OverflowError as error:
            raise Unreadable(
                f"{name} is out of range: {value.isoformat()}", position=where(element)
            ) from error


def text_of(element: etree._Element) -> str:
    """The element's own text without surrounding space."""
    return (element.text or "").strip()


def text_at(element: etree._Element, path: str) -> str:
    """The text at a path, "" when there is no such element."""
    return (element.findtext(path) or "").strip()


def moment(text: str, element: etree._Element, name: str) -> datetime:
    """An ISO 8601 date or date and time (cXML datetime.tz), with or without zone."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise Unreadable(f"{name} is not an ISO 8601 date: {text[:40]!r}", position=where(element)) from error


def unusable(element: etree._Element, error: ValidationError) -> Unreadable:
    """A canonical document that refuses a value, as an error about the original."""
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    return Unreadable(f"{element.tag}: {field}: {first['msg']}", position=where(element))
