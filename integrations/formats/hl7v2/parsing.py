"""HL7 v2 encoding rules (ER7, HL7 v2.9 chapter 2.5 to 2.7): bytes to segments, fields and components.

Written here because the library python-hl7 takes about a thousand times as long, fails with assertions on
odd separators and logs what stands in a field; the tests read every message with both.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from integrations.errors import Unreadable

MAX_BYTES = 2_000_000
MAX_SEGMENTS = 5_000
BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
# HL7 table 0211.
CHARSETS = {
    "ASCII": "ascii",
    **{f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 10), 15)},
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UNICODE UTF-16": "utf-16",
    "ISO IR87": "iso2022_jp",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5",
    "CP1252": "cp1252",
    "WINDOWS-1252": "cp1252",
}
WRAPPERS = ("FHS", "BHS", "BTS", "FTS")
SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
ESCAPED = {"F": "field", "S": "component", "R": "repetition", "E": "escape", "T": "subcomponent"}
NULL = '""'
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f]")


@dataclass(frozen=True)
class Separators:
    """The delimiters a message declares in MSH-1 and MSH-2."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @property
    def encoding(self) -> str:
        """MSH-2."""
        return f"{self.component}{self.repetition}{self.escape}{self.subcomponent}"

    def unescape(self, text: str) -> str:
        """The text without escape sequences (2.7); one that is not known is left as it stands."""
        if not self.escape or self.escape not in text:
            return text
        mark = re.escape(self.escape)
        return re.sub(f"{mark}([^{mark}]*){mark}", self._replacement, text)

    def _replacement(self, found: re.Match[str]) -> str:
        code = found[1]
        if code in ESCAPED:
            return str(getattr(self, ESCAPED[code]))
        if code in {"H", "N"}:
            return ""
        if re.fullmatch(r"X([0-9A-Fa-f]{2})+", code):
            return bytes.fromhex(code[1:]).decode("latin-1")
        return "\n" if code.startswith((".br", ".sp")) else found[0]

    def escaped(self, text: str) -> str:
        """The text as it may stand in a component; line ends become \\.br\\, other controls are dropped."""
        names = {
            self.field: "F", self.component: "S", self.repetition: "R", self.subcomponent: "T",
            self.escape: "E", "\n": ".br",
        }  # fmt: skip
        plain = re.sub(r"\r\n?", "\n", text)
        kept = (one for one in plain if one >= " " or one == "\n")
        return "".join(f"{self.escape}{names[one]}{self.escape}" if one in names else one for one in kept)


STANDARD = Separators()


@dataclass(frozen=True)
class Segment:
    """One segment; fields, components, repetitions and subcomponents count from 1 as in the standard."""

    name: str
    ordinal: int  # the how-manieth of its name in the message
    fields: tuple[str, ...] = field(repr=False)
    separators: Separators = field(repr=False)

    def text(self, number: int, component: int = 1, subcomponent: int = 1, *, repetition: int = 1) -> str:
        """One value, unescaped, without blanks around it; empty when it is absent or the HL7 null."""
        marks = self.separators
        part = _nth(self.field(number), marks.repetition, repetition)
        part = _nth(_nth(part, marks.component, component), marks.subcomponent, subcomponent)
        return "" if part == NULL else CONTROLS.sub("", marks.unescape(part)).strip()

    def field(self, number: int) -> str:
        """A whole field as it stands on the wire."""
        return self.fields[number] if number < len(self.fields) else ""

    def repetitions(self, number: int) -> int:
        """How often a field is given; 0 when it is empty."""
        content = self.field(number)
        return len(content.split(self.separators.repetition)) if content else 0

    def where(self, number: int = 0, component: int = 0) -> str:
        """How people call the place: FT1(2)-10.1."""
        place = f"{self.name}({self.ordinal})" + (f"-{number}" if number else "")
        return place + (f".{component}" if component else "")


def _nth(content: str, separator: str, number: int) -> str:
    if not separator:
        return content if number == 1 else ""
    parts = content.split(separator, number)
    return parts[number - 1] if number <= len(parts) else ""


@dataclass(frozen=True)
class Message:
    """A message as segments in order; the first is MSH."""

    segments: tuple[Segment, ...]
    warnings: tuple[str, ...] = ()

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    @property
    def kind(self) -> str:
        """Message code and trigger event, for example DFT^P03."""
        return f"{self.header.text(9)}^{self.header.text(9, 2)}"

    def first(self, name: str) -> Segment | None:
        """The first segment of a name."""
        return next((one for one in self.segments if one.name == name), None)

    def all(self, *names: str) -> tuple[Segment, ...]:
        """The segments of these names in order."""
        return tuple(one for one in self.segments if one.name in names)

    def groups(self, starts: Callable[[Segment], bool]) -> tuple[tuple[Segment, ...], ...]:
        """The segments from each that starts a group up to the next one."""
        groups: list[list[Segment]] = []
        for one in self.segments:
            if starts(one):
                groups.append([])
            if groups:
                groups[-1].append(one)
        return tuple(tuple(group) for group in groups)


