"""Purchase orders with what the supplier answered beside what was ordered."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from integrations.canonical import ConfirmationStatus, ConfirmationType
from portal.foundation import clock
from portal.foundation.db import Amount, Key, Quantity, TenantRow, UnitPrice
from portal.foundation.money import extended
from portal.foundation.quantity import plain
from portal.foundation.trace import current_trace
from portal.identity.models import Account
from portal.masterdata.models import CostCenter, GlAccount, Item, Location, Supplier
from portal.orders.rules import OrderStatus, Quantities, Transmission
from portal.requisitions.models import RequisitionLine

THOUSANDTH = Decimal("0.001")


class PurchaseOrder(TenantRow):
    """One supplier, one ship-to. `status` and the dates are recomputed whenever a line changes."""

    __tablename__ = "purchase_order"
    __table_args__ = (
        UniqueConstraint("organization_id", "number"),
        Index("ix_purchase_order_listing", "organization_id", "status", "ordered_at"),
        Index("ix_purchase_order_location", "location_id", "status"),
        Index("ix_purchase_order_erp_number", "erp_number"),
    )

    number: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    supplier_id: Mapped[Key] = mapped_column(ForeignKey("supplier.id"), index=True)
    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    buyer_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    currency: Mapped[str] = mapped_column(default="USD")
    total: Mapped[Amount]
    reference: Mapped[str] = mapped_column(default="")  # told to the supplier: bill only, our case
    # What one version tells the supplier beside the order, as in a dispute.
    message: Mapped[str] = mapped_column(default="")
    message_version: Mapped[int] = mapped_column(default=0)
    blanket_id: Mapped[Key | None] = mapped_column(ForeignKey("blanket_order.id"), index=True)
    ordered_at: Mapped[datetime] = mapped_column(default=clock.now)
    transmission: Mapped[Transmission] = mapped_column(default=Transmission.PLACED)
    erp_number: Mapped[str] = mapped_column(default="")
    posted_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    status: Mapped[OrderStatus] = mapped_column(default=OrderStatus.PLACED)
    changed_at: Mapped[datetime] = mapped_column(default=clock.now)
    trace_id: Mapped[str] = mapped_column(default=current_trace, index=True)

    supplier: Mapped[Supplier] = relationship(lazy="raise")
    location: Mapped[Location] = relationship(lazy="raise")
    buyer: Mapped[Account] = relationship(lazy="raise")
    blanket: Mapped["BlanketOrder | None"] = relationship(lazy="raise")
    lines: Mapped[list["PurchaseOrderLine"]] = relationship(
        lazy="raise", back_populates="order", order_by="PurchaseOrderLine.line_number"
    )


class PurchaseOrderLine(TenantRow):
    """What was ordered, and beside it what the supplier and the storeroom say; never overwritten."""

    __tablename__ = "purchase_order_line"
    __table_args__ = (
        UniqueConstraint("order_id", "line_number"),
        Index("ix_purchase_order_line_item", "item_id"),
        Index(
            "ix_purchase_order_line_coming",
            "item_id",
            postgresql_where=text("quantity - cancelled - received > 0"),
        ),
    )

    order_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order.id"))
    line_number: Mapped[int]
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    supplier_part: Mapped[str]
    description: Mapped[str]
    quantity: Mapped[Quantity]
    uom: Mapped[str]
    factor: Mapped[Quantity]  # base units in one uom
    unit_price: Mapped[UnitPrice]
    consignment: Mapped[bool] = mapped_column(default=False, server_default=false())  # paid for when used
    needed_on: Mapped[date]
    # Recomputed from the documents by orders.review.recompute.
    confirmed: Mapped[Quantity] = mapped_column(default=0)
    backordered: Mapped[Quantity] = mapped_column(default=0)
    rejected: Mapped[Quantity] = mapped_column(default=0)
    shipped: Mapped[Quantity] = mapped_column(default=0)
    received: Mapped[Quantity] = mapped_column(default=0)
    invoiced: Mapped[Quantity] = mapped_column(default=0)
    cancelled: Mapped[Quantity] = mapped_column(default=0)
    promised_on: Mapped[date | None]
    expected_on: Mapped[date | None]
    confirmed_price: Mapped[UnitPrice | None]
    substitute_part: Mapped[str] = mapped_column(default="")
    supplier_comment: Mapped[str] = mapped_column(default="")
    status: Mapped[OrderStatus] = mapped_column(default=OrderStatus.PLACED)

    order: Mapped[PurchaseOrder] = relationship(lazy="raise", back_populates="lines")
    item: Mapped[Item] = relationship(lazy="raise")
    sources: Mapped[list["PurchaseOrderSource"]] = relationship(
        lazy="raise", back_populates="line", order_by="PurchaseOrderSource.id"
    )

    @property
    def cost(self) -> Decimal:
        """What ordering it costs; consignment is paid for when it is used."""
        return Decimal() if self.consignment else extended(self.quantity, self.unit_price)

    @property
    def quantities(self) -> Quantities:
        """The quantities as the rules want them."""
        return Quantities(
            ordered=self.quantity,
            confirmed=self.confirmed,
            backordered=self.backordered,
            rejected=self.rejected,
            shipped=self.shipped,
            received=self.received,
            invoiced=self.invoiced,
            cancelled=self.cancelled,
        )


class PurchaseOrderSource(TenantRow):
    """The part of an order line that serves one requisition line, and what it is charged to."""

    __tablename__ = "purchase_order_source"
    __table_args__ = (UniqueConstraint("line_id", "requisition_line_id"),)

    line_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order_line.id"))
    requisition_line_id: Mapped[Key] = mapped_column(ForeignKey("requisition_line.id"), index=True)
    quantity: Mapped[Quantity]
    serves: Mapped[Quantity | None]  # of the request, in its own unit, when ordered in another pack
    moved: Mapped[Quantity] = mapped_column(default=0)  # of it, to another line that serves the same request
    amount: Mapped[Amount]
    cost_center_id: Mapped[Key] = mapped_column(ForeignKey("cost_center.id"))
    gl_account_id: Mapped[Key] = mapped_column(ForeignKey("gl_account.id"))

    line: Mapped[PurchaseOrderLine] = relationship(lazy="raise", back_populates="sources")
    requisition_line: Mapped[RequisitionLine] = relationship(lazy="raise")
    cost_center: Mapped[CostCenter] = relationship(lazy="raise")
    gl_account: Mapped[GlAccount] = relationship(lazy="raise")

    @property
    def served(self) -> Decimal:
        """What it brings of the request, in the request's unit."""
        return self.quantity if self.serves is None else self.serves

    def requested(self, quantity: Decimal) -> Decimal:
        """A part of it in the request's unit."""
        if self.serves is None:
            return quantity
        return (quantity * self.serves / self.quantity).quantize(THOUSANDTH, ROUND_HALF_UP)


