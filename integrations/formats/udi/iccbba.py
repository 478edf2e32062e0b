"""ICCBBA: ISBT 128 data structures of tissues, cells and blood containers (ST-001, ST-011)."""

import re
from datetime import date

from integrations.formats.udi.scan import Parts, Scan, Scheme, UnreadableScan, day_of_year

TOKEN = re.compile(r"[=&][^=&]*")
# Data identifier, part, characters. The container forms `=)` and `&)` name a blood bag.
STRUCTURES = (
    ("=/", "di", 16),
    ("=,", "serial", 6),
    ("=>", "expires_on", 6),
    ("=}", "made_on", 6),
    ("&>", "expires_on", 10),
    ("&}", "made_on", 10),
    ("&,1", "lot", 18),
    ("=)", "di", 10),
    ("&)", "lot", 10),
)
DONATION = re.compile(r"=([A-Z0-9]{15})")  # 13 characters of the number, 2 flags
CENTURIES = {"0": 2000, "1": 2100, "9": 1900}
WORDS = {"di": "product code", "expires_on": "expiry date", "made_on": "day it was made"}


def read(text: str, at: int, raw: str) -> Scan:
    """Reads the data structures of one symbol or of several scanned after each other.

    Raises UnreadableScan.
    """
    parts = Parts()
    for token in TOKEN.finditer(text.rstrip()):
        _structure(token[0], at + token.start(), parts)
    if not parts.values:
        raise UnreadableScan("This ICCBBA barcode names no product, donation, lot, serial or date", at)
    if "di" not in parts.values:
        parts.warnings.append("The barcode names no product. Scan the barcode with the product code too.")
    return parts.scan(Scheme.ICCBBA, raw)


def _structure(token: str, at: int, parts: Parts) -> None:
    if donation := DONATION.fullmatch(token):
        parts.put("donation", donation[1], at)
        return
    for mark, name, length in STRUCTURES:
        if token.startswith(mark):
            _content(name, token.removeprefix(mark), length, at + len(mark), parts)
            return
    if token[1:2].isalnum() or len(token) < 3:
        raise UnreadableScan("The donation number has 15 letters and digits. Scan again.", at + 1)
    parts.warnings.append(f"The part {token[:2]} of the barcode is not read.")


def _content(name: str, content: str, length: int, at: int, parts: Parts) -> None:
    said = WORDS.get(name, name)
    if not re.fullmatch(r"[A-Za-z0-9]+", content) or (len(content) != length and name != "di"):
        raise UnreadableScan(f"The {said} has {length} letters and digits here. Scan again.", at)
    if len(content) != length:
        parts.warnings.append(
            f"The product code has {len(content)} characters instead of {length}. Compare it with the label."
        )
    if name not in ("expires_on", "made_on"):
        parts.put(name, content, at)
        return
    parts.put(name, _day(content, said, at), at)
    if name == "expires_on" and length == 10:
        parts.put("expiry_time", _time(content[6:], at + 6), at)


def _day(content: str, said: str, at: int) -> date:
    """cYYJJJ: the century's last digit, the year in it, the day of the year."""
    try:
        return day_of_year(CENTURIES[content[0]] + int(content[1:3]), int(content[3:6]))
    except (KeyError, ValueError) as error:
        raise UnreadableScan(f"The {said} does not exist in the calendar", at) from error


def _time(content: str, at: int) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3])[0-5]\d", content):
        raise UnreadableScan("The expiry hour does not exist", at)
    return f"{content[:2]}:{content[2:]}"
