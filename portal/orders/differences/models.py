"""What people decided about differences, and what requesters chose about backorders."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.exchange.rules import WorkItemKind
from portal.foundation import clock
from portal.foundation.db import Amount, Key, Quantity, TenantRow, UnitPrice
from portal.identity.models import Account
from portal.orders.differences.rules import Act, AskState, Choice
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.requisitions.models import RequisitionLine


class LineDecision(TenantRow):
    """What somebody did about a difference of an order line, and in which words."""

    __tablename__ = "line_decision"

    order_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order.id"), index=True)
    line_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order_line.id"), index=True)
    kind: Mapped[WorkItemKind] = mapped_column()
    act: Mapped[Act] = mapped_column()
    words: Mapped[str]
    person: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=clock.now)


class PriceQuestion(TenantRow):
    """A price beyond what was approved: it waits for somebody whose limit covers the new amount."""

    __tablename__ = "price_question"
    __table_args__ = (
        Index("uq_price_question_open", "line_id", unique=True, postgresql_where=text("state = 'open'")),
    )

    order_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order.id"), index=True)
    line_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order_line.id"))
    requisition_line_id: Mapped[Key] = mapped_column(ForeignKey("requisition_line.id"))
    old_price: Mapped[UnitPrice]
    new_price: Mapped[UnitPrice]
    quantity: Mapped[Quantity]
    approved: Mapped[Amount]  # for the requested line
    amount: Mapped[Amount]  # what it would cost now
    limit_needed: Mapped[Amount]
    cost_center_id: Mapped[Key] = mapped_column(ForeignKey("cost_center.id"))
    approver_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))  # who said yes before
    asked_by_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    asked_at: Mapped[datetime] = mapped_column(default=clock.now)
    reason: Mapped[str]
    state: Mapped[AskState] = mapped_column(default=AskState.OPEN)
    decided_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None]
    comment: Mapped[str] = mapped_column(default="")

    order: Mapped[PurchaseOrder] = relationship(lazy="raise")
    line: Mapped[PurchaseOrderLine] = relationship(lazy="raise")
    requisition_line: Mapped[RequisitionLine] = relationship(lazy="raise")
    asked_by: Mapped[Account] = relationship(lazy="raise", foreign_keys=[asked_by_id])
    approver: Mapped[Account | None] = relationship(lazy="raise", foreign_keys=[approver_id])

    @property
    def difference(self) -> Decimal:
        """What it costs more than was approved."""
        return self.amount - self.approved


class BackorderChoice(TenantRow):
    """What a requester wants while the supplier cannot deliver; the buyer acts on it."""

    __tablename__ = "backorder_choice"
    __table_args__ = (UniqueConstraint("line_id", "requisition_line_id"),)

    line_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order_line.id"))
    requisition_line_id: Mapped[Key] = mapped_column(ForeignKey("requisition_line.id"), index=True)
    choice: Mapped[Choice] = mapped_column()
    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    at: Mapped[datetime] = mapped_column(default=clock.now)

    account: Mapped[Account] = relationship(lazy="raise")
