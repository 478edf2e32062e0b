"""What the page answers to a scan or a pick: the item, what is here and nearby, questions and stops."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from uuid import uuid4

from integrations.clinical import UsageStatus
from portal.clinical.care import queries as care_queries
from portal.clinical.care.context import Care
from portal.clinical.care.rules import (
    Known,
    OnShelf,
    Stop,
    StopKind,
    Tracking,
    default_outcome,
    outcomes,
    questions,
    usable,
)
from portal.clinical.usage import facts as usage_facts
from portal.clinical.usage import stops as usage_stops
from portal.clinical.usage.rules import Held
from portal.clinical.usage.services import NewUsage
from portal.inventory.queries import Near
from portal.masterdata.models import Item

OTHER_LOT = 0
SOURCE = "point of care"


@dataclass(frozen=True)
class Entry:
    """What a person has in hand and says of it; nothing of it is kept on the server before it is recorded."""

    item_id: int
    key: str = field(default_factory=lambda: uuid4().hex)
    quantity: Decimal = Decimal(1)
    pack_uom: str = ""  # the pack whose barcode was scanned, when it holds more than one piece
    pack_factor: Decimal = Decimal(1)  # base units in it
    in_packs: bool = False
    outcome: UsageStatus | None = None
    di: str = ""
    lot: str = ""
    serial: str = ""
    expires_on: date | None = None
    stock_id: int | None = None  # the lot that was tapped; OTHER_LOT for one that is not in the book
    side: str = ""
    reason: str = ""
    raw_scan: str = ""
    replaces_id: int | None = None


@dataclass(frozen=True)
class Answer:
    """All that is known of the thing in hand; it is recorded once nothing is asked or stopped any more."""

    entry: Entry
    item: Item
    tracking: Tracking
    outcome: UsageStatus
    shelf: Sequence[OnShelf]
    near: Sequence[Near]
    stops: Sequence[Stop]
    questions: Mapping[str, str]

    @property
    def is_ready(self) -> bool:
        """Whether one tap records it."""
        return not self.questions and (not self.stops or bool(self.entry.reason))

    @property
    def base_quantity(self) -> Decimal:
        """In base units: a box counts as what is in it."""
        return self.entry.quantity * (self.entry.pack_factor if self.entry.in_packs else 1)

    @property
    def outcomes(self) -> list[UsageStatus]:
        """What may become of it."""
        return outcomes(self.tracking)


def answer(care: Care, entry: Entry, item: Item | None = None) -> Answer:
    """What is known of the thing in hand, `item` where it was just found; raises NotFound for none."""
    item = item or care_queries.item(entry.item_id)
    tracking = Tracking(item.implant, item.lot_tracked, item.serial_tracked, item.expiry_tracked)
    outcome = entry.outcome or default_outcome(tracking)
    stock = care_queries.stocked(item.id, care.place)
    full = _completed(entry, item, stock.shelf, care.today)
    if tracking.serial:
        full = replace(full, quantity=Decimal(1), in_packs=False)  # a serial number names one piece
    known = Known(outcome, full.di, full.lot, full.serial, full.expires_on, full.side)
    return Answer(
        entry=full,
        item=item,
        tracking=tracking,
        outcome=outcome,
        shelf=stock.shelf,
        near=stock.near,
        stops=_stops(care, full, outcome, stock.held),
        questions=questions(tracking, known),
    )


def _completed(entry: Entry, item: Item, shelf: Sequence[OnShelf], today: date) -> Entry:
    """What the shelf and the item master say where the person and the barcode said nothing."""
    chosen = _chosen(entry, item, shelf, today)
    entry = replace(entry, di=entry.di or care_queries.base_gtin(item))
    if chosen is None:
        return entry
    return replace(
        entry,
        stock_id=chosen.id,
        lot=chosen.lot,
        serial=chosen.serial,
        expires_on=entry.expires_on or chosen.expires_on,
    )


def _chosen(entry: Entry, item: Item, shelf: Sequence[OnShelf], today: date) -> OnShelf | None:
    if entry.stock_id is not None:
        return next((one for one in shelf if one.id == entry.stock_id), None)
    if entry.lot or entry.serial:
        label = (entry.lot, entry.serial)
        return next((one for one in shelf if (one.lot, one.serial) == label), None)
    # A serial names one piece: nobody but who holds it can say which.
    return None if item.serial_tracked else next(iter(usable(shelf, today)), None)


def _stops(care: Care, entry: Entry, outcome: UsageStatus, held: Sequence[Held]) -> list[Stop]:
    stops = usage_stops.stops_of(event_of(care, entry, outcome, entry.quantity), care.place, held)
    if entry.replaces_id is None or not usage_stops.is_used_before(stops):
        return stops
    other = usage_facts.used_before(entry.item_id, entry.serial)
    is_itself = other is not None and other.id == entry.replaces_id
    return [one for one in stops if not (is_itself and one.kind is StopKind.USED_BEFORE)]


def event_of(care: Care, entry: Entry, outcome: UsageStatus, quantity: Decimal) -> NewUsage:
    """The use as it will be recorded."""
    case, center = care.case, care.place.cost_center
    return NewUsage(
        key=f"care-{entry.key}",
        source=SOURCE,
        item_id=entry.item_id,
        location_id=care.place.id,
        quantity=quantity,
        outcome=outcome,
        case_id=case.id if case else None,
        encounter_id=care.encounter_id,
        patient_id=care.patient_id,
        launch_id=care.launch.id if care.launch else None,
        cost_center_id=center.id if center else None,
        lot=entry.lot,
        serial=entry.serial,
        expires_on=entry.expires_on,
        di=entry.di,
        raw_scan=entry.raw_scan,
        body_site=entry.side,
        practitioner=case.practitioner if case else "",
        override_reason=entry.reason,
    )
