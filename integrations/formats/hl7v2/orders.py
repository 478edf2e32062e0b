"""Supplies asked for: OMS^O05 (stock), OMN^O07 (non-stock), ORM^O01 with RQD (HL7 v2.9 chapter 4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from integrations.canonical import Money
from integrations.clinical import RequestedSupply, SupplyRequestDocument
from integrations.errors import Unreadable
from integrations.formats.hl7v2.interface import Interface
from integrations.formats.hl7v2.parsing import Message, Segment
from integrations.formats.hl7v2.reading import day, first_instant, money, number, patient

# ORC-1, table 0119.
CANCEL = frozenset({"CA", "OC", "CR", "DC", "OD", "DR"})
CHANGE = frozenset({"XO", "XX", "RP", "RO", "RU"})
RUSH = frozenset({"S", "A", "STAT", "ASAP", "T"})


@dataclass(frozen=True)
class Line:
    """One RQD with the ORC it stands under and what follows it."""

    orc: Segment | None
    rqd: Segment
    segments: tuple[Segment, ...]

    @property
    def rq1(self) -> Segment | None:
        """The detail of a non-stock line."""
        return next((one for one in self.segments if one.name == "RQ1"), None)

    @property
    def control(self) -> str:
        """ORC-1; a new order when it is empty."""
        return (self.orc.text(1).upper() if self.orc else "") or "NW"


def lines_of(message: Message) -> tuple[Line, ...]:
    """The requisition lines; raises Unreadable when there is none."""
    lines: list[Line] = []
    orc: Segment | None = None
    before: list[Segment] = []  # between ORC and its RQD: timing, notes, roles
    for one in message.segments:
        if one.name == "ORC":
            orc, before = one, []
        elif one.name == "RQD":
            lines.append(Line(orc, one, (one, *before)))
        elif lines and lines[-1].orc is orc:
            lines[-1] = Line(orc, lines[-1].rqd, (*lines[-1].segments, one))
        elif orc is not None:
            before.append(one)
    if not lines:
        raise Unreadable("The RQD segment is missing; orders without supplies are not taken",
                         position="RQD(1)")  # fmt: skip
    return tuple(lines)


def order_number(message: Message, line: Line) -> str:
    """The order's number: placer (ORC-2), filler (ORC-3), group (ORC-4), else the message's control id."""
    orc = line.orc
    own = (orc.text(2) or orc.text(3) or orc.text(4)) if orc else ""
    return own or message.header.text(10)


def read_requests(message: Message, interface: Interface) -> tuple[SupplyRequestDocument, ...]:
    """One request per order number and what is to be done with it."""
    orders: dict[tuple[str, str], list[Line]] = {}
    for line in lines_of(message):
        orders.setdefault((order_number(message, line), _operation(line)), []).append(line)
    return tuple(_request(message, number_, lines, interface) for (number_, _), lines in orders.items())


def _operation(line: Line) -> Literal["new", "change", "cancel"]:
    if line.control in CANCEL:
        return "cancel"
    return "change" if line.control in CHANGE else "new"


def _request(
    message: Message, order: str, lines: Sequence[Line], interface: Interface
) -> SupplyRequestDocument:
    pid, pv1, orc = message.first("PID"), message.first("PV1"), lines[0].orc
    who = patient(pid)
    return SupplyRequestDocument(
        source=interface.source,
        message_id=message.header.text(10),
        number=order,
        operation=_operation(lines[0]),
        priority="rush" if _priority(message, orc) in RUSH else "routine",
        requested_at=first_instant(interface.zone, (orc, 9), (message.header, 7)),
        requester=(orc.text(10) or orc.text(12)) if orc else "",
        patient_id=who.id,
        patient_assigner=who.assigner,
        visit=(pv1.text(19) if pv1 else "") or (pid.text(18) if pid else ""),
        lines=tuple(_supply(message, line) for line in lines),
    )


def _priority(message: Message, orc: Segment | None) -> str:
    """TQ1-9, else ORC-7.6."""
    tq1 = message.first("TQ1")
    return ((tq1.text(9) if tq1 else "") or (orc.text(7, 6) if orc else "")).upper()


def _supply(message: Message, line: Line) -> RequestedSupply:
    rqd, rq1 = line.rqd, line.rq1
    count = number(rqd.text(5), rqd.where(5)) if rqd.text(5) else Decimal(0)
    if count <= 0:
        raise Unreadable("The quantity must be more than zero", position=rqd.where(5))
    if not any(rqd.text(at) for at in (2, 3, 4)):
        raise Unreadable("The item is missing", position=rqd.where(4))
    return RequestedSupply(
        line_id=rqd.text(1) or str(rqd.ordinal),
        item_code=rqd.text(4) or rqd.text(2) or rqd.text(3),
        item_text=rqd.text(4, 2) or rqd.text(2, 2) or rqd.text(3, 2),
        catalog_number=(rq1.text(3) or rq1.text(5)) if rq1 else "",
        manufacturer=(rq1.text(2, 2) or rq1.text(2)) if rq1 else "",
        quantity=count,
        uom=rqd.text(6) or "EA",
        cost_center=rqd.text(7),
        deliver_to=rqd.text(9),
        need_by=day(rqd.text(10), rqd.where(10)) if rqd.text(10) else None,
        unit_price=_price(rq1),
        is_stock=rq1 is None and message.header.text(9, 2) != "O07",
    )


def _price(rq1: Segment | None) -> Money | None:
    return money(rq1, 1) if rq1 else None
