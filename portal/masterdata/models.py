"""Facilities, locations, financial dimensions, suppliers, items, contracts, crosswalk, syncs, imports."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Computed, ForeignKey, Index, LargeBinary, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from integrations.canonical import Lifecycle
from portal.exchange.models import Partner
from portal.foundation import clock
from portal.foundation.db import Amount, Key, Quantity, TenantRow, UnitPrice
from portal.masterdata.rules import ImportKind, ImportState, LocationKind, SyncState


class Facility(TenantRow):
    """A hospital, surgery center or group of clinics (the ERP's plant)."""

    __tablename__ = "facility"
    __table_args__ = (UniqueConstraint("organization_id", "code"),)

    code: Mapped[str]
    name: Mapped[str]
    street: Mapped[str] = mapped_column(default="")
    city: Mapped[str] = mapped_column(default="")
    region: Mapped[str] = mapped_column(default="")
    postal_code: Mapped[str] = mapped_column(default="")
    country: Mapped[str] = mapped_column(default="US")
    gln: Mapped[str] = mapped_column(default="")
    time_zone: Mapped[str] = mapped_column(default="UTC")
    active: Mapped[bool] = mapped_column(default=True)


class CostCenter(TenantRow):
    """A cost center, valid from and to the given days, both included."""

    __tablename__ = "cost_center"
    __table_args__ = (UniqueConstraint("organization_id", "code"),)

    code: Mapped[str]
    name: Mapped[str]
    facility_id: Mapped[Key | None] = mapped_column(ForeignKey("facility.id"))
    company_code: Mapped[str] = mapped_column(default="")
    valid_from: Mapped[date]
    valid_to: Mapped[date]
    active: Mapped[bool] = mapped_column(default=True)


class GlAccount(TenantRow):
    """A general ledger account."""

    __tablename__ = "gl_account"
    __table_args__ = (UniqueConstraint("organization_id", "code"),)

    code: Mapped[str]
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)


class Location(TenantRow):
    """A department, storeroom or operating room: where supplies are shipped to and kept."""

    __tablename__ = "location"
    __table_args__ = (UniqueConstraint("organization_id", "facility_id", "code"),)

    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[LocationKind] = mapped_column(default=LocationKind.DEPARTMENT)
    facility_id: Mapped[Key] = mapped_column(ForeignKey("facility.id"))
    cost_center_id: Mapped[Key | None] = mapped_column(ForeignKey("cost_center.id"))
    active: Mapped[bool] = mapped_column(default=True)

    facility: Mapped[Facility] = relationship(lazy="raise")
    cost_center: Mapped[CostCenter | None] = relationship(lazy="raise")


class ClosedDay(TenantRow):
    """A day, or a weekday of every week, on which a facility, or only one location, takes no deliveries."""

    __tablename__ = "closed_day"
    __table_args__ = (Index("ix_closed_day_facility", "facility_id"),)

    facility_id: Mapped[Key] = mapped_column(ForeignKey("facility.id"))
    location_id: Mapped[Key | None] = mapped_column(ForeignKey("location.id"))
    day: Mapped[date | None]
    weekday: Mapped[int | None]  # Monday is 0
    reason: Mapped[str] = mapped_column(default="")


class Supplier(TenantRow):
    """Who we order from."""

    __tablename__ = "supplier"
    __table_args__ = (UniqueConstraint("organization_id", "code"),)

    code: Mapped[str]
    name: Mapped[str]
    network_id: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    minimum_order: Mapped[Amount] = mapped_column(default=0)
    blocked: Mapped[bool] = mapped_column(default=False)


class Item(TenantRow):
    """An item master record."""

    __tablename__ = "item"
    __table_args__ = (
        UniqueConstraint("organization_id", "code"),
        Index("ix_item_code_key", "code_key"),
        Index("ix_item_part_key", "part_key"),
    )

    code: Mapped[str]
    name: Mapped[str]
    category: Mapped[str] = mapped_column(default="", index=True)
    unspsc: Mapped[str] = mapped_column(default="")
    manufacturer: Mapped[str] = mapped_column(default="")
    manufacturer_part: Mapped[str] = mapped_column(default="")
    base_uom: Mapped[str]
    gl_account_id: Mapped[Key | None] = mapped_column(ForeignKey("gl_account.id"))
    lot_tracked: Mapped[bool] = mapped_column(default=False)
    serial_tracked: Mapped[bool] = mapped_column(default=False)
    expiry_tracked: Mapped[bool] = mapped_column(default=False)
    implant: Mapped[bool] = mapped_column(default=False)  # asks for UDI, lot, serial, expiry and site
    lifecycle: Mapped[Lifecycle] = mapped_column(default=Lifecycle.ACTIVE)
    # As people type them: an index over upper() cannot be used under row-level security.
    code_key: Mapped[str] = mapped_column(Computed("upper(code)", persisted=True), deferred=True)
    part_key: Mapped[str] = mapped_column(Computed("upper(manufacturer_part)", persisted=True), deferred=True)

    packaging: Mapped[list["ItemPackaging"]] = relationship(lazy="raise", back_populates="item")


class ItemCategory(TenantRow):
    """The category above another one, each as items name it; one that is not listed stands at the top."""

    __tablename__ = "item_category"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    name: Mapped[str]
    parent: Mapped[str]


