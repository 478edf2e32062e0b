"""The canonical clinical documents: what clinical systems say, in the portal's words.

They hold patient and encounter identifiers: keep them sealed, out of logs, audit events and job arguments.
Ids are those of the sending system. Conventions (Decimal, UTC, frozen) are those of `integrations.canonical`.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import Field

from integrations.canonical import Document, Instant, Item, Money, Part


class UsageStatus(StrEnum):
    """What became of a supply in a case."""

    IMPLANTED = "implanted"
    USED = "used"
    WASTED = "wasted"
    RETURNED = "returned"
    EXPLANTED = "explanted"
    OPENED_UNUSED = "opened_unused"


class Usage(Document):
    """One supply used, or given back, in the care of one patient; empty text means "not said".

    `source`, `line_id`, `case_id` (or `visit` without one) and `serial` together name the event for good:
    the same again is a repeat, with other content a conflict. `case_id` is the surgical log or case, `visit`
    the encounter number. `quantity` is positive, in `uom`; what was given back or credited has the status
    "returned" and names in `reverses` the `line_id` it takes back, where the sender said.
    `di`, `lot`, `serial`, `expires_on`, `made_on` and `donation` follow UDI (HL7 PRT-16 to PRT-21);
    `raw_scan` is the barcode or UDI as it came. `location_code` is the place the stock is taken from.
    """

    kind: Literal["usage"] = "usage"
    source: str
    message_id: str
    line_id: str
    patient_id: str = ""
    patient_assigner: str = ""
    visit: str = ""
    case_id: str = ""
    procedure_code: str = ""
    procedure_text: str = ""
    practitioner_id: str = ""
    location_code: str = ""
    cost_center: str = ""
    item_code: str = ""
    catalog_number: str = ""
    manufacturer: str = ""
    manufacturer_part: str = ""
    item_text: str = ""
    di: str = ""
    lot: str = ""
    serial: str = ""
    expires_on: date | None = None
    made_on: date | None = None
    donation: str = ""
    quantity: Decimal = Field(gt=0)
    uom: str = "EA"
    status: UsageStatus = UsageStatus.USED
    occurred_at: Instant
    charge_code: str = ""
    unit_cost: Money | None = None
    site: str = ""
    reverses: str = ""
    raw_scan: str = ""


class EncounterEvent(StrEnum):
    """What happened to an encounter (HL7 ADT A01 A04, A02, A03, A08, A11, A13, A40)."""

    ADMIT = "admit"
    REGISTER = "register"
    TRANSFER = "transfer"
    DISCHARGE = "discharge"
    UPDATE = "update"
    CANCEL_ADMIT = "cancel_admit"
    CANCEL_DISCHARGE = "cancel_discharge"
    MERGE = "merge"


class PatientIdentifier(Part):
    """A patient's number and the system that assigned it."""

    id: str
    assigner: str = ""


class EncounterContext(Document):
    """Where a patient is; `merged` are the numbers that from now on mean this patient.

    `location_code` is the point of care (HL7 PL.1) and `facility_code` its facility (PL.4); `status` is the
    sender's word for the encounter, empty when it says none.
    """

    kind: Literal["encounter"] = "encounter"
    source: str
    message_id: str
    event: EncounterEvent
    at: Instant
    patient_id: str
    patient_assigner: str = ""
    family_name: str = ""
    given_name: str = ""
    birth_date: date | None = None
    sex: str = ""
    visit: str = ""
    location_code: str = ""
    facility_code: str = ""
    patient_class: str = ""
    practitioner_id: str = ""
    status: str = ""
    merged: tuple[PatientIdentifier, ...] = ()


class CaseEvent(StrEnum):
    """What happened to a scheduled case (HL7 SIU S12, S13, S14, S15)."""

    BOOKED = "booked"
    RESCHEDULED = "rescheduled"
    MODIFIED = "modified"
    CANCELLED = "cancelled"


class ScheduledCase(Document):
    """A procedure planned at a place and time."""

    kind: Literal["case"] = "case"
    source: str
    message_id: str
    event: CaseEvent
    at: Instant
    case_id: str
    patient_id: str = ""
    patient_assigner: str = ""
    family_name: str = ""
    given_name: str = ""
    birth_date: date | None = None
    visit: str = ""
    starts_at: Instant | None = None
    minutes: int | None = None
    procedure_code: str = ""
    procedure_text: str = ""
    location_code: str = ""
    practitioner_id: str = ""
    status: str = ""


class RequestedSupply(Part):
    """One requested line; `item_code` is the hospital's number, `catalog_number` the supplier's."""

    line_id: str
    item_code: str = ""
    catalog_number: str = ""
    manufacturer: str = ""
    item_text: str = ""
    quantity: Decimal = Field(gt=0)
    uom: str = "EA"
    cost_center: str = ""
    deliver_to: str = ""
    need_by: date | None = None
    unit_price: Money | None = None
    is_stock: bool = True


class SupplyRequestDocument(Document):
    """Supplies a clinical system asks for; "cancel" withdraws the lines it names."""

    kind: Literal["supply_request"] = "supply_request"
    source: str
    message_id: str
    number: str
    operation: Literal["new", "change", "cancel"] = "new"
    priority: Literal["routine", "rush"] = "routine"
    requested_at: Instant
    requester: str = ""
    patient_id: str = ""
    patient_assigner: str = ""
    visit: str = ""
    case_id: str = ""
    lines: tuple[RequestedSupply, ...] = Field(min_length=1)


class StockLevel(Part):
    """What a place keeps of an item, in `uom`."""

    location_code: str
    uom: str = "EA"
    on_hand: Decimal | None = None
    reorder_point: Decimal | None = None
    reorder_quantity: Decimal | None = None
    par: Decimal | None = None
    bin: str = ""
    lot: str = ""
    expires_on: date | None = None
    is_consignment: bool = False


class ItemRecord(Part):
    """One item master record as a materials system tells it, with what places keep of it."""

    operation: Literal["add", "update", "delete", "deactivate", "reactivate"] = "update"
    item: Item
    charge_code: str = ""
    charge_price: Decimal | None = None
    is_stocked: bool = True
    is_implant: bool = False
    levels: tuple[StockLevel, ...] = ()
    levels_only: bool = False  # it tells what places have, and only names the item


class ItemMaster(Document):
    """Item master records (HL7 MFN^M16, MFN^M15)."""

    kind: Literal["item_master"] = "item_master"
    source: str
    message_id: str
    at: Instant
    records: tuple[ItemRecord, ...] = Field(min_length=1)


ClinicalDocument = Usage | EncounterContext | ScheduledCase | SupplyRequestDocument | ItemMaster


class ClinicalMessage(Document):
    """All that one message of a clinical system says; `type` is the sender's name for it (DFT^P03)."""

    kind: Literal["clinical_message"] = "clinical_message"
    type: str
    message_id: str
    documents: tuple[ClinicalDocument, ...] = ()


class Hl7Text(Document):
    """An HL7 v2 message the portal sends; it names no patient. `type` is MFN^M16, MFN^M15 or ACK."""

    kind: Literal["hl7v2_text"] = "hl7v2_text"
    type: str
    control_id: str
    text: str
