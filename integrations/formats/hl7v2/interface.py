"""What is particular to one HL7 v2 interface: its clock, what its orders mean, where its own fields stand."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from integrations.clinical import UsageStatus
from integrations.errors import Unreadable
from integrations.formats.hl7v2.parsing import Segment

UTC = ZoneInfo("UTC")
PATH = re.compile(r"([A-Z][A-Z0-9]{2})-(\d{1,3})(?:\.(\d{1,2})(?:\.(\d{1,2}))?)?")
# Fields of a usage that an interface may place; those of a Z segment above all.
PLACEABLE = (
    "line_id", "case_id", "visit", "procedure_code", "procedure_text", "practitioner_id", "location_code",
    "cost_center", "item_code", "catalog_number", "manufacturer", "manufacturer_part", "item_text", "di",
    "lot", "serial", "expires_on", "made_on", "donation", "quantity", "uom", "status", "occurred_at",
    "charge_code", "site", "reverses", "raw_scan",
)  # fmt: skip
# Words of EHRs for what became of a supply; an interface may add its own.
STATUS_WORDS = {
    "implanted": UsageStatus.IMPLANTED,
    "implant": UsageStatus.IMPLANTED,
    "used": UsageStatus.USED,
    "supply": UsageStatus.USED,
    "wasted": UsageStatus.WASTED,
    "waste": UsageStatus.WASTED,
    "returned": UsageStatus.RETURNED,
    "explanted": UsageStatus.EXPLANTED,
    "opened_unused": UsageStatus.OPENED_UNUSED,
    "opened not used": UsageStatus.OPENED_UNUSED,
    "received": UsageStatus.RETURNED,
}


@dataclass(frozen=True)
class Place:
    """Where a value stands: ZPA-3.1."""

    segment: str
    field: int
    component: int = 1
    subcomponent: int = 1

    def value(self, segments: Sequence[Segment]) -> tuple[str, Segment | None]:
        """The first value found there, and the segment it stands in."""
        for one in segments:
            if one.name == self.segment:
                found = one.text(self.field, self.component, self.subcomponent)
                if found:
                    return found, one
        return "", None


def place(text: str) -> Place:
    """A place from its text; raises Unreadable."""
    found = PATH.fullmatch(text.strip())
    if found is None or int(found[2]) == 0:
        raise Unreadable(f"{text.strip()[:30]} is not a place like ZPA-3.1", position=text.strip()[:30])
    return Place(found[1], int(found[2]), int(found[3] or 1), int(found[4] or 1))


@dataclass(frozen=True)
class Interface:
    """One interface. `source` names it in the canonical documents; `zone` reads times without an offset;
    `places` says where fields of ours stand, `statuses` what the sender's words for an outcome mean."""

    source: str
    zone: ZoneInfo = UTC
    charset: str = ""
    orders: Literal["usage", "request"] = "request"
    places: Mapping[str, Place] = field(default_factory=dict)
    statuses: Mapping[str, UsageStatus] = field(default_factory=dict)
