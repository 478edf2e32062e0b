"""What has to be known before a use counts: the place, the shelf, the price of the day, what forbids it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import joinedload

from portal.catalog.models import Offer
from portal.clinical.models import Usage
from portal.clinical.recalls.models import Recall, RecallPart
from portal.clinical.rules import RecallState, UsageState
from portal.clinical.usage.rules import CONSUMED, Held
from portal.foundation.db import db
from portal.inventory.models import ParLevel, Stock
from portal.inventory.rules import Owner
from portal.masterdata.models import Contract, ContractLine, Item, Location
from portal.masterdata.queries import effective_on
from portal.masterdata.scanning import written_forms


@dataclass(frozen=True)
class Price:
    """What one base unit costs on the day, and the offer to buy it by; without a contract the list price."""

    offer: Offer
    contract_line_id: int | None
    unit_price: Decimal

    @property
    def each(self) -> Decimal:
        """Per base unit."""
        return self.unit_price / self.offer.factor


def price_of(item_id: int, day: date) -> Price | None:
    """The lowest contract price of the day, else the lowest list price; None when nobody offers the item."""
    contracted = (
        select(Offer, ContractLine.id, ContractLine.unit_price)
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
        .options(joinedload(Offer.supplier))
    )
    row = db.session.execute(contracted).first()
    if row is not None:
        return Price(row[0], row[1], row[2])
    listed = (
        select(Offer)
        .where(Offer.item_id == item_id, Offer.active)
        .order_by(Offer.list_price / Offer.factor, Offer.id)
        .limit(1)
        .options(joinedload(Offer.supplier))
    )
    offer = db.session.scalar(listed)
    return Price(offer, None, offer.list_price) if offer else None


def shelf(location_id: int, item_id: int) -> list[Held]:
    """Every stock row of the item at the place, also empty ones."""
    rows = db.session.execute(
        select(
            Stock.lot, Stock.serial, Stock.expires_on, Stock.owner, Stock.condition, Stock.on_hand
        ).where(Stock.location_id == location_id, Stock.item_id == item_id)
    )  # fmt: skip
    return [Held(*row) for row in rows]


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
    return db.session.scalar(statement)


def item(item_id: int) -> Item | None:
    """The item."""
    return db.session.get(Item, item_id)


def recall_of(item_id: int | None, di: str, lot: str, serial: str) -> Recall | None:
    """The open recall that names the thing; a part without lot and serial names every one of the item."""
    forms = written_forms(di) if di else []
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
