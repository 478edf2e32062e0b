"""Receipts against purchase orders, entered first and checked before they count."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.foundation import clock
from portal.foundation.db import Key, Quantity, TenantRow
from portal.foundation.trace import current_trace
from portal.identity.models import Account
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.receiving.rules import ReceiptState


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
    trace_id: Mapped[str] = mapped_column(default=current_trace)

    order: Mapped[PurchaseOrder] = relationship(lazy="raise")
    receiver: Mapped[Account] = relationship(lazy="raise")
    lines: Mapped[list["ReceiptLine"]] = relationship(
        lazy="raise", back_populates="receipt", order_by="ReceiptLine.id", cascade="all, delete-orphan"
    )


class ReceiptLine(TenantRow):
    """A received quantity of one order line and lot, in the order's unit."""

    __tablename__ = "receipt_line"

    receipt_id: Mapped[Key] = mapped_column(ForeignKey("receipt.id"), index=True)
    order_line_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order_line.id"), index=True)
    quantity: Mapped[Quantity]
    lot: Mapped[str] = mapped_column(default="")
    expires_on: Mapped[date | None]

    receipt: Mapped[Receipt] = relationship(lazy="raise", back_populates="lines")
    order_line: Mapped[PurchaseOrderLine] = relationship(lazy="raise")
