"""Approval steps: one per cost center of a requisition."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.approvals.rules import StepState
from portal.foundation import clock
from portal.foundation.db import Amount, Key, TenantRow
from portal.identity.models import Account
from portal.masterdata.models import CostCenter
from portal.requisitions.models import Requisition


class ApprovalStep(TenantRow):
    """The lines of one cost center waiting for, or having, a decision."""

    __tablename__ = "approval_step"
    __table_args__ = (
        UniqueConstraint("requisition_id", "cost_center_id"),
        Index("ix_approval_step_open", "organization_id", postgresql_where=text("state = 'open'")),
    )

    requisition_id: Mapped[Key] = mapped_column(ForeignKey("requisition.id"))
    cost_center_id: Mapped[Key] = mapped_column(ForeignKey("cost_center.id"))
    amount: Mapped[Amount]
    state: Mapped[StepState] = mapped_column(default=StepState.OPEN)
    opened_at: Mapped[datetime] = mapped_column(default=clock.now)
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    comment: Mapped[str] = mapped_column(default="")

    requisition: Mapped[Requisition] = relationship(lazy="raise")
    cost_center: Mapped[CostCenter] = relationship(lazy="raise")
    decided_by: Mapped[Account | None] = relationship(lazy="raise")
