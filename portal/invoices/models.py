"""Supplier invoices and what was invoiced of each order line."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.foundation import clock
from portal.foundation.db import Amount, Key, Quantity, TenantRow, UnitPrice
from portal.foundation.trace import current_trace
from portal.masterdata.models import Supplier
from portal.orders.models import PurchaseOrder, PurchaseOrderLine


class Invoice(TenantRow):
    """An invoice of a supplier for one order; the same number never counts twice."""

    __tablename__ = "invoice"
    __table_args__ = (UniqueConstraint("supplier_id", "number"),)

    supplier_id: Mapped[Key] = mapped_column(ForeignKey("supplier.id"))
    order_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order.id"), index=True)
    number: Mapped[str]
    invoiced_on: Mapped[date]
    total: Mapped[Amount]
    matched: Mapped[bool]
    entered_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    entered_at: Mapped[datetime] = mapped_column(default=clock.now)
    trace_id: Mapped[str] = mapped_column(default=current_trace)

    supplier: Mapped[Supplier] = relationship(lazy="raise")
    order: Mapped[PurchaseOrder] = relationship(lazy="raise")
    lines: Mapped[list["InvoiceLine"]] = relationship(
        lazy="raise", back_populates="invoice", order_by="InvoiceLine.id"
    )


class InvoiceLine(TenantRow):
    """An invoiced quantity of one order line, in the order's unit."""

    __tablename__ = "invoice_line"

    invoice_id: Mapped[Key] = mapped_column(ForeignKey("invoice.id"), index=True)
    order_line_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order_line.id"), index=True)
    quantity: Mapped[Quantity]
    unit_price: Mapped[UnitPrice]
    amount: Mapped[Amount]

    invoice: Mapped[Invoice] = relationship(lazy="raise", back_populates="lines")
    order_line: Mapped[PurchaseOrderLine] = relationship(lazy="raise")
