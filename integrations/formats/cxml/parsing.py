"""Reading XML from strangers: bytes to a cXML tree, or a named error with the line."""

import codecs
import re

from lxml import etree

from integrations.errors import Unreadable

MAX_BYTES = 10_000_000
ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([\w.:-]{1,40})["']""")
SPACE = re.compile(r"\s+")
DOCTYPE = re.compile(
    r"""<!DOCTYPE\s+(?P<root>[\w:.-]+)
        (?:\s+(?:SYSTEM|PUBLIC\s+(?:"[^"<>]*"|'[^'<>]*'))\s+(?P<address>"[^"<>]*"|'[^'<>]*'))?
        \s*>""",
    re.VERBOSE,
)


def parse(raw: bytes) -> tuple[etree._Element, str]:
    """The root element and the address of the DTD ("" without one).

    Nothing outside the document is read. The document type declaration is cut off before the XML parser
    sees it, so no entity can be declared and an undeclared one is an error, not a gap in the text.
    Raises Unreadable with position "line N": empty, larger than MAX_BYTES, not text, not XML, entities.
    """
    if len(raw) > MAX_BYTES:
        raise Unreadable(
            f"The document is {len(raw):,} bytes long; {MAX_BYTES:,} are allowed", position="line 1"
        )
    text = _decoded(raw)
    if not text.strip():
        raise Unreadable("The document is empty", position="line 1")
    start, address = _skip_prolog(text)
    lines_above = "\n" * text.count("\n", 0, start)
    return _parsed((lines_above + text[start:]).encode()), address


def version_of(dtd_address: str) -> str:
    """The cXML version in a DTD address ("1.2.050"), "" when it names none."""
    found = re.search(r"/(\d+\.\d+\.\d+)/", dtd_address)
    return found.group(1) if found else ""


def line_at(text: str, index: int) -> str:
    """The position of a character as people count it."""
    return f"line {text.count(chr(10), 0, index) + 1}"


def _decoded(raw: bytes) -> str:
    encoding = encoding_of(raw)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unreadable(
            f"The bytes are not {encoding}, which the document declares or leaves as the default",
            position=f"line {line}",
        ) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def encoding_of(raw: bytes) -> str:
    """The codec of a document: by its mark, its declaration, else UTF-8; Unreadable for an unusual one."""
    for mark, encoding in MARKS:
        if raw.startswith(mark):
            return encoding
    declared = DECLARED.match(raw.lstrip()[:300])
    if declared is None:
        return "utf-8"
    name = declared.group(1).decode("ascii").lower()
    if name not in ENCODINGS:
        raise Unreadable(f"The encoding {name} is not supported; send UTF-8", position="line 1")
    # A declaration readable byte by byte cannot be UTF-16, whatever it says.
    return "utf-8" if name.startswith("utf-16") else ENCODINGS[name]


def _skip_prolog(text: str) -> tuple[int, str]:
    """The index of the root element's tag and the address of the DTD before it."""
    address = ""
    index = 0
    while True:
        if space := SPACE.match(text, index):
            index = space.end()
        if text.startswith("<?", index):
            index = _end(text, index, "?>")
        elif text.startswith("<!--", index):
            index = _end(text, index, "-->")
        elif text.startswith("<!", index):
            index, address = _skip_doctype(text, index)
        else:
            return index, address


def _end(text: str, index: int, closing: str) -> int:
    end = text.find(closing, index)
    if end < 0:
        raise Unreadable(
            f"The document ends before {closing} of what begins here", position=line_at(text, index)
        )
    return end + len(closing)


def _skip_doctype(text: str, index: int) -> tuple[int, str]:
    if text[index : index + 14].lower() == "<!doctype html":
        raise Unreadable("This is an HTML page, not a cXML document", position=line_at(text, index))
    found = DOCTYPE.match(text, index)
    if found is None:
        raise Unreadable(
            "The document type declaration holds declarations of its own or is broken; "
            "entities are refused, only the address of the cXML DTD is allowed",
            position=line_at(text, index),
        )
    return found.end(), (found["address"] or "")[1:-1]


def _parsed(content: bytes) -> etree._Element:
    parser = etree.XMLParser(
        encoding="utf-8",
        load_dtd=False,
        no_network=True,
        resolve_entities=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        raise Unreadable(f"This is not well-formed XML: {_words(error)}", position=f"line {line}") from error


def _words(error: etree.XMLSyntaxError) -> str:
    return re.sub(r", line \d+, column \d+.*$", "", str(error.msg))
