"""Offers, order guides, synonyms and substitutes."""

from sqlalchemy import Computed, ForeignKey, Index, UniqueConstraint, false, true
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.foundation.db import Key, Quantity, TenantRow, UnitPrice
from portal.masterdata.models import Item, Location, Supplier

# A word of the name counts more than one of the maker or supplier.
SEARCHED = "setweight(to_tsvector('english', name), 'A') || to_tsvector('english', words)"


class Offer(TenantRow):
    """An item from a supplier in a unit: what the catalog shows.

    From `name` to `words` it repeats what a search looks at; services.align_offers keeps that in line.
    """

    __tablename__ = "offer"
    __table_args__ = (
        UniqueConstraint("item_id", "supplier_id", "uom"),
        Index("ix_offer_search", "search", postgresql_using="gin"),
        Index("ix_offer_name", "organization_id", "name", "id"),
        Index("ix_offer_category", "organization_id", "category", "name", "id"),
        Index("ix_offer_supplier", "organization_id", "supplier_id", "name", "id"),
        Index("ix_offer_manufacturer", "organization_id", "manufacturer", "name", "id"),
        Index("ix_offer_part_key", "organization_id", "part_key"),
    )

    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    supplier_id: Mapped[Key] = mapped_column(ForeignKey("supplier.id"), index=True)
    supplier_part: Mapped[str]
    uom: Mapped[str]
    factor: Mapped[Quantity]  # base units in one uom
    list_price: Mapped[UnitPrice]
    active: Mapped[bool] = mapped_column(default=True)
    name: Mapped[str] = mapped_column(server_default="", deferred=True)
    category: Mapped[str] = mapped_column(server_default="", deferred=True)
    manufacturer: Mapped[str] = mapped_column(server_default="", deferred=True)
    lot_tracked: Mapped[bool] = mapped_column(server_default=false(), deferred=True)
    requestable: Mapped[bool] = mapped_column(server_default=true(), deferred=True)
    words: Mapped[str] = mapped_column(server_default="", deferred=True)
    # As people type it: an index over upper() cannot be used under row-level security.
    part_key: Mapped[str] = mapped_column(Computed("upper(supplier_part)", persisted=True), deferred=True)
    search: Mapped[str] = mapped_column(TSVECTOR, Computed(SEARCHED, persisted=True), deferred=True)

    item: Mapped[Item] = relationship(lazy="raise")
    supplier: Mapped[Supplier] = relationship(lazy="raise")


class OfferCount(TenantRow):
    """How many offers can be seen of each kind, so that no page counts a million rows."""

    __tablename__ = "offer_count"

    category: Mapped[str]
    supplier_id: Mapped[Key]
    manufacturer: Mapped[str]
    lot_tracked: Mapped[bool]
    offers: Mapped[int]


class OfferWord(TenantRow):
    """A word that stands in the catalog: what a wrong spelling may have meant."""

    __tablename__ = "offer_word"
    __table_args__ = (
        UniqueConstraint("organization_id", "word"),
        Index("ix_offer_word_like", "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),
    )

    word: Mapped[str]


class CatalogChange(TenantRow):
    """A transaction that wrote what a search reads; triggers keep it (migrations/catalog_changes.py).

    The marks of all that can be seen, put together, name a state of the catalog.
    """

    __tablename__ = "catalog_change"
    __table_args__ = (UniqueConstraint("organization_id", "transaction"),)

    transaction: Mapped[Key]
    mark: Mapped[Key]  # a random number, another one after each statement


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


class FavoriteItem(TenantRow):
    """An item a person marked."""

    __tablename__ = "favorite_item"
    __table_args__ = (UniqueConstraint("account_id", "item_id"),)

    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))


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
