"""Where patients are: ADT A01 A02 A03 A04 A08 A11 A13 A40 (HL7 v2.9 chapter 3), and SIU S12 to S15 (10)."""

from datetime import date, datetime
from decimal import Decimal

from integrations.clinical import CaseEvent, EncounterContext, EncounterEvent, ScheduledCase
from integrations.errors import Unreadable
from integrations.formats.hl7v2.interface import Interface
from integrations.formats.hl7v2.parsing import Message, Segment
from integrations.formats.hl7v2.reading import day, first_instant, identifiers, instant, number, patient

ADT = {
    "A01": EncounterEvent.ADMIT,
    "A02": EncounterEvent.TRANSFER,
    "A03": EncounterEvent.DISCHARGE,
    "A04": EncounterEvent.REGISTER,
    "A08": EncounterEvent.UPDATE,
    "A11": EncounterEvent.CANCEL_ADMIT,
    "A13": EncounterEvent.CANCEL_DISCHARGE,
    "A40": EncounterEvent.MERGE,
}
SIU = {
    "S12": CaseEvent.BOOKED,
    "S13": CaseEvent.RESCHEDULED,
    "S14": CaseEvent.MODIFIED,
    "S15": CaseEvent.CANCELLED,
}
MINUTES = {"s": Decimal(1) / 60, "sec": Decimal(1) / 60, "h": Decimal(60), "hr": Decimal(60)}


def read_adt(message: Message, interface: Interface, warnings: list[str]) -> tuple[EncounterContext, ...]:
    """The contexts of an ADT message; several patients only in a merge."""
    groups = message.groups(lambda one: one.name == "PID")
    if not groups:
        raise Unreadable("The PID segment is missing", position="PID(1)")
    return tuple(_context(message, Message(group), interface, warnings) for group in groups)


def _context(message: Message, group: Message, interface: Interface, warnings: list[str]) -> EncounterContext:
    event = ADT[message.header.text(9, 2)]
    pid, pv1, mrg = group.segments[0], group.first("PV1"), group.first("MRG")
    who = patient(pid)
    if not who.id:
        raise Unreadable("The patient's number is missing", position=pid.where(3))
    merged = identifiers(mrg, 1) if mrg else ()
    if event is EncounterEvent.MERGE and not merged:
        raise Unreadable("The number that was merged is missing", position="MRG(1)-1")
    evn = message.first("EVN")
    return EncounterContext(
        source=interface.source,
        message_id=message.header.text(10),
        event=event,
        at=first_instant(interface.zone, (evn, 6), (evn, 2), (message.header, 7)),
        patient_id=who.id,
        patient_assigner=who.assigner,
        family_name=pid.text(5),
        given_name=pid.text(5, 2),
        birth_date=_birth_date(pid, warnings),
        sex=pid.text(8),
        visit=(pv1.text(19) if pv1 else "") or pid.text(18),
        location_code=pv1.text(3) if pv1 else "",
        facility_code=pv1.text(3, 4) if pv1 else "",
        patient_class=pv1.text(2) if pv1 else "",
        practitioner_id=pv1.text(7) if pv1 else "",
        status=pv1.text(41) if pv1 else "",
        merged=merged,
    )


def _birth_date(pid: Segment, warnings: list[str]) -> date | None:
    """PID-7; one that is not whole is left out, since the context holds without it."""
    text = pid.text(7)
    try:
        return day(text, pid.where(7)) if text else None
    except Unreadable as error:
        warnings.append(f"{error.position}: {error}")
        return None


def read_siu(message: Message, interface: Interface, warnings: list[str]) -> tuple[ScheduledCase, ...]:
    """The case of an SIU message."""
    sch = message.first("SCH")
    if sch is None:
        raise Unreadable("The SCH segment is missing", position="SCH(1)")
    case = sch.text(2) or sch.text(1)
    if not case:
        raise Unreadable("The number of the case is missing", position=sch.where(2))
    pid, pv1 = message.first("PID"), message.first("PV1")
    ais, ail, aip = message.first("AIS"), message.first("AIL"), message.first("AIP")
    who = patient(pid)
    return (
        ScheduledCase(
            source=interface.source,
            message_id=message.header.text(10),
            event=SIU[message.header.text(9, 2)],
            at=first_instant(interface.zone, (message.header, 7)),
            case_id=case,
            patient_id=who.id,
            patient_assigner=who.assigner,
            family_name=pid.text(5) if pid else "",
            given_name=pid.text(5, 2) if pid else "",
            birth_date=_birth_date(pid, warnings) if pid else None,
            visit=(pv1.text(19) if pv1 else "") or (pid.text(18) if pid else ""),
            starts_at=_start(message, interface),
            minutes=_minutes(sch, ais),
            procedure_code=ais.text(3) if ais else "",
            procedure_text=(ais.text(3, 2) if ais else "") or sch.text(7, 2),
            location_code=(ail.text(3) if ail else "") or (pv1.text(3) if pv1 else ""),
            practitioner_id=aip.text(3) if aip else "",
            status=sch.text(25),
        ),
    )


def _start(message: Message, interface: Interface) -> datetime | None:
    """AIS-4, AIL-6, TQ1-7 or SCH-11.4."""
    for name, field, component in (("AIS", 4, 1), ("AIL", 6, 1), ("TQ1", 7, 1), ("SCH", 11, 4)):
        segment = message.first(name)
        if segment is not None and (text := segment.text(field, component)):
            return instant(text, segment.where(field, component), interface.zone)
    return None


def _minutes(sch: Segment, ais: Segment | None) -> int | None:
    """AIS-7 with its unit AIS-8, else SCH-9 with SCH-10; minutes without a unit."""
    for segment, field in ((ais, 7), (sch, 9)):
        if segment is not None and segment.text(field):
            factor = MINUTES.get(segment.text(field + 1).lower(), Decimal(1))
            return int(number(segment.text(field), segment.where(field)) * factor)
    return None
