"""What people decided about differences, and what requesters chose about backorders."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.exchange.rules import WorkItemKind
from portal.foundation import clock
from portal.foundation.db import Key, TenantRow
from portal.identity.models import Account
from portal.orders.differences.rules import Act, Choice


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
