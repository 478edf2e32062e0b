"""Any HL7 v2 message this portal takes, as canonical documents."""

from collections.abc import Callable
from dataclasses import dataclass

from integrations.clinical import ClinicalDocument
from integrations.errors import Unreadable
from integrations.formats.hl7v2.encounters import ADT, SIU, read_adt, read_siu
from integrations.formats.hl7v2.interface import Interface
from integrations.formats.hl7v2.items import read_items
from integrations.formats.hl7v2.orders import read_requests
from integrations.formats.hl7v2.parsing import Message, parse
from integrations.formats.hl7v2.usage import read_charges, read_orders

Documents = tuple[ClinicalDocument, ...]
Read = Callable[[Message, Interface, list[str]], Documents]


def _read_supplies(message: Message, interface: Interface, warnings: list[str]) -> Documents:
    if message.kind == "ORM^O01" and message.first("RQD") is None:
        warnings.append("The order asks for no supplies (RQD); nothing is to be done.")
        return ()
    if interface.orders == "usage":
        return read_orders(message, interface, warnings)
    return read_requests(message, interface)


READERS: dict[str, Read] = {
    "DFT^P03": read_charges,
    "OMS^O05": _read_supplies,
    "OMN^O07": _read_supplies,
    "ORM^O01": _read_supplies,
    **{f"ADT^{event}": read_adt for event in ADT},
    **{f"SIU^{event}": read_siu for event in SIU},
    "MFN^M15": read_items,
    "MFN^M16": read_items,
}
KINDS = frozenset(READERS)
# Segments of these messages, read here or known and not needed; others are told in a warning.
KNOWN = frozenset((
    "MSH", "SFT", "UAC", "EVN", "PID", "PD1", "ARV", "ROL", "NK1", "PV1", "PV2", "PRT", "DB1", "OBX", "AL1",
    "IAM", "DG1", "DRG", "PR1", "GT1", "IN1", "IN2", "IN3", "ACC", "UB1", "UB2", "ABS", "PDA", "FT1", "NTE",
    "ORC", "OBR", "TQ1", "TQ2", "CTD", "CTI", "BLG", "RQD", "RQ1", "MRG", "SCH", "RGS", "AIS", "AIG", "AIL",
    "AIP", "MFI", "MFE", "ITM", "VND", "PKG", "PCE", "IVT", "ITV", "ILT", "IIM", "STZ", "FAC", "RF1", "DSC",
))  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """What a message says: its kind (DFT^P03), its documents, and what was odd about it."""

    kind: str
    control_id: str
    version: str
    documents: Documents
    warnings: tuple[str, ...] = ()


def read(raw: bytes, interface: Interface) -> Reading:
    """Reads one message for an interface; raises Unreadable with segment and field."""
    message = parse(raw, interface.charset)
    header = message.header
    kind = message.kind
    if kind not in READERS:
        kind = f"{header.text(9)}^{header.text(9, 3).partition('_')[2]}"
    if kind not in READERS:
        raise Unreadable(
            f"This is an HL7 v2 message ({message.kind[:20]}), which is not taken. "
            f"Readable are {', '.join(sorted(KINDS))}.",
            position="MSH(1)-9",
        )
    warnings = list(message.warnings)
    documents = READERS[kind](message, interface, warnings)
    return Reading(kind, header.text(10), header.text(12), documents, (*warnings, *_kept(message)))


def _kept(message: Message) -> list[str]:
    """Z segments and others that no reader knows stay in the stored message, and are named once."""
    names = dict.fromkeys(one.name for one in message.segments if one.name not in KNOWN)
    return [f"The segment {name} is kept as it came." for name in names]
