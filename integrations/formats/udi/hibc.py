"""HIBC: primary, secondary and joined symbols (ANSI/HIBC 2.6, the supplier labeling standard)."""

import re
from calendar import monthrange
from datetime import date

from integrations.formats.udi.scan import (
    Parts,
    Scan,
    Scheme,
    UnreadableScan,
    day_of_year,
    full_year,
    positive,
    shown,
)

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"
LABEL = r"[A-Z0-9. -]{0,18}"  # a lot or a serial
# Labeler, product, unit of measure: 0 is the unit of use, 1 to 8 are packs, 9 holds a variable quantity.
PRIMARY = re.compile(r"[A-Z][A-Z0-9]{3}[A-Z0-9]{1,18}[0-9]")
LOT_OR_SERIAL = re.compile(r"\$|\d{5}")
QUANTITY = re.compile(r"8(?P<few>\d{2})|9(?P<many>\d{5})")
DATES = {
    "2": r"(?P<month>\d\d)(?P<day>\d\d)(?P<year>\d\d)",
    "3": r"(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)",
    "4": r"(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)(?P<hour>\d\d)",
    "5": r"(?P<year>\d\d)(?P<count>\d{3})",
    "6": r"(?P<year>\d\d)(?P<count>\d{3})(?P<hour>\d\d)",
    "7": "",
}
MONTH = r"(?P<month>\d\d)(?P<year>\d\d)"
PAIR = "This is the second barcode of a pair. Scan the first one, which names the product, too."


def read(text: str, at: int, raw: str) -> Scan:
    """Reads a HIBC symbol, or a primary and a secondary one scanned after each other.

    A secondary symbol alone gives no di. Raises UnreadableScan.
    """
    text = text.upper()
    if text.startswith("*"):  # the start and stop signs of Code 39
        text, at = text.removeprefix("*").removesuffix("*"), at + 1
    parts = Parts()
    second = _second_symbol(text)
    if second is not None:
        _primary(text[1 : second - 1], at + 1, parts)
        _secondary(text[second + 1 : -2], at + second + 1, parts)
        return parts.scan(Scheme.HIBC, raw)
    body = _checked(text, at)[1:-1]
    if body[:1].isalpha():
        primary, _, rest = body.partition("/")
        _primary(primary, at + 1, parts)
        if rest:
            _secondary(rest, at + 2 + len(primary), parts)
    elif body.startswith("/"):
        raise UnreadableScan("This HIBC barcode names a patient, a person or a place, not a product", at + 1)
    else:
        _secondary(body[:-1], at + 1, parts)
        if not parts.values:
            raise UnreadableScan("This HIBC barcode names no product, lot, serial, date or quantity", at + 1)
        parts.warnings.append(PAIR)
    return parts.scan(Scheme.HIBC, raw)


def check_character(text: str) -> str:
    """The sum of the values of all characters modulo 43 (ANSI/HIBC 2.6, appendix B)."""
    return ALPHABET[sum(map(ALPHABET.index, text)) % 43]


def _checked(text: str, at: int) -> str:
    """The symbol with its true check character."""
    for place, character in enumerate(text[:-1]):
        if character not in ALPHABET:
            raise UnreadableScan(
                f"The character {shown(character)} cannot stand in a HIBC barcode", at + place
            )
    if len(text) < 4:
        raise UnreadableScan("The HIBC barcode ends too early. Scan it again.", at + len(text))
    expected = check_character(text[:-1])
    if text[-1].replace("_", " ") == expected:  # a space is printed as _
        return text
    sentence = f"The check character should be {expected}, not {shown(text[-1])}"
    raise UnreadableScan(f"{sentence}. Scan again; the label may be damaged.", at + len(text) - 1)


def _second_symbol(text: str) -> int | None:
    """Where the secondary symbol starts: its link character is the check character of the primary."""
    for sign in re.finditer(r"\+", text[7:]):
        start = sign.start() + 7
        primary, secondary = text[:start], text[start:]
        if len(secondary) > 3 and secondary[-2] == primary[-1] and PRIMARY.fullmatch(primary[1:-1]):
            whole = all(symbol[-1] == _check_or_none(symbol[:-1]) for symbol in (primary, secondary))
            if whole:
                return start
    return None


def _check_or_none(text: str) -> str | None:
    return check_character(text) if all(character in ALPHABET for character in text) else None


