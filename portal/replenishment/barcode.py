"""The barcode on the card of a bin: Code 39 (ISO/IEC 16388), which every scanner reads."""

from collections.abc import Iterator

WIDE = 3
# Nine elements a character, bars and spaces in turn: n is narrow, w is wide. A card needs no others.
PATTERNS = {
    "0": "nnnwwnwnn",
    "1": "wnnwnnnnw",
    "2": "nnwwnnnnw",
    "3": "wnwwnnnnn",
    "4": "nnnwwnnnw",
    "5": "wnnwwnnnn",
    "6": "nnwwwnnnn",
    "7": "nnnwnnwnw",
    "8": "wnnwnnwnn",
    "9": "nnwwnnwnn",
    "B": "nnwnnwnnw",
    "K": "wnnnnnnww",
    "-": "nwnnnnwnw",
    "*": "nwnnwnwnn",
}


def bars(text: str) -> list[tuple[int, int]]:
    """Left edge and width of each bar, in modules; raises KeyError for a character no card has."""
    found: list[tuple[int, int]] = []
    at = 0
    for index, width in enumerate(_elements(f"*{text}*")):
        if index % 2 == 0:
            found.append((at, width))
        at += width
    return found


def _elements(text: str) -> Iterator[int]:
    """Widths of bars and spaces; a narrow space stands between characters."""
    for character in text:
        yield from (WIDE if element == "w" else 1 for element in PATTERNS[character])
        yield 1
