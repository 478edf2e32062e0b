"""GS1: element strings, plain GTINs and Digital Link addresses, read by biip and held to the standard."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from biip import ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_application_identifiers import GS1ApplicationIdentifier
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementString

from integrations.formats.udi.scan import OTHER_HALF, Parts, Scan, Scheme, UnreadableScan, positive

GTIN_LENGTHS = (8, 12, 13, 14)
# EAN, UPC and ITF-14 symbols (ISO/IEC 15424) hold one number of these lengths.
NUMBER_SYMBOLS = {"]E0": (12, 13), "]E3": (12, 13), "]E4": (8,), "]I0": (14,), "]I1": (14,)}
COMPOSITE = "|]e0"
# What scanners and programs write for the group separator (↔ is Alt+029); the second line could be in a lot.
CLEAR_SEPARATOR = re.compile(r"\x1d|␝|↔|\{(?:GS|FNC1)\}|\[(?:GS|FNC1)\]|\\x1d|\\u001d|\^\]?", re.IGNORECASE)
SPELLED_SEPARATOR = re.compile(r"<(?:GS|FNC1)>|FNC1")
LEADING_SEPARATORS = re.compile(rf"(?:{CLEAR_SEPARATOR.pattern}|{SPELLED_SEPARATOR.pattern})+")
BRACKETED = re.compile(r"(?<!\\)\((\d{2,4})\)")
# The numbers that end in a check digit, and their lengths (GS1 General Specifications 7.9).
CHECKED = {
    "00": 18, "01": 14, "02": 14, "03": 14, "253": 13, "255": 13, "402": 17, "8003": 14, "8006": 14,
    "8017": 18, "8018": 18, "8026": 14, **{f"41{place}": 13 for place in range(8)},
}  # fmt: skip
GTINS = frozenset({"01", "02", "03", "8006", "8026"})
SERIALIZED = frozenset({"01", "03", "8006"})
NATIONAL = ("710", "711", "712", "713", "714", "715", "716", "717")
# Which elements need one of which others (GS1 General Specifications 4.13; "req" of the syntax dictionary).
NEEDED = {
    **dict.fromkeys(("10", "11", "13", "15", "16", "20", "240", "241", "37"), GTINS),
    **dict.fromkeys(("7003", "8008"), frozenset({"01", "02", "03"})),
    **dict.fromkeys(("22", "235", *NATIONAL), frozenset({"01"})),
    **dict.fromkeys(("21", "251"), SERIALIZED),
    "17": GTINS | {"255"},
    "30": frozenset({"01", "02"}),
    "250": frozenset({"21"}),
}
TITLES = {
    "01": "product number", "10": "lot", "11": "production date", "17": "expiry date", "21": "serial number",
    "30": "quantity", "37": "quantity", "7003": "expiry date and hour", "8008": "production date and hour",
}  # fmt: skip
NAMES = {
    "10": "lot", "21": "serial", "17": "expires_on", "7003": "expires_on", "11": "made_on",
    "8008": "made_on", "30": "quantity", "37": "quantity",
}  # fmt: skip
DATE = r"\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])"
SWALLOWED = {"10": re.compile(rf".(?:1[17]{DATE}|21.)"), "21": re.compile(rf".1[17]{DATE}")}


class Element(NamedTuple):
    """One element string, and at which character (from 0) it starts."""

    string: GS1ElementString
    at: int

    @property
    def ai(self) -> str:
        """The application identifier."""
        return self.string.ai.ai


def read(text: str, at: int, raw: str, symbol: str = "") -> Scan:
    """Reads a GS1 barcode; `symbol` is the AIM identifier the scanner sent. Raises UnreadableScan."""
    compact = text.replace(" ", "")
    if symbol in NUMBER_SYMBOLS:
        number, _, composite = compact.partition(COMPOSITE)
        found = [_number(number, at, NUMBER_SYMBOLS[symbol])]
        if composite:
            found += elements(composite, at + len(number) + len(COMPOSITE))
    elif compact.isdigit() and len(compact) in GTIN_LENGTHS:
        found = [_number(compact, at, GTIN_LENGTHS)]
    elif text.lower().startswith("http"):
        found = _linked(text, at)
    else:
        found = elements(text, at)
    _prove(found)
    parts = Parts()
    for element in found:
        _take(element, parts)
    if "di" not in parts.values:
        parts.warnings.append("The barcode names no product.")
    _warn_of_swallowed(text, found[-1], parts)
    return parts.scan(Scheme.GS1, raw)


def elements(text: str, at: int) -> list[Element]:
    """The element strings of a scan or of the bracketed form printed below a barcode."""
    found = list(_bracketed(text, at) if text.startswith("(") else _scanned(text, at))
    if not found:
        raise UnreadableScan("The barcode is empty", at)
    return found


def _number(digits: str, at: int, lengths: tuple[int, ...]) -> Element:
    if not digits.isdigit() or len(digits) not in lengths:
        wanted = " or ".join(map(str, lengths))
        raise UnreadableScan(f"A barcode of this kind holds {wanted} digits, this one does not", at)
    return Element(_checked(GS1ElementString.parse(f"01{digits.zfill(14)}"), at), at)


def _linked(text: str, at: int) -> list[Element]:
    """The elements of a GS1 Digital Link address."""
    try:
        strings = GS1DigitalLinkURI.parse(text).element_strings
    except (ParseError, ValueError) as error:
        raise UnreadableScan(
            "This web address names no product in the way of GS1 Digital Link", at
        ) from error
    return [Element(_checked(string, at), at) for string in strings]


def _bracketed(text: str, at: int) -> Iterator[Element]:
    marks = list(BRACKETED.finditer(text))
    if not marks or marks[0].start():
        raise UnreadableScan("A number of two to four digits in brackets should stand here, such as (01)", at)
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=True):
        content = text[mark.end() : end].replace(r"\(", "(").replace(" ", "")
        element = _element(mark[1] + CLEAR_SEPARATOR.sub("", content), at + mark.start(), whole=True)
        if element.ai != mark[1]:
            raise UnreadableScan(f"GS1 knows no ({mark[1]})", at + mark.start())
        yield element


def _scanned(text: str, at: int) -> Iterator[Element]:
    leading = LEADING_SEPARATORS.match(text)
    start = leading.end() if leading else 0
    separator = CLEAR_SEPARATOR if CLEAR_SEPARATOR.search(text, start) else SPELLED_SEPARATOR
    for end, after in [*(mark.span() for mark in separator.finditer(text, start)), (len(text), len(text))]:
        rest = text[start:end].replace(" ", "")
        place = at + start
        while rest:
            element = _element(rest, place, whole=False)
            yield element
            rest = rest[len(element.string) :]
            place += len(element.string)
        start = after


def _element(text: str, at: int, *, whole: bool) -> Element:
    """The first element of a text without separators; one of variable length takes all of it."""
    try:
        ai = GS1ApplicationIdentifier.extract(text)
    except ParseError as error:
        raise UnreadableScan(f"GS1 knows no field that starts with {text[:2]}", at) from error
    try:
        take = GS1ElementString.parse if whole or ai.separator_required else GS1ElementString.extract
        string = take(text)
    except ParseError as error:
        raise UnreadableScan(
            f"What follows ({ai.ai}) is no possible {_title(ai)}. Scan again.", at
        ) from error
    return Element(_checked(string, at), at)


def _checked(string: GS1ElementString, at: int) -> GS1ElementString:
    length = CHECKED.get(string.ai.ai)
    if length is None:
        return string
    number = string.value[:length]
    expected = str(gs1_standard_check_digit(number[:-1]))
    if number[-1] != expected or not number.strip("0"):
        sentence = (
            f"The last digit of {number} should be {expected}"
            if number.strip("0")
            else f"{number} is no number"
        )
        raise UnreadableScan(f"{sentence}. Scan again, or compare it with the label.", at)
    return string


def _prove(found: list[Element]) -> None:
    """Refuses contradictory repeats, and what belongs to a product where none is named."""
    said: dict[str, str] = {}
    for element in found:
        if said.setdefault(element.ai, element.string.value) != element.string.value:
            raise UnreadableScan(f"The barcode gives two different values for ({element.ai})", element.at)
    for element in found:
        needed = NEEDED.get(element.ai)
        if needed and not needed & said.keys():
            sentence = f"The barcode gives the {_title(element.string.ai)}, but ({min(needed)}) is missing"
            raise UnreadableScan(f"{sentence}. {OTHER_HALF}", element.at)


def _title(ai: GS1ApplicationIdentifier) -> str:
    return TITLES.get(ai.ai, ai.data_title)


def _take(element: Element, parts: Parts) -> None:
    string, name = element.string, NAMES.get(element.ai)
    if element.ai in GTINS:
        parts.put("di", string.value[:14], element.at)
        parts.put("gtin", string.value[:14], element.at)
        if element.ai in ("02", "8026"):
            parts.put("counts_packs", True, element.at)
            parts.warnings.append("This is a shipping label: it counts the packs of one product in it.")
    elif name in ("expires_on", "made_on"):
        parts.put(name, string.date, element.at)
        if element.ai == "7003" and string.datetime:
            parts.put("expiry_time", f"{string.datetime:%H:%M}", element.at)
    elif name == "quantity":
        parts.put(name, positive(string.value or "0", element.at), element.at)
    elif name:
        parts.put(name, string.value, element.at)


def _warn_of_swallowed(text: str, last: Element, parts: Parts) -> None:
    """A lot or serial ends at a separator only; where none came it holds all that followed."""
    pattern = SWALLOWED.get(last.ai)
    separated = CLEAR_SEPARATOR.search(text) or SPELLED_SEPARATOR.search(text) or text.startswith("(")
    if pattern and not separated and pattern.search(last.string.value):
        sentence = f"No separator came with the scan: the {NAMES[last.ai]} may hold what follows it"
        parts.warnings.append(f"{sentence}. Compare it with the label.")