def _primary(text: str, at: int, parts: Parts) -> None:
    if not PRIMARY.fullmatch(text):
        sentence = (
            "A HIBC barcode starts with +, four characters of the labeler, up to 18 of the product, a digit"
        )
        raise UnreadableScan(sentence, at)
    parts.put("di", text, at)


def _secondary(text: str, at: int, parts: Parts) -> None:
    """Lot or serial with quantity and expiry, then supplements behind slashes."""
    for number, piece in enumerate(text.split("/")):
        if number == 0 and LOT_OR_SERIAL.match(piece):
            _lot_or_serial(piece, at, parts)
        else:
            _supplement(piece, at, parts)
        at += len(piece) + 1


def _lot_or_serial(text: str, at: int, parts: Parts) -> None:
    marks = re.match(r"\$?\$?\+?", text)
    assert marks  # every part of it may be absent
    rest = text[marks.end() :]
    match marks[0]:
        case "$" | "$+":
            _label("serial" if "+" in marks[0] else "lot", rest, at + marks.end(), parts)
        case "$$" | "$$+":
            rest = _quantity(rest, at + marks.end(), parts) if marks[0] == "$$" else rest
            if rest:
                _dated("serial" if "+" in marks[0] else "lot", rest, at + len(text) - len(rest), parts)
        case _:
            # The oldest form: the day of the year and the lot without any mark.
            _dated_by(DATES["5"], "lot", text, at, parts)


def _quantity(text: str, at: int, parts: Parts) -> str:
    found = QUANTITY.match(text)
    if not found:
        return text
    parts.put("quantity", positive(found["few"] or found["many"], at), at)
    return text[found.end() :]


def _dated(kind: str, text: str, at: int, parts: Parts) -> None:
    if text[0] in DATES:
        _dated_by(DATES[text[0]], kind, text[1:], at + 1, parts)
    else:
        _dated_by(MONTH, kind, text, at, parts)


def _dated_by(pattern: str, kind: str, text: str, at: int, parts: Parts) -> None:
    found = re.match(pattern, text)
    if not found:
        raise UnreadableScan("The expiry date is not complete", at)
    told = {name: int(value) for name, value in found.groupdict().items()}
    if told:
        parts.put("expires_on", _day(told, at), at)
    if pattern == MONTH:
        month = f"{found['month']}/{parts.values['expires_on'].year}"
        parts.put("month_only", True, at)
        parts.warnings.append(f"The label gives the expiry as a month only ({month}): its last day counts.")
    if "hour" in told:
        if told["hour"] > 23:
            raise UnreadableScan(f"There is no hour {told['hour']}", at)
        parts.put("expiry_time", found["hour"], at)
    _label(kind, text[found.end() :], at + found.end(), parts)


def _day(told: dict[str, int], at: int) -> date:
    year = full_year(told["year"])
    try:
        if "count" in told:
            return day_of_year(year, told["count"])
        # A month alone lasts to its end, as day 00 of GS1 does.
        day = told["day"] if "day" in told else monthrange(year, told["month"])[1]
        return date(year, told["month"], day)
    except ValueError as error:
        raise UnreadableScan("The expiry date does not exist in the calendar", at) from error


def _label(kind: str, text: str, at: int, parts: Parts) -> None:
    if not re.fullmatch(LABEL, text):
        sentence = f"The {kind} has at most 18 letters and digits in a HIBC barcode"
        raise UnreadableScan(sentence, at)
    if text.strip():
        parts.put(kind, text.strip(), at)


def _supplement(text: str, at: int, parts: Parts) -> None:
    """S serial, 14D expiry, 16D made, Q quantity; what else may stand there is named in a warning."""
    if found := re.fullmatch(r"S([A-Z0-9. -]{1,18})", text):
        parts.put("serial", found[1].strip(), at)
    elif found := re.fullmatch(r"(14D|16D)(\d{4})(\d\d)(\d\d)", text):
        name = "expires_on" if found[1] == "14D" else "made_on"
        try:
            day = date(*map(int, found.group(2, 3, 4)))
        except ValueError as error:
            raise UnreadableScan(f"The date after {found[1]} does not exist in the calendar", at) from error
        parts.put(name, day, at)
    elif found := re.fullmatch(r"Q(\d{1,9})", text):
        parts.put("quantity", positive(found[1], at), at)
    elif re.match(r"S|14D|16D|Q", text):
        raise UnreadableScan(
            f"The part after /{text[:1] if text[0] in 'SQ' else text[:3]} is not complete", at
        )
    else:
        parts.warnings.append(f"The part /{text[:3]} of the barcode is not read.")
