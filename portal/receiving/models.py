"""Receipts against purchase orders, entered first and checked before they count."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.foundation import clock
from portal.foundation.db import Amount, Json, Key, Quantity, TenantRow
from portal.foundation.trace import current_trace
from portal.identity.models import Account
from portal.inventory.rules import Owner
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.receiving.rules import ReceiptState, Verdict


class Receipt(TenantRow):
    """Goods received of one order. `form_key` makes a repeated post harmless."""

    __tablename__ = "receipt"
    __table_args__ = (
        UniqueConstraint("organization_id", "number"),
        UniqueConstraint("organization_id", "form_key"),
        Index("ix_receipt_order", "order_id"),
    )

    number: Mapped[str]
    form_key: Mapped[str]
    order_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order.id"))
    state: Mapped[ReceiptState] = mapped_column(default=ReceiptState.ENTERED)
    receiver_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    entered_at: Mapped[datetime] = mapped_column(default=clock.now)
    posted_at: Mapped[datetime | None]
    erp_number: Mapped[str] = mapped_column(default="")
    erp_posted_at: Mapped[datetime | None]
    reversed_at: Mapped[datetime | None]
    reversal_reason: Mapped[str] = mapped_column(default="")
    erp_reversal: Mapped[str] = mapped_column(default="")
    cancelled: Mapped[Json | None]  # what was cancelled with it: quantities by order line, as text
    trace_id: Mapped[str] = mapped_column(default=current_trace)

    order: Mapped[PurchaseOrder] = relationship(lazy="raise")
    receiver: Mapped[Account] = relationship(lazy="raise")
    lines: Mapped[list["ReceiptLine"]] = relationship(
        lazy="raise", back_populates="receipt", order_by="ReceiptLine.id", cascade="all, delete-orphan"
    )


class ReceiptLine(TenantRow):
    """A quantity of one order line, lot and serial, in the order's unit; only what is good is received."""

    __tablename__ = "receipt_line"

    receipt_id: Mapped[Key] = mapped_column(ForeignKey("receipt.id"), index=True)
    order_line_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order_line.id"), index=True)
    quantity: Mapped[Quantity]
    lot: Mapped[str] = mapped_column(default="")
    expires_on: Mapped[date | None]
    serial: Mapped[str] = mapped_column(default="")
    owner: Mapped[Owner] = mapped_column(default=Owner.OWN)
    verdict: Mapped[Verdict] = mapped_column(default=Verdict.GOOD)

    receipt: Mapped[Receipt] = relationship(lazy="raise", back_populates="lines")
    order_line: Mapped[PurchaseOrderLine] = relationship(lazy="raise")


class ReceiptScan(TenantRow):
    """One scan at the dock. The browser names it by `key`: sent twice, it is counted once."""

    __tablename__ = "receipt_scan"
    __table_args__ = (UniqueConstraint("organization_id", "key"),)

    key: Mapped[str]
    receipt_id: Mapped[Key] = mapped_column(ForeignKey("receipt.id"), index=True)
    order_line_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order_line.id"), index=True)
    text: Mapped[str]
    told: Mapped[str]
    quantity: Mapped[Quantity]
    lot: Mapped[str] = mapped_column(default="")
    expires_on: Mapped[date | None]
    serial: Mapped[str] = mapped_column(default="")
    owner: Mapped[Owner] = mapped_column(default=Owner.OWN)
    at: Mapped[datetime] = mapped_column(default=clock.now)
    undone: Mapped[bool] = mapped_column(default=False)


class SupplierReturn(TenantRow):
    """Received goods that go back, under the number the supplier gave for it."""

    __tablename__ = "supplier_return"
    __table_args__ = (
        UniqueConstraint("organization_id", "number"),
        UniqueConstraint("organization_id", "form_key"),
    )

    number: Mapped[str]
    form_key: Mapped[str]
    order_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order.id"), index=True)
    authorization: Mapped[str]
    reason: Mapped[str]
    credit_expected: Mapped[Amount]
    returned_by_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    returned_at: Mapped[datetime] = mapped_column(default=clock.now)
    erp_number: Mapped[str] = mapped_column(default="")
    credit_number: Mapped[str | None]
    credited: Mapped[Amount | None]
    credited_at: Mapped[datetime | None]
    trace_id: Mapped[str] = mapped_column(default=current_trace)

    order: Mapped[PurchaseOrder] = relationship(lazy="raise")
    returned_by: Mapped[Account] = relationship(lazy="raise")
    lines: Mapped[list["SupplierReturnLine"]] = relationship(
        lazy="raise", back_populates="supplier_return", order_by="SupplierReturnLine.id"
    )


class SupplierReturnLine(TenantRow):
    """A quantity of one received line that goes back, in the order's unit."""

    __tablename__ = "supplier_return_line"

    return_id: Mapped[Key] = mapped_column(ForeignKey("supplier_return.id"), index=True)
    receipt_line_id: Mapped[Key] = mapped_column(ForeignKey("receipt_line.id"), index=True)
    quantity: Mapped[Quantity]

    supplier_return: Mapped[SupplierReturn] = relationship(lazy="raise", back_populates="lines")
    receipt_line: Mapped[ReceiptLine] = relationship(lazy="raise")
