"""A change of an order that costs more than was approved, until it is decided."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.foundation import clock
from portal.foundation.db import Amount, Key, TenantRow
from portal.identity.models import Account
from portal.orders.models import PurchaseOrder
from portal.orders.versions.rules import ProposalState
from portal.requisitions.models import Requisition


class OrderProposal(TenantRow):
    """A version somebody wants; it is made once everybody it is asked of says yes.

    It counts for the version of the order it was asked about: `seen`. Another change overtakes it.
    """

    __tablename__ = "order_proposal"
    __table_args__ = (
        Index(
            "uq_order_proposal_open", "order_id", "seen", unique=True, postgresql_where=text("state = 'open'")
        ),
    )

    order_id: Mapped[Key] = mapped_column(ForeignKey("purchase_order.id"), index=True)
    seen: Mapped[int]
    wishes: Mapped[list[Any]] = mapped_column(default=list)  # {line_id, quantity, needed_on, unit_price}
    location_id: Mapped[Key | None] = mapped_column(ForeignKey("location.id"))
    changes: Mapped[list[Any]] = mapped_column(default=list)  # as in OrderVersion
    reason: Mapped[str]
    asked_by_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    asked_at: Mapped[datetime] = mapped_column(default=clock.now)
    state: Mapped[ProposalState] = mapped_column(default=ProposalState.OPEN)

    order: Mapped[PurchaseOrder] = relationship(lazy="raise")
    asked_by: Mapped[Account] = relationship(lazy="raise")
    questions: Mapped[list["ProposalQuestion"]] = relationship(
        lazy="raise", back_populates="proposal", order_by="ProposalQuestion.id"
    )


class ProposalQuestion(TenantRow):
    """What a proposal asks of whoever approves for one request and cost center."""

    __tablename__ = "proposal_question"

    proposal_id: Mapped[Key] = mapped_column(ForeignKey("order_proposal.id"), index=True)
    requisition_id: Mapped[Key] = mapped_column(ForeignKey("requisition.id"), index=True)
    cost_center_id: Mapped[Key] = mapped_column(ForeignKey("cost_center.id"))
    approved: Mapped[Amount]  # for the requested lines so far
    amount: Mapped[Amount]  # what they would cost now
    lines: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the same by requisition line
    limit_needed: Mapped[Amount]
    state: Mapped[ProposalState] = mapped_column(default=ProposalState.OPEN)
    decided_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None]
    comment: Mapped[str] = mapped_column(default="")

    proposal: Mapped[OrderProposal] = relationship(lazy="raise", back_populates="questions")
    requisition: Mapped[Requisition] = relationship(lazy="raise")

    @property
    def difference(self) -> Decimal:
        """What it costs more than was approved."""
        return self.amount - self.approved