class ItemPackaging(TenantRow):
    """A packaging level: `factor` base units in one `uom`; the base unit has factor 1."""

    __tablename__ = "item_packaging"
    __table_args__ = (UniqueConstraint("item_id", "uom"), Index("ix_item_packaging_gtin", "gtin"))

    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    uom: Mapped[str]
    factor: Mapped[Quantity]
    gtin: Mapped[str] = mapped_column(default="")

    item: Mapped[Item] = relationship(lazy="raise", back_populates="packaging")


class ItemDocument(TenantRow):
    """Where a document about an item is: instructions for use, safety data, a picture."""

    __tablename__ = "item_document"
    __table_args__ = (UniqueConstraint("item_id", "title"),)

    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    title: Mapped[str]
    url: Mapped[str]  # https


class DeviceIdentifier(TenantRow):
    """What else stands on the barcodes of a pack: a HIBC or ICCBBA identifier, or a further GTIN."""

    __tablename__ = "device_identifier"
    __table_args__ = (UniqueConstraint("organization_id", "identifier"),)

    identifier: Mapped[str]  # a GTIN as 14 digits
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"), index=True)
    uom: Mapped[str]


class Contract(TenantRow):
    """A price agreement with a supplier for a span of days, both included."""

    __tablename__ = "contract"
    __table_args__ = (UniqueConstraint("organization_id", "number"),)

    number: Mapped[str]
    name: Mapped[str]
    supplier_id: Mapped[Key] = mapped_column(ForeignKey("supplier.id"), index=True)
    currency: Mapped[str] = mapped_column(default="USD")
    valid_from: Mapped[date]
    valid_to: Mapped[date]

    supplier: Mapped[Supplier] = relationship(lazy="raise")


class ContractLine(TenantRow):
    """A price per `uom` from `minimum_quantity` on, valid on the given days within the contract's."""

    __tablename__ = "contract_line"
    __table_args__ = (
        UniqueConstraint("contract_id", "item_id", "uom", "minimum_quantity", "valid_from"),
        Index("ix_contract_line_item", "item_id", "uom"),
    )

    contract_id: Mapped[Key] = mapped_column(ForeignKey("contract.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    supplier_part: Mapped[str] = mapped_column(default="")
    uom: Mapped[str]
    minimum_quantity: Mapped[Quantity] = mapped_column(default=0)
    unit_price: Mapped[UnitPrice]
    consignment: Mapped[bool] = mapped_column(default=False, server_default=false())  # paid for when used
    valid_from: Mapped[date]
    valid_to: Mapped[date]

    contract: Mapped[Contract] = relationship(lazy="raise")


class Crosswalk(TenantRow):
    """Which identifier means which row in which partner's system; a person may confirm or correct it."""

    __tablename__ = "crosswalk"
    __table_args__ = (
        UniqueConstraint("partner_id", "entity", "external_id"),
        Index("ix_crosswalk_entity", "entity", "entity_id"),
    )

    partner_id: Mapped[Key] = mapped_column(ForeignKey("partner.id"))
    entity: Mapped[str]
    entity_id: Mapped[Key]
    external_id: Mapped[str]
    confirmed_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    updated_at: Mapped[datetime] = mapped_column(default=clock.now)


class SyncRun(TenantRow):
    """One read of master data from the ERP: what it would change, and whether it was applied."""

    __tablename__ = "sync_run"
    __table_args__ = (Index("ix_sync_run_kind", "partner_id", "kind", "id"),)

    partner_id: Mapped[Key] = mapped_column(ForeignKey("partner.id"))
    kind: Mapped[str]
    state: Mapped[SyncState] = mapped_column()
    started_at: Mapped[datetime] = mapped_column(default=clock.now)
    finished_at: Mapped[datetime | None]
    # Changes since this instant were read; the next run continues from `started_at`.
    changed_since: Mapped[datetime | None]
    read: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    share: Mapped[Amount] = mapped_column(default=0)  # percent of the existing rows that change
    plan: Mapped[list[Any]] = mapped_column(default=list)  # {action, code, changes: {field: [old, new]}}
    detail: Mapped[str] = mapped_column(default="")
    # What was read, kept (gzip, one JSON record a line) only while a person decides about it.
    records: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)

    partner: Mapped[Partner] = relationship(lazy="raise")


class ImportRun(TenantRow):
    """One uploaded file: its errors by row and column, and what applying it did."""

    __tablename__ = "import_run"

    kind: Mapped[ImportKind] = mapped_column()
    state: Mapped[ImportState] = mapped_column(default=ImportState.READING)
    file_name: Mapped[str]
    file: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    digest: Mapped[str] = mapped_column(default="")  # SHA-256 of the file
    tries: Mapped[int] = mapped_column(default=0)  # how often a job took it up
    rows: Mapped[int] = mapped_column(default=0)
    rows_done: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    error_count: Mapped[int] = mapped_column(default=0)
    errors: Mapped[list[Any]] = mapped_column(default=list)  # the first: {row, column, sentence}
    sample: Mapped[list[Any]] = mapped_column(default=list)  # {action, code, changes: {field: [old, new]}}
    detail: Mapped[str] = mapped_column(default="")
    account_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    finished_at: Mapped[datetime | None]
