"""A purchase order on paper: the canonical order as a PDF; reads nothing but its font."""

import unicodedata
from collections.abc import Container, Iterator
from decimal import Decimal
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace, TTFFont

from integrations.canonical import Address, PurchaseOrder, PurchaseOrderLine

FONT, SMALL, USUAL, LARGE = "Helvetica", 8, 10, 16
WIDE_FONT = "DejaVu"  # Latin, Greek, Cyrillic, Armenian, Georgian and many signs
FONTS = Path(__file__).resolve().parents[2] / "static" / "vendor"
FACES = (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf"))
LATIN_1 = range(256)
LINE, MARGIN = 5, 15  # millimeters
COLUMNS = (("Line", 8), ("Item", 52), ("Needed by", 18), ("Quantity", 18), ("Price", 18), ("Amount", 18))
NUMBERS = slice(3, None)  # right-aligned
PLAIN = str.maketrans(
    {"\u2013": "-", "\u2014": "-", "\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"'}
)


class _Paper(FPDF):
    face: str
    letters: Container[int]

    def __init__(self, order: PurchaseOrder) -> None:
        super().__init__(format="letter")
        self.face, self.letters = FONT, LATIN_1  # the built-in font needs no embedding
        if not _is_latin_1(order) and all((FONTS / file).is_file() for _, file in FACES):
            self._embed()
        self.number = self.words(order.number)
        self.set_margin(MARGIN)
        self.set_font(self.face, size=USUAL)

    def _embed(self) -> None:
        for style, file in FACES:
            self.add_font(WIDE_FONT, style, FONTS / file)
        font = self.fonts[WIDE_FONT.lower()]
        if isinstance(font, TTFFont):
            self.face, self.letters = WIDE_FONT, font.cmap

    def words(self, text: str) -> str:
        """The text in letters the font has."""
        composed = unicodedata.normalize("NFC", text.translate(PLAIN) if self.face == FONT else text)
        return "".join(_letter(letter, self.letters) for letter in composed)

    def footer(self) -> None:
        """Which order, which page, on every page."""
        self.set_y(-MARGIN)
        self.set_font(self.face, size=SMALL)
        self.cell(0, LINE, f"{self.number}, page {self.page_no()} of {{nb}}", align="C")


def order_pdf(order: PurchaseOrder) -> bytes:
    """The order as a PDF (letter size); the same order always gives the same words.

    Where the built-in font (ISO 8859-1) lacks a letter, the letters used of a wider one are embedded. What
    that one lacks too is written with the nearest letters.
    """
    paper = _Paper(order)
    paper.set_title(f"Purchase order {paper.number}")
    paper.set_creation_date(order.ordered_at)
    paper.add_page()
    paper.set_font(paper.face, "B", LARGE)
    paper.cell(0, 9, _title(order, paper.number), new_x="LMARGIN", new_y="NEXT")
    paper.set_font(paper.face, size=USUAL)
    for text in _facts(order):
        paper.cell(0, LINE, paper.words(text), new_x="LMARGIN", new_y="NEXT")
    paper.ln(LINE)
    _addresses(paper, order)
    _lines(paper, order)
    paper.ln(2)
    paper.set_font(paper.face, "B", USUAL)
    paper.cell(
        0, LINE, f"Total {order.total:,.2f} {order.currency}", align="R", new_x="LMARGIN", new_y="NEXT"
    )
    paper.set_font(paper.face, size=USUAL)
    if order.comments:
        paper.ln(LINE)
        paper.multi_cell(0, LINE, paper.words(order.comments))
    return bytes(paper.output())


def _title(order: PurchaseOrder, number: str) -> str:
    return f"{'Cancelled purchase order' if order.is_cancelled else 'Purchase order'} {number}"


def _facts(order: PurchaseOrder) -> Iterator[str]:
    yield f"Supplier: {order.supplier_name or order.supplier}"
    yield f"Ordered on {order.ordered_at:%B} {order.ordered_at.day}, {order.ordered_at.year}"
    if order.version > 1:
        yield f"Version {order.version}. It replaces every earlier version of this order."
    if order.erp_number:
        yield f"Our number in the ERP: {order.erp_number}"
    if order.agreement:
        yield f"Called off blanket order {order.agreement}"


def _addresses(paper: _Paper, order: PurchaseOrder) -> None:
    top, half = paper.get_y(), paper.epw / 2
    bottom = top
    for at, (title, address) in enumerate((("Ship to", order.ship_to), ("Bill to", order.bill_to))):
        paper.set_xy(paper.l_margin + at * half, top)
        paper.set_font(paper.face, "B", USUAL)
        paper.multi_cell(half, LINE, title, new_x="LEFT", new_y="NEXT")
        paper.set_font(paper.face, size=USUAL)
        paper.multi_cell(half, LINE, paper.words("\n".join(_address(address))), align="L")
        bottom = max(bottom, paper.get_y())
    paper.set_y(bottom + LINE)


def _address(address: Address) -> Iterator[str]:
    place = f"{address.city}, {address.region} {address.postal_code}".strip(" ,")
    for text in (address.name, address.deliver_to, address.street, place, address.country):
        if text:
            yield text


def _lines(paper: _Paper, order: PurchaseOrder) -> None:
    aligned = ["LEFT"] * len(COLUMNS)
    aligned[NUMBERS] = ["RIGHT"] * len(aligned[NUMBERS])
    with paper.table(
        col_widths=tuple(width for _, width in COLUMNS),
        text_align=tuple(aligned),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="BOLD"),
        line_height=LINE,
    ) as table:
        table.row([name for name, _ in COLUMNS])
        for line in order.lines:
            price = line.unit_price.amount
            table.row(
                [
                    str(line.line_number),
                    paper.words(_item(line)),
                    f"{line.need_by:%b} {line.need_by.day}, {line.need_by.year}",
                    f"{_number(line.quantity)} {paper.words(line.uom)}",
                    f"{price:,.{max(2, _decimals(price))}f}",
                    f"{round(line.quantity * price, 2):,.2f}",
                ]
            )


def _item(line: PurchaseOrderLine) -> str:
    terms = " Consignment: invoice it when it is used." if line.is_consignment else ""
    return f"{line.description}\nYour part {line.supplier_part}. Our item {line.item}.{terms}"


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _decimals(value: Decimal) -> int:
    return max(0, -int(value.normalize().as_tuple().exponent))


def _is_latin_1(order: PurchaseOrder) -> bool:
    written = unicodedata.normalize("NFC", order.model_dump_json().translate(PLAIN))
    return all(ord(letter) in LATIN_1 for letter in written)


def _letter(letter: str, letters: Container[int]) -> str:
    """Letters the font lacks lose their accents, other signs become a question mark."""
    if letter == "\n" or (ord(letter) in letters and letter.isprintable()):
        return letter
    base = "".join(
        one for one in unicodedata.normalize("NFKD", letter) if ord(one) < 128 and one.isprintable()
    )
    return base or "?"