class OrderVersion(TenantRow):
    """What somebody changed of an order that was placed; never changed itself."""

    __tablename__ = "order_version"
    __table_args__ = (UniqueConstraint("order_id", "number"),)

    order_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order.id"))
    number: Mapped[int]
    at: Mapped[datetime] = mapped_column(default=clock.now)
    person: Mapped[str]
    reason: Mapped[str]
    changes: Mapped[list[Any]] = mapped_column(default=list)  # {line?, item?, what, before, after}


class BlanketOrder(TenantRow):
    """An amount agreed with a supplier for a span of days, both included; orders call off it."""

    __tablename__ = "blanket_order"
    __table_args__ = (
        UniqueConstraint("organization_id", "number"),
        Index("ix_blanket_order_supplier", "supplier_id", "valid_to"),
    )

    number: Mapped[str]
    name: Mapped[str]
    supplier_id: Mapped[Key] = mapped_column(ForeignKey("supplier.id"))
    currency: Mapped[str] = mapped_column(default="USD")
    amount: Mapped[Amount]
    valid_from: Mapped[date]
    valid_to: Mapped[date]
    closed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    supplier: Mapped[Supplier] = relationship(lazy="raise")


class SourcingChoice(TenantRow):
    """The offer a buyer chose for an approved line; without one the requested offer counts."""

    __tablename__ = "sourcing_choice"
    __table_args__ = (UniqueConstraint("requisition_line_id"),)

    requisition_line_id: Mapped[Key] = mapped_column(ForeignKey("requisition_line.id"))
    offer_id: Mapped[Key] = mapped_column(ForeignKey("offer.id"))
    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    at: Mapped[datetime] = mapped_column(default=clock.now)


