"""Offers, order guides, synonyms and substitutes."""

from sqlalchemy import Computed, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.foundation.db import Key, Quantity, TenantRow, UnitPrice
from portal.masterdata.models import Item, Location, Supplier


class Offer(TenantRow):
    """An item from a supplier in a unit: what the catalog shows. `words` holds all a search looks at."""

    __tablename__ = "offer"
    __table_args__ = (
        UniqueConstraint("item_id", "supplier_id", "uom"),
        Index("ix_offer_search", "search", postgresql_using="gin"),
        Index("ix_offer_words", "words", postgresql_using="gin", postgresql_ops={"words": "gin_trgm_ops"}),
    )

    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    supplier_id: Mapped[Key] = mapped_column(ForeignKey("supplier.id"), index=True)
    supplier_part: Mapped[str]
    uom: Mapped[str]
    factor: Mapped[Quantity]  # base units in one uom
    list_price: Mapped[UnitPrice]
    active: Mapped[bool] = mapped_column(default=True)
    words: Mapped[str] = mapped_column(default="")
    search: Mapped[str] = mapped_column(
        TSVECTOR, Computed("to_tsvector('english', words)", persisted=True), deferred=True
    )

    item: Mapped[Item] = relationship(lazy="raise")
    supplier: Mapped[Supplier] = relationship(lazy="raise")


class OrderGuideLine(TenantRow):
    """An item on the order guide of a location, in the unit it is requested in."""

    __tablename__ = "order_guide_line"
    __table_args__ = (UniqueConstraint("location_id", "item_id", "uom"),)

    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    uom: Mapped[str]
    name: Mapped[str]
    position: Mapped[int]

    item: Mapped[Item] = relationship(lazy="raise")
    location: Mapped[Location] = relationship(lazy="raise")


class Synonym(TenantRow):
    """A word people type and what it means."""

    __tablename__ = "synonym"
    __table_args__ = (UniqueConstraint("organization_id", "word", "meaning"),)

    word: Mapped[str]
    meaning: Mapped[str]


class Substitute(TenantRow):
    """An item that may stand in for another, with the clinical note."""

    __tablename__ = "substitute"
    __table_args__ = (UniqueConstraint("item_id", "substitute_id"),)

    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    substitute_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    note: Mapped[str] = mapped_column(default="")
