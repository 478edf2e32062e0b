"""Acknowledgments exactly as the Control chapter says, checked with another library's parser."""

from datetime import UTC, datetime

import hl7
import pytest

from integrations.errors import Unreadable
from integrations.formats.hl7v2 import KINDS
from integrations.formats.hl7v2.acknowledging import (
    AckCode,
    Fault,
    acknowledge,
    fault_of,
    headless,
    open_header,
    wants,
)
from tests.unit.hl7_messages import message

AT = datetime(2026, 3, 1, 16, 15, tzinfo=UTC)


def answer(raw: bytes, code: AckCode, *faults: Fault) -> hl7.Message:
    return hl7.parse(acknowledge(open_header(raw), code, control_id="A1", at=AT, faults=faults).decode())


def test_original_mode() -> None:
    said = answer(message(processing="T"), AckCode.ACCEPTED)
    msh, msa = said.segment("MSH"), said.segment("MSA")
    assert [str(msh[at]) for at in (3, 4, 5, 6)] == ["PORTAL", "LAKESHORE", "OR", "MAIN"]
    assert [str(msh[at]) for at in (7, 9, 10, 11, 12)] == [
        "20260301161500+0000",
        "ACK^P03^ACK",
        "A1",
        "T",
        "2.8",
    ]
    assert (str(msh[15]), str(msh[16]), str(msh[18])) == ("", "", "UNICODE UTF-8")
    assert [str(one) for one in msa] == ["MSA", "AA", "M1"]


def test_enhanced_mode_asks_for_no_answer_itself() -> None:
    header = open_header(message(accept="AL", application="NE"))
    assert header.is_enhanced
    said = answer(message(accept="AL"), AckCode.COMMIT)
    assert [str(said.segment("MSH")[at]) for at in (15, 16)] == ["NE", "NE"]
    assert str(said.segment("MSA")[1]) == "CA"


def test_an_error_says_segment_sequence_and_field() -> None:
    fault = fault_of(Unreadable("This is not a number | really", position="FT1(2)-10.1"))
    err = answer(message(), AckCode.ERROR, fault).segment("ERR")
    assert str(err[2]) == "FT1^2^10^1^1"
    assert [str(err[at]) for at in (3, 4)] == ["102^Data type error^HL70357", "E"]
    assert str(err[8]) == "This is not a number \\F\\ really"
    old = answer(message(version="2.3"), AckCode.ERROR, fault).segment("ERR")
    assert [str(one) for one in old] == ["ERR", "FT1^2^10^1^1"]


def test_other_separators_are_kept() -> None:
    raw = message().replace(b"|", b"#").replace(b"^~\\&", b"*~\\&").replace(b"^", b"*")
    said = acknowledge(open_header(raw), AckCode.ACCEPTED, control_id="A1", at=AT)
    assert said.startswith(b"MSH#*~\\&#PORTAL#LAKESHORE#OR#MAIN#")
    assert b"MSA#AA#M1" in said


@pytest.mark.parametrize(
    ("raw", "code", "position"),
    [
        (message(type_="XXX^Z01"), "200", "MSH(1)-9"),
        (message(type_="ADT^A99"), "201", "MSH(1)-9"),
        (message(type_=""), "101", "MSH(1)-9"),
        (message(control_id=""), "101", "MSH(1)-10"),
        (message(processing="T"), "202", "MSH(1)-11"),
        (message(version="3"), "203", "MSH(1)-12"),
    ],
)
def test_a_header_is_refused_by_field(raw: bytes, code: str, position: str) -> None:
    fault = open_header(raw).fault(KINDS)
    assert fault is not None
    assert (fault.code, fault.position) == (code, position)


def test_a_good_header_is_taken_and_names_the_message() -> None:
    header = open_header(b"\r\n" + message(type_="ADT^A01", processing="T"))
    assert header.fault(KINDS, "PT") is None
    assert (header.key, header.names) == ("OR|MAIN|M1", ("OR", "MAIN"))


def test_what_has_no_header_is_answered_too() -> None:
    with pytest.raises(Unreadable):
        open_header(b"nonsense")
    said = acknowledge(headless(), AckCode.REJECTED, control_id="A1", at=AT)
    assert hl7.parse(said.decode()).segment("MSA")(1) == ["AR"]


@pytest.mark.parametrize(("condition", "good", "bad"), [
    ("AL", True, True), ("NE", False, False), ("SU", True, False), ("ER", False, True), ("", False, False),
])  # fmt: skip
def test_conditions(condition: str, good: bool, bad: bool) -> None:
    assert (wants(condition, good=True), wants(condition, good=False)) == (good, bad)
