"""Stock by place, its movements, par levels and counts. Quantities are in base units."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.foundation import clock
from portal.foundation.db import Key, Quantity, TenantRow
from portal.inventory.rules import Condition, CountState, MovementKind, Owner, ParMethod
from portal.masterdata.models import Item, Location


class Stock(TenantRow):
    """What is on hand: the sum of the movements of the same place; an empty lot or serial means untracked."""

    __tablename__ = "stock"
    __table_args__ = (
        UniqueConstraint("location_id", "item_id", "lot", "serial", "owner", "condition"),
        Index("ix_stock_item", "item_id", "lot"),
        Index("ix_stock_expiry", "location_id", "expires_on", postgresql_where=text("on_hand > 0")),
    )

    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    lot: Mapped[str] = mapped_column(default="")
    serial: Mapped[str] = mapped_column(default="")
    expires_on: Mapped[date | None]
    owner: Mapped[Owner] = mapped_column(default=Owner.OWN)
    condition: Mapped[Condition] = mapped_column(default=Condition.AVAILABLE)
    on_hand: Mapped[Quantity] = mapped_column(default=0)

    item: Mapped[Item] = relationship(lazy="raise")
    location: Mapped[Location] = relationship(lazy="raise")


class StockMovement(TenantRow):
    """A change of stock, never changed itself; the key makes a repeat harmless."""

    __tablename__ = "stock_movement"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        Index("ix_stock_movement_place", "location_id", "item_id", "at"),
        Index("ix_stock_movement_lot", "item_id", "lot", "serial"),
    )

    key: Mapped[str]
    kind: Mapped[MovementKind] = mapped_column()
    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    lot: Mapped[str] = mapped_column(default="")
    serial: Mapped[str] = mapped_column(default="")
    expires_on: Mapped[date | None]
    owner: Mapped[Owner] = mapped_column(default=Owner.OWN)
    condition: Mapped[Condition] = mapped_column(default=Condition.AVAILABLE)
    quantity: Mapped[Quantity]
    reason: Mapped[str] = mapped_column(default="")
    document: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=clock.now)
    account_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))


class ParLevel(TenantRow):
    """The least and most of an item to keep at a location; of a two-bin card the difference is one bin."""

    __tablename__ = "par_level"
    __table_args__ = (
        UniqueConstraint("location_id", "item_id"),
        CheckConstraint("minimum >= 0 AND maximum >= minimum", name="levels"),
    )

    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    method: Mapped[ParMethod] = mapped_column(default=ParMethod.LEVEL)
    minimum: Mapped[Quantity]
    maximum: Mapped[Quantity]
    critical: Mapped[Quantity] = mapped_column(default=0)
    # So many units beyond whole packs are worth one more pack; without it, never above the maximum.
    round_up_from: Mapped[Quantity | None]
    may_round_to_zero: Mapped[bool] = mapped_column(default=False)
    bin_empty_since: Mapped[datetime | None]
    snoozed_until: Mapped[date | None]
    snooze_reason: Mapped[str] = mapped_column(default="")

    item: Mapped[Item] = relationship(lazy="raise")
    location: Mapped[Location] = relationship(lazy="raise")


class CountSheet(TenantRow):
    """One count of some items of a location, blind: what the book says is not shown to who counts."""

    __tablename__ = "count_sheet"
    __table_args__ = (UniqueConstraint("organization_id", "number"),)

    number: Mapped[str]
    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"), index=True)
    state: Mapped[CountState] = mapped_column(default=CountState.COUNTING)
    started_at: Mapped[datetime] = mapped_column(default=clock.now)
    started_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    ended_at: Mapped[datetime | None]

    location: Mapped[Location] = relationship(lazy="raise")
    lines: Mapped[list["CountLine"]] = relationship(
        lazy="raise", back_populates="sheet", order_by="CountLine.id"
    )


class CountLine(TenantRow):
    """What was counted of a place, and what the book said at that moment."""

    __tablename__ = "count_line"
    __table_args__ = (
        UniqueConstraint("sheet_id", "item_id", "lot", "serial", "owner", "condition"),
        Index("ix_count_line_item", "item_id"),
    )

    sheet_id: Mapped[Key] = mapped_column(ForeignKey("count_sheet.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    lot: Mapped[str] = mapped_column(default="")
    serial: Mapped[str] = mapped_column(default="")
    expires_on: Mapped[date | None]
    owner: Mapped[Owner] = mapped_column(default=Owner.OWN)
    condition: Mapped[Condition] = mapped_column(default=Condition.AVAILABLE)
    book: Mapped[Quantity | None]
    counted: Mapped[Quantity | None]
    first_book: Mapped[Quantity | None]
    first_counted: Mapped[Quantity | None]

    sheet: Mapped[CountSheet] = relationship(lazy="raise", back_populates="lines")
    item: Mapped[Item] = relationship(lazy="raise")
