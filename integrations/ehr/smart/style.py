"""The look an EHR asks for (SMART 2.2, smart_style_url): only what cannot make a page unreadable."""

import re
from typing import Any

from integrations.ehr.contract import Style
from integrations.ehr.smart.resources import text

HEX = re.compile(r"#[0-9a-fA-F]{6}")
PIXELS = re.compile(r"(\d{1,2})px")
READABLE = 4.5  # WCAG 2.2, 1.4.3: contrast with the white words on a button


def read_style(document: Any) -> Style:
    """Accent color and corner radius; anything else, and a color too pale for white words, is left."""
    values = document if isinstance(document, dict) else {}
    color, radius = text(values.get("color_highlight")), text(values.get("dim_border_radius"))
    is_good = HEX.fullmatch(color) is not None and contrast_with_white(color) >= READABLE
    return Style(accent=color if is_good else "", radius=radius if PIXELS.fullmatch(radius) else "")


def contrast_with_white(color: str) -> float:
    """The contrast ratio of a color such as #2a6496 (WCAG 2.2, relative luminance)."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)
