"""Stock by location, item and lot; movements; par levels. Quantities are in base units."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.foundation import clock
from portal.foundation.db import Key, Quantity, TenantRow
from portal.inventory.rules import MovementKind
from portal.masterdata.models import Item, Location


class Stock(TenantRow):
    """What is on hand of an item and lot at a location; an empty lot means not lot-tracked."""

    __tablename__ = "stock"
    __table_args__ = (
        UniqueConstraint("location_id", "item_id", "lot"),
        Index("ix_stock_item", "item_id"),
    )

    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    lot: Mapped[str] = mapped_column(default="")
    expires_on: Mapped[date | None]
    on_hand: Mapped[Quantity] = mapped_column(default=0)

    item: Mapped[Item] = relationship(lazy="raise")
    location: Mapped[Location] = relationship(lazy="raise")


class StockMovement(TenantRow):
    """A change of stock; the key makes a repeat harmless."""

    __tablename__ = "stock_movement"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        Index("ix_stock_movement_place", "location_id", "item_id"),
    )

    key: Mapped[str]
    kind: Mapped[MovementKind] = mapped_column()
    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    lot: Mapped[str] = mapped_column(default="")
    quantity: Mapped[Quantity]
    document: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=clock.now)
    account_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))


class ParLevel(TenantRow):
    """The least and most of an item to keep at a location, in base units."""

    __tablename__ = "par_level"
    __table_args__ = (UniqueConstraint("location_id", "item_id"),)

    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    minimum: Mapped[Quantity]
    maximum: Mapped[Quantity]