def split(raw: bytes) -> tuple[bytes, ...]:
    """The messages in a frame or file: batch wrappers are left out, a new MSH begins a new message.

    What stands before the first MSH belongs to the first message, so that nothing is lost unseen.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or (raw.count(b"MSH") < 2 and not _is_batch(raw)):
        return (raw,)
    lines = re.split(rb"\r\n|\r|\n", raw.removeprefix(b"\xef\xbb\xbf"))
    messages: list[list[bytes]] = []
    for line in lines:
        bare = line.strip(b" \t\x00")
        if not bare or bare[:3].decode("latin-1") in WRAPPERS:
            continue
        if bare.startswith(b"MSH") or not messages:
            messages.append([])
        messages[-1].append(line)
    return tuple(b"\r".join(message) for message in messages) or (raw,)


def _is_batch(raw: bytes) -> bool:
    return raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:3].decode("latin-1") in WRAPPERS


def decode(raw: bytes, charset: str = "") -> tuple[str, tuple[str, ...]]:
    """The text and what was odd: by byte-order mark, MSH-18, the interface's charset, UTF-8, cp1252."""
    for mark, name in BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return raw.removeprefix(mark).decode(name, errors="replace"), ()
    declared = _declared(raw) or charset
    codec = CHARSETS.get(declared.upper())
    warnings: tuple[str, ...] = ()
    if declared and codec is None:
        warnings = (f"MSH-18 names the character set {declared[:30]}, which is not known here.",)
    for candidate in (codec, "utf-8", "cp1252"):
        try:
            if candidate:
                return raw.decode(candidate), warnings
        except UnicodeDecodeError:
            if candidate == codec:
                warnings = (f"The message is not in the character set {declared[:30]} that it names.",)
    return raw.decode("cp1252", errors="replace"), (*warnings, "Some characters could not be read.")


def _declared(raw: bytes) -> str:
    head = re.split(rb"[\r\n]", raw.lstrip(), maxsplit=1)[0][:2_000].decode("latin-1")
    parts = head.split(head[3]) if len(head) > 8 else []
    return _nth(parts[17], head[5], 1).strip() if len(parts) > 17 else ""


def parse(raw: bytes, charset: str = "") -> Message:
    """One message; raises Unreadable with segment and field."""
    if len(raw) > MAX_BYTES:
        raise Unreadable(f"The message is {len(raw):,} bytes long; {MAX_BYTES:,} are allowed", position="MSH")
    text, warnings = decode(raw, charset)
    lines = [line.strip(" \t\x00") for line in re.split(r"\r\n|\r|\n", text)]
    lines = [line for line in lines if line]
    if not lines:
        raise Unreadable("The message is empty", position="MSH")
    if len(lines) > MAX_SEGMENTS:
        raise Unreadable(f"The message has more than {MAX_SEGMENTS:,} segments", position="MSH")
    separators = separators_of(lines[0])
    counts: dict[str, int] = {}
    segments = []
    for number, line in enumerate(lines, start=1):
        name = line[:3]
        if not SEGMENT.fullmatch(name) or line[3:4] not in ("", separators.field):
            raise Unreadable(f"Line {number} is not a segment", position=f"line {number}")
        counts[name] = counts.get(name, 0) + 1
        parts = line.split(separators.field)
        if name == "MSH":
            parts[1:1] = [separators.field]
        segments.append(Segment(name, counts[name], tuple(parts), separators))
    return Message(tuple(segments), warnings)


def separators_of(line: str) -> Separators:
    """The delimiters of an MSH segment; raises Unreadable when they cannot work."""
    if not line.startswith("MSH"):
        raise Unreadable("The message does not begin with an MSH segment", position="line 1")
    mark = line[3:4]
    encoding = line[4:].partition(mark)[0] if mark else ""
    used = mark + encoding
    if len(encoding) < 3 or len(set(used)) < len(used) or any(one.isalnum() or one <= " " for one in used):
        raise Unreadable("MSH-1 and MSH-2 do not name the separators", position="MSH(1)-2")
    return Separators(mark, encoding[0], encoding[1], encoding[2], encoding[3:4])
