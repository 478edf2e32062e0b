"""The commands of the point of care as Code 39 barcodes, so that a scanner alone is enough."""

from dataclasses import dataclass

# Code 39 (ISO/IEC 16388): nine bars and spaces a sign, of which three (or two) are wide; 1 is wide.
PATTERNS = {
    "0": "000110100", "1": "100100001", "2": "001100001", "3": "101100000", "4": "000110001",
    "5": "100110000", "6": "001110000", "7": "000100101", "8": "100100100", "9": "001100100",
    "A": "100001001", "B": "001001001", "C": "101001000", "D": "000011001", "E": "100011000",
    "F": "001011000", "G": "000001101", "H": "100001100", "I": "001001100", "J": "000011100",
    "K": "100000011", "L": "001000011", "M": "101000010", "N": "000010011", "O": "100010010",
    "P": "001010010", "Q": "000000111", "R": "100000110", "S": "001000110", "T": "000010110",
    "U": "110000001", "V": "011000001", "W": "111000000", "X": "010010001", "Y": "110010000",
    "Z": "011010000", "-": "010000101", ".": "110000100", " ": "011000100", "*": "010010100",
}  # fmt: skip
NARROW, WIDE = 1, 3
QUIET = 10

SHEET = (
    (".ok", "Record"), (".clear", "Put away"), (".undo", "Undo the last line"), (".done", "Close the case"),
    (".opened", "Opened, not used"), (".wasted", "Wasted"), (".explanted", "Explanted"),
    (".returned", "Returned to the shelf"), (".left", "Left"), (".right", "Right"), (".both", "Both sides"),
    (".noside", "No side"), (".2", "2 of it"), (".3", "3 of it"), (".4", "4 of it"), (".5", "5 of it"),
    (".box", "The whole box"), (".piece", "One piece"), (".card", "Card used as listed"),
    (".request", "Request"),
)  # fmt: skip


@dataclass(frozen=True)
class Barcode:
    """Bars as (place, width), in narrow widths, within `width`."""

    text: str
    label: str
    bars: tuple[tuple[int, int], ...]
    width: int


def code39(text: str, label: str = "") -> Barcode:
    """The barcode of a text of capitals, digits, space, point and hyphen; raises KeyError for other signs."""
    place, bars = QUIET, []
    for sign in f"*{text.upper()}*":
        for index, is_wide in enumerate(PATTERNS[sign]):
            width = WIDE if is_wide == "1" else NARROW
            if index % 2 == 0:
                bars.append((place, width))
            place += width
        place += NARROW
    return Barcode(text, label, tuple(bars), place - NARROW + QUIET)


def sheet() -> list[Barcode]:
    """All commands."""
    return [code39(text, label) for text, label in SHEET]
