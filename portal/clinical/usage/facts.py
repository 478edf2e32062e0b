"""What has to be known before a use counts: the place, the shelf, the price of the day, what forbids it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import joinedload

from portal.catalog.models import Offer
from portal.clinical.memory import memory, own
from portal.clinical.models import Usage
from portal.clinical.recalls.models import Recall, RecallPart
from portal.clinical.rules import RecallState, UsageState
from portal.clinical.usage import pending
from portal.clinical.usage.rules import CONSUMED, Held
from portal.exchange.together import is_together, once
from portal.foundation.db import db
from portal.inventory.models import ParLevel, Stock
from portal.inventory.rules import Owner
from portal.masterdata.models import Contract, ContractLine, Item, Location, Supplier
from portal.masterdata.queries import effective_on
from portal.masterdata.scanning import written_forms


@dataclass(frozen=True)
class Offered:
    """A supplier's pack of an item."""

    id: int
    uom: str
    factor: Decimal
    supplier: str


@dataclass(frozen=True)
class Price:
    """What one base unit costs on the day, and the offer to buy it by; without a contract the list price."""

    offer: Offered
    contract_line_id: int | None
    unit_price: Decimal

    @property
    def each(self) -> Decimal:
        """Per base unit."""
        return self.unit_price / self.offer.factor


def price_of(item_id: int, day: date) -> Price | None:
    """The lowest contract price of the day, else the lowest list price; None when nobody offers the item.

    Of many uses that are reported at once it is asked once in a few seconds.
    """
    if is_together():
        return memory.recall(own("price", item_id, day), lambda: _price_of(item_id, day))
    return _price_of(item_id, day)


def _price_of(item_id: int, day: date) -> Price | None:
    offered = select(Offer.id, Offer.uom, Offer.factor, Supplier.name)
    contracted = (
        offered.add_columns(ContractLine.id, ContractLine.unit_price)
        .join(Offer.supplier)
        .join(ContractLine, (ContractLine.item_id == Offer.item_id) & (ContractLine.uom == Offer.uom))
        .join(ContractLine.contract)
        .where(
            Offer.item_id == item_id,
            Offer.active,
            Contract.supplier_id == Offer.supplier_id,
            ContractLine.minimum_quantity <= 1,
            effective_on(day),
        )
        .order_by(ContractLine.unit_price / Offer.factor, ContractLine.id)
        .limit(1)
    )
    row = db.session.execute(contracted).first()
    if row is not None:
        return Price(Offered(*row[:4]), row[4], row[5])
    listed = (
        offered.add_columns(Offer.list_price)
        .join(Offer.supplier)
        .where(Offer.item_id == item_id, Offer.active)
        .order_by(Offer.list_price / Offer.factor, Offer.id)
        .limit(1)
    )
    row = db.session.execute(listed).first()
    return Price(Offered(*row[:4]), None, row[4]) if row is not None else None


def shelf(location_id: int, item_id: int) -> Sequence[Held]:
    """Every stock row of the item at the place, also empty ones."""
    rows = db.session.execute(
        select(
            Stock.lot, Stock.serial, Stock.expires_on, Stock.owner, Stock.condition, Stock.on_hand
        ).where(Stock.location_id == location_id, Stock.item_id == item_id)
    )  # fmt: skip
    return pending.seen(location_id, item_id, [Held(*row) for row in rows])


def is_stocked(item_id: int, facility_id: int) -> bool:
    """Whether the facility keeps the item as its own, on a shelf or with a par level."""
    own = (
        select(Stock.id)
        .join(Stock.location)
        .where(Stock.item_id == item_id, Stock.owner == Owner.OWN, Location.facility_id == facility_id)
    )
    par = (
        select(ParLevel.id)
        .join(ParLevel.location)
        .where(ParLevel.item_id == item_id, Location.facility_id == facility_id)
    )
    return bool(db.session.scalar(select(or_(exists(own), exists(par)))))


def place_of(location_id: int | None) -> Location | None:
    """The location with its facility and cost center."""
    if location_id is None:
        return None
    statement = (
        select(Location)
        .where(Location.id == location_id)
        .options(joinedload(Location.facility), joinedload(Location.cost_center))
    )
    return once(("place", location_id), lambda: db.session.scalar(statement))


def item(item_id: int) -> Item | None:
    """The item."""
    return db.session.get(Item, item_id)


def recall_of(item_id: int | None, di: str, lot: str, serial: str) -> Recall | None:
    """The open recall that names the thing; a part without lot and serial names every one of the item."""
    forms = written_forms(di) if di else []
    if is_together() and once("recalled", _recalled).isdisjoint([item_id, *forms]):
        return None
    return db.session.scalar(
        select(Recall)
        .join(Recall.parts)
        .where(
            Recall.state == RecallState.OPEN,
            or_(RecallPart.item_id == item_id, RecallPart.di.in_(forms)),
            RecallPart.lot.in_({"", lot}),
            RecallPart.serial.in_({"", serial}),
        )
        .order_by(Recall.id)
        .limit(1)
    )


def _recalled() -> set[int | str]:
    """The items and device identifiers that open recalls name: few have to be looked at more closely."""
    parts = db.session.execute(
        select(RecallPart.item_id, RecallPart.di)
        .join(RecallPart.recall)
        .where(Recall.state == RecallState.OPEN)
    )
    return {name for row in parts for name in row if name}


def used_before(item_id: int, serial: str) -> Usage | None:
    """The use of this serial that counts, if there is one."""
    return db.session.scalar(
        select(Usage)
        .where(
            Usage.item_id == item_id,
            Usage.serial_found_by == serial,
            Usage.state == UsageState.APPLIED,
            Usage.outcome.in_(CONSUMED),
        )
        .limit(1)
    )