class OrderConfirmation(TenantRow):
    """One supplier answer to an order. The newest answer to a line counts, whatever came last."""

    __tablename__ = "order_confirmation"
    __table_args__ = (UniqueConstraint("order_id", "number", "operation", "noticed_at"),)

    order_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order.id"))
    number: Mapped[str]
    type: Mapped[ConfirmationType] = mapped_column()
    operation: Mapped[str]
    noticed_at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(default=clock.now)
    message_id: Mapped[Key | None] = mapped_column(ForeignKey("message.id"))
    comments: Mapped[str] = mapped_column(default="")

    parts: Mapped[list["ConfirmationPart"]] = relationship(lazy="raise", back_populates="confirmation")


class Said:
    """A quantity as a supplier said it, when in another unit than ordered."""

    said_quantity: Mapped[Quantity | None]
    said_uom: Mapped[str | None]
    quantity: Mapped[Quantity]

    @property
    def said(self) -> str:
        """As the supplier said it; empty when in the order's unit."""
        return f"{plain(self.said_quantity)} {self.said_uom}" if self.said_quantity and self.said_uom else ""

    @property
    def is_unread(self) -> bool:
        """Whether nobody knows what the unit holds, so that it counts for nothing yet."""
        return bool(self.said) and self.quantity == 0


class ConfirmationPart(Said, TenantRow):
    """What a confirmation says of a quantity of one order line, in the order's unit."""

    __tablename__ = "confirmation_part"

    confirmation_id: Mapped[Key] = mapped_column(ForeignKey("order_confirmation.id"), index=True)
    line_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order_line.id"), index=True)
    status: Mapped[ConfirmationStatus] = mapped_column()
    promised_on: Mapped[date | None]
    unit_price: Mapped[UnitPrice | None]
    said_price: Mapped[UnitPrice | None]  # per said_uom
    substitute_part: Mapped[str] = mapped_column(default="")
    comments: Mapped[str] = mapped_column(default="")

    confirmation: Mapped[OrderConfirmation] = relationship(lazy="raise", back_populates="parts")


class ShipNotice(TenantRow):
    """What a supplier says is on its way. A later update replaces, a delete withdraws it."""

    __tablename__ = "ship_notice"
    __table_args__ = (UniqueConstraint("supplier_id", "number"),)

    supplier_id: Mapped[Key] = mapped_column(ForeignKey("supplier.id"))
    number: Mapped[str]
    noticed_at: Mapped[datetime]
    shipped_at: Mapped[datetime | None]
    delivery_expected_at: Mapped[datetime | None]
    carrier: Mapped[str] = mapped_column(default="")
    tracking: Mapped[str] = mapped_column(default="")
    withdrawn: Mapped[bool] = mapped_column(default=False)
    message_id: Mapped[Key | None] = mapped_column(ForeignKey("message.id"))

    lines: Mapped[list["ShipNoticeLine"]] = relationship(
        lazy="raise", back_populates="notice", cascade="all, delete-orphan"
    )
    packages: Mapped[list["ShipPackage"]] = relationship(lazy="raise", cascade="all, delete-orphan")


class ShipNoticeLine(Said, TenantRow):
    """A shipped quantity of one order line and lot, in the order's unit."""

    __tablename__ = "ship_notice_line"

    notice_id: Mapped[Key] = mapped_column(ForeignKey("ship_notice.id"), index=True)
    line_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order_line.id"), index=True)
    lot: Mapped[str] = mapped_column(default="")
    expires_on: Mapped[date | None]
    serials: Mapped[list[Any]] = mapped_column(default=list)
    sscc: Mapped[str] = mapped_column(default="")

    notice: Mapped[ShipNotice] = relationship(lazy="raise", back_populates="lines")
    line: Mapped[PurchaseOrderLine] = relationship(lazy="raise")


class ShipPackage(TenantRow):
    """A package of a ship notice around (a part of) an order line; `parent_sscc` is the one around it."""

    __tablename__ = "ship_package"

    notice_id: Mapped[Key] = mapped_column(ForeignKey("ship_notice.id"), index=True)
    line_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order_line.id"), index=True)
    sscc: Mapped[str] = mapped_column(default="", index=True)
    parent_sscc: Mapped[str] = mapped_column(default="")
    kind: Mapped[str] = mapped_column(default="")
    quantity: Mapped[Quantity | None]  # in the order's unit


class LineUnit(TenantRow):
    """What a unit that a supplier counts an order line in holds: `units` of it are `order_units` ordered."""

    __tablename__ = "line_unit"
    __table_args__ = (UniqueConstraint("line_id", "uom"),)

    line_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order_line.id"))
    uom: Mapped[str]
    units: Mapped[Quantity]
    order_units: Mapped[Quantity]
