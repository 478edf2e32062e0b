"""What a buyer wants beyond what was approved, until it is decided."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.exchange.models import WorkItem
from portal.foundation import clock
from portal.foundation.db import Amount, Key, TenantRow, found
from portal.identity.models import Account
from portal.masterdata.models import Location
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.proposals.rules import ProposalKind, ProposalState
from portal.requisitions.models import Requisition, RequisitionLine

OPEN = text("state = 'open'")


class OrderProposal(TenantRow):
    """Something a buyer wants; it is done once everybody it is asked of says yes.

    A change counts for the version of the order it was asked about: `seen`. `wishes` are of its kind:
    change {line_id, quantity, needed_on, unit_price} each; price {unit_price}; offer {offer_id};
    elsewhere {offer_id, quantity}.
    """

    __tablename__ = "order_proposal"
    __table_args__ = (
        Index("uq_order_proposal_open", "order_id", "seen", unique=True, postgresql_where=OPEN),
        Index("uq_order_proposal_line", "line_id", unique=True, postgresql_where=OPEN),
        Index("uq_order_proposal_requested", "requisition_line_id", unique=True, postgresql_where=OPEN),
    )

    kind: Mapped[ProposalKind] = mapped_column(default=ProposalKind.CHANGE, server_default="change")
    order_id: Mapped[Key | None] = mapped_column(ForeignKey("purchase_order.id"), index=True)
    seen: Mapped[int | None]
    line_id: Mapped[Key | None] = mapped_column(ForeignKey("purchase_order_line.id"))
    work_item_id: Mapped[Key | None] = mapped_column(ForeignKey("work_item.id"))
    requisition_line_id: Mapped[Key | None] = mapped_column(ForeignKey("requisition_line.id"))
    wishes: Mapped[list[Any]] = mapped_column(default=list)
    location_id: Mapped[Key | None] = mapped_column(ForeignKey("location.id"))
    changes: Mapped[list[Any]] = mapped_column(default=list)  # as in OrderVersion
    reason: Mapped[str]
    asked_by_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    asked_at: Mapped[datetime] = mapped_column(default=clock.now)
    state: Mapped[ProposalState] = mapped_column(default=ProposalState.OPEN)

    order: Mapped[PurchaseOrder | None] = relationship(lazy="raise_on_sql")
    line: Mapped[PurchaseOrderLine | None] = relationship(lazy="raise_on_sql")
    work_item: Mapped[WorkItem | None] = relationship(lazy="raise_on_sql")
    requisition_line: Mapped[RequisitionLine | None] = relationship(lazy="raise_on_sql")
    asked_by: Mapped[Account] = relationship(lazy="raise")
    questions: Mapped[list["ProposalQuestion"]] = relationship(
        lazy="raise", back_populates="proposal", order_by="ProposalQuestion.id"
    )

    @property
    def place(self) -> Location:
        """Where the goods go."""
        return self.order.location if self.order else found(self.requisition_line, "line").ship_to

    @property
    def heading(self) -> str:
        """What is wanted, in a few words."""
        if self.kind is ProposalKind.CHANGE:
            return f"Change of {found(self.order, 'order').number}"
        if self.kind is ProposalKind.PRICE:
            return f"Price of {found(self.line, 'line').description}"
        if self.kind is ProposalKind.ELSEWHERE:
            return f"{found(self.line, 'line').description} from a dearer supplier"
        return f"{found(self.requisition_line, 'line').item.name} from a dearer offer"


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
