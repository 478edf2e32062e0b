"""Reads any scan: tells the issuing agency by its first characters (HL7 v2.9, PRT-10)."""

import re

from biip.symbology import GS1Symbology

from integrations.formats.udi import gs1, hibc, iccbba
from integrations.formats.udi.scan import Scan, UnreadableScan, shown

LONGEST = 1_000  # the longest of them, a GS1 DataMatrix with everything in it, stays below 400
SYMBOL = re.compile(r"^\][A-Za-z][0-9A-Za-z]")  # ISO/IEC 15424
GS1_SYMBOLS = {
    f"]{symbology.value}" for symbology in (*GS1Symbology.with_gs1_messages(), *GS1Symbology.with_gtin())
}
BEFORE = "\ufeff \t\r\n\0\x02"  # what keyboards and interfaces put around a scan
AFTER = "\t\r\n\0\x03\x04"
MEANT = "It is no GS1, HIBC or ICCBBA barcode"


def parse(text: str) -> Scan:
    """What a scan says; `raw` is the text as it came.

    Takes what a scanner sends, with or without AIM identifier, the bracketed text below a barcode, a
    plain GTIN and a GS1 Digital Link address. Raises UnreadableScan with a sentence and a position;
    its `words` are the text.
    """
    try:
        return _read(text)
    except UnreadableScan as error:
        error.words = text[:LONGEST]
        raise


def together(first: str, second: str) -> Scan:
    """What two barcodes of one label say, in whichever order they were scanned; `raw` is both, joined.

    Many labels carry the product in one and lot and expiry in another. Raises UnreadableScan, also where
    the two contradict each other.
    """
    halves = sorted((_bare(first), _bare(second)), key=lambda half: not half.startswith("01"))
    if halves[0].startswith(("+", "*+")):
        halves = sorted((half.strip("*") for half in halves), key=lambda half: not half[1:2].isalpha())
    glue = "" if halves[0].startswith(("+", "=", "&")) else "\x1d"
    return parse(glue.join(halves))


def _bare(text: str) -> str:
    """The data without the symbology identifier, a plain GTIN as an element string."""
    content = SYMBOL.sub("", text.lstrip(BEFORE).rstrip(AFTER), count=1)
    compact = content.replace(" ", "")
    if compact.isascii() and compact.isdecimal() and len(compact) in gs1.GTIN_LENGTHS:
        return f"01{compact.zfill(14)}"
    return content


def _read(text: str) -> Scan:
    if len(text) > LONGEST:
        raise UnreadableScan(
            f"The text has {len(text):,} characters; a barcode has {LONGEST:,} at most", LONGEST
        )
    stripped = text.lstrip(BEFORE)
    at = len(text) - len(stripped)
    content = stripped.rstrip(AFTER)
    _prove_characters(content, at)
    found = SYMBOL.match(content)
    symbol = found[0] if found else ""
    content, at = content[len(symbol) :], at + len(symbol)
    if not content.strip():
        raise UnreadableScan("The barcode is empty", at)
    if symbol in GS1_SYMBOLS or symbol in gs1.NUMBER_SYMBOLS:
        return gs1.read(content, at, text, symbol)
    if content.startswith(("+", "*+")):
        return hibc.read(content, at, text)
    if content.startswith(("=", "&")):
        return iccbba.read(content, at, text)
    return _unmarked(content, at, text, symbol)


def _unmarked(content: str, at: int, raw: str, symbol: str) -> Scan:
    """GS1 without a symbology identifier that says so."""
    separator = gs1.LEADING_SEPARATORS.match(content)
    is_link = content.lower().startswith(("http://", "https://"))
    if not (content[0].isdigit() or content[0] == "(" or separator or is_link):
        raise UnreadableScan(f"{MEANT}. Type the item or part number instead.", at)
    scan = gs1.read(content, at, raw)
    if symbol and not is_link:
        sentence = (
            "The symbol is not marked as one of GS1, but holds what they hold. Compare it with the label."
        )
        return scan.model_copy(update={"warnings": (*scan.warnings, sentence)})
    return scan


def _prove_characters(content: str, at: int) -> None:
    for place, character in enumerate(content):
        if not (" " <= character <= "~" or character in "\x1d␝↔"):
            sentence = f"The character {shown(character)} cannot stand in a barcode"
            raise UnreadableScan(f"{sentence}. Set the scanner to a US keyboard.", at + place)
