"""Building cXML documents: elements, texts that XML can hold, the document type line."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal

from lxml import etree

from integrations.canonical import Money

DTD_VERSION = "1.2.063"
DTD_ADDRESS = "http://xml.cxml.org/schemas/cXML/{version}/{file}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
# XML 1.0 production [2] Char: everything else must not stand in a document, not even escaped.
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def new(tag: str, attributes: Mapping[str, str] | None = None) -> etree._Element:
    """An element; attributes with an empty value are left out."""
    element = etree.Element(tag)
    for name, value in (attributes or {}).items():
        if value:
            element.set(name, clean(value))
    return element


def add(parent: etree._Element, tag: str, text: str = "", /, **attributes: str) -> etree._Element:
    """Appends an element with a text and attributes."""
    element = new(tag, attributes)
    if text:
        element.text = clean(text)
    parent.append(element)
    return element


def add_text(parent: etree._Element, tag: str, text: str) -> None:
    """Appends a text in English (Name, Description, Comments ...)."""
    add(parent, tag, text).set(LANGUAGE, "en")


def add_money(parent: etree._Element, tag: str, money: Money) -> etree._Element:
    """Appends an element that holds Money, such as UnitPrice."""
    holder = add(parent, tag)
    add(holder, "Money", plain(money.amount), currency=money.currency)
    return holder


def clean(text: str) -> str:
    """The text with every character that XML cannot hold replaced by a space."""
    return NOT_XML.sub(" ", text)


def plain(value: Decimal) -> str:
    """A number without exponent."""
    return format(value, "f")


def noon(day: date) -> str:
    """A day where cXML wants a date and time: noon UTC stays the same day from UTC-12 to UTC+11."""
    return stamp(datetime.combine(day, time(12), UTC))


def stamp(instant: datetime) -> str:
    """Date and time with zone and whole seconds, the form of ISO 8601 that cXML names."""
    return instant.isoformat(timespec="seconds")


def document(root: etree._Element, dtd: str) -> bytes:
    """The finished document, UTF-8, with the document type of the official DTD file."""
    root.set(LANGUAGE, "en-US")
    address = DTD_ADDRESS.format(version=DTD_VERSION, file=dtd)
    return etree.tostring(
        root,
        xml_declaration=True,
        encoding="UTF-8",
        doctype=f'<!DOCTYPE cXML SYSTEM "{address}">',
        pretty_print=True,
    )
