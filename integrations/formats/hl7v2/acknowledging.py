"""Acknowledgments: original and enhanced mode (HL7 v2.9 chapter 2.9, tables 0008, 0155, 0357)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from integrations.errors import Unreadable
from integrations.formats.hl7v2.parsing import STANDARD, Segment, Separators, parse

VERSIONS = re.compile(r"2(\.\d(\.\d)?)?")
OLDEST_WITH_ERR = (2, 5)  # before 2.5 ERR-1 names the place, ERR-2 and later do not exist


class AckCode(StrEnum):
    """MSA-1."""

    ACCEPTED = "AA"
    ERROR = "AE"
    REJECTED = "AR"
    COMMIT = "CA"
    COMMIT_ERROR = "CE"
    COMMIT_REJECTED = "CR"


@dataclass(frozen=True)
class Fault:
    """What is wrong, as ERR says it: `code` of table 0357, the place as FT1(2)-10.1."""

    code: str
    text: str
    position: str = ""


@dataclass(frozen=True)
class Header:
    """What of MSH an answer needs; readable even where the rest of the message is not."""

    separators: Separators
    sender: tuple[str, str]  # MSH-3 and MSH-4 as sent
    receiver: tuple[str, str]  # MSH-5 and MSH-6 as sent
    code: str
    event: str
    control_id: str
    processing: str  # MSH-11 as sent
    version: str
    accept: str
    application: str
    names: tuple[str, str]  # MSH-3.1 and MSH-4.1

    @property
    def is_enhanced(self) -> bool:
        """Whether MSH-15 or MSH-16 is valued."""
        return bool(self.accept or self.application)

    @property
    def key(self) -> str:
        """What names the message for good: sending application, facility and control id."""
        return "|".join((*self.sender, self.control_id))

    def fault(self, kinds: frozenset[str], processing: str = "P") -> Fault | None:
        """Why the message is refused for MSH-9, MSH-10, MSH-11 or MSH-12 before it is looked into.

        `kinds` are the messages taken (DFT^P03 ...), `processing` the letters of MSH-11 that are.
        """
        if not self.code:
            return Fault("101", "The message type is missing", "MSH(1)-9")
        if f"{self.code}^{self.event}" not in kinds:
            known = any(kind.startswith(f"{self.code}^") for kind in kinds)
            code = "201" if known else "200"
            return Fault(code, f"{self.code}^{self.event} is not taken here"[:80], "MSH(1)-9")
        if not self.control_id:
            return Fault("101", "The message control id is missing", "MSH(1)-10")
        if self.processing[:1] not in set(processing):
            text = f"This interface takes messages with the processing id {' or '.join(processing)}"
            return Fault("202", text, "MSH(1)-11")
        if not VERSIONS.fullmatch(self.version):
            return Fault("203", "The version is not one of HL7 2", "MSH(1)-12")
        return None


def open_header(raw: bytes) -> Header:
    """The header of a message; raises Unreadable when there is none."""
    lines = re.split(rb"\r\n|\r|\n", raw.lstrip(b"\r\n \t\x00"), maxsplit=1)
    msh = parse(lines[0][:5_000]).header
    return Header(
        separators=msh.separators,
        sender=(msh.field(3).strip(), msh.field(4).strip()),
        receiver=(msh.field(5).strip(), msh.field(6).strip()),
        code=msh.text(9),
        event=msh.text(9, 2) or _event_of(msh),
        control_id=msh.text(10),
        processing=msh.field(11).strip(),
        version=msh.text(12),
        accept=msh.text(15).upper(),
        application=msh.text(16).upper(),
        names=(msh.text(3), msh.text(4)),
    )


def _event_of(msh: Segment) -> str:
    """Some senders leave the event out and name the structure: ACK^^ADT_A01."""
    return msh.text(9, 3).partition("_")[2]


def wants(condition: str, *, good: bool) -> bool:
    """Whether MSH-15 or MSH-16 asks for this answer: AL, NE, ER or SU (table 0155); empty asks for none."""
    return condition == "AL" or condition == ("SU" if good else "ER")


def acknowledge(
    header: Header, code: AckCode, *, control_id: str, at: datetime, faults: Sequence[Fault] = ()
) -> bytes:
    """An ACK with an MSH of its own: sender and receiver swapped, MSH-11 copied, MSA-2 their control id.

    `at` is aware. In enhanced mode the answer asks for none itself (MSH-15 and MSH-16 are NE).
    """
    marks = header.separators
    version = header.version or "2.5.1"
    fields = [
        "MSH", marks.encoding, *header.receiver, *header.sender, at.strftime("%Y%m%d%H%M%S%z"), "",
        marks.component.join(("ACK", header.event, "ACK")) if header.event else "ACK", control_id,
        header.processing or "P", version, "", "", *(("NE", "NE") if header.is_enhanced else ("", "")),
        "", "UNICODE UTF-8",
    ]  # fmt: skip
    msa = ["MSA", code.value, marks.escaped(header.control_id)]
    lines = [fields, msa, *(_error(fault, marks, version) for fault in faults)]
    return ("\r".join(marks.field.join(line) for line in lines) + "\r").encode()


PLACE = re.compile(r"([A-Z][A-Z0-9]{2})\((\d+)\)(?:-(\d+)(?:\.(\d+))?)?")


def _error(fault: Fault, marks: Separators, version: str) -> list[str]:
    found = PLACE.fullmatch(fault.position)
    place = ""
    if found:
        segment, ordinal, number, component = found.groups()
        parts = [segment, ordinal, number or ""] + (["1", component] if component else [])
        place = marks.component.join(parts).rstrip(marks.component)
    if _as_numbers(version) < OLDEST_WITH_ERR:
        return ["ERR", place]
    code = marks.component.join((fault.code, CONDITIONS.get(fault.code, ""), "HL70357"))
    return ["ERR", "", place, code, "E", "", "", "", marks.escaped(fault.text)]


def _as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if VERSIONS.fullmatch(version) else OLDEST_WITH_ERR


# HL7 table 0357.
CONDITIONS = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "207": "Application internal error",
}


def headless(sender: str = "") -> Header:
    """A header for the answer to what has none."""
    return Header(STANDARD, ("", ""), ("", ""), "", "", "", "P", "2.5.1", "", "", (sender, ""))


def fault_of(error: Unreadable, code: str = "102") -> Fault:
    """The fault of content that cannot be read."""
    return Fault("101" if "missing" in str(error) else code, str(error), error.position)
