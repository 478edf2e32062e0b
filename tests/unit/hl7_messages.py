"""HL7 v2 messages for tests; every person in them is a "Test patient"."""

from collections.abc import Sequence

UDI = "(01)10614141999993(17)301231(10)LOT7(21)SN42"


def message(*segments: str, type_: str = "DFT^P03^DFT_P03", control_id: str = "M1", **header: str) -> bytes:
    """A message as bytes; `header` may set processing, version, accept, application, charset, sender."""
    msh = "|".join((
        "MSH", "^~\\&", header.get("sender", "OR|MAIN"), "PORTAL|LAKESHORE", "20260301101500-0600", "", type_,
        control_id, header.get("processing", "P"), header.get("version", "2.8"), "", "",
        header.get("accept", ""), header.get("application", ""), "", header.get("charset", ""),
    ))  # fmt: skip
    return ("\r".join((msh, *segments)) + "\r").encode()


PID = "PID|1||P100^^^LAKE^MR||Test patient^A||19700131|F"
PV1 = f"PV1|1|I|OR3^R1^^MAIN{'|' * 16}V200"


def charge(
    *,
    line: str = "T1",
    item: str = "GLOVE-M",
    quantity: str = "2",
    kind: str = "CG",
    after: Sequence[str] = (),
) -> tuple[str, ...]:
    """One FT1 with what follows it."""
    ft1 = f"FT1|1|{line}||20260301100000|20260301|{kind}|{item}^An item|||{quantity}|||CC100|||ED01||||D77"
    return (ft1, *after)


def usage_message(*groups: Sequence[str], **header: str) -> bytes:
    """A DFT^P03 with charges."""
    lines = [line for group in groups for line in group]
    return message("EVN|P03|20260301101500", PID, PV1, *lines, **header)
