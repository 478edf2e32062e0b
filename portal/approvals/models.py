"""Approval steps and answers, decisions, questions, delegations, watchers and the links of mails."""

from datetime import date, datetime, time
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.approvals.rules import Act, AnswerState, StepKind, StepState
from portal.foundation import clock
from portal.foundation.db import Amount, Json, Key, Quantity, TenantRow
from portal.identity.models import Account
from portal.masterdata.models import CostCenter
from portal.requisitions.models import Requisition, RequisitionLine


class ApprovalPolicy(TenantRow):
    """What asks for more than the own yes of a cost center; the newest row counts."""

    __tablename__ = "approval_policy"

    set_at: Mapped[datetime] = mapped_column(default=clock.now)
    set_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    off_contract_above: Mapped[Amount | None]
    categories: Mapped[list[Any]] = mapped_column(default=list)
    remind_after: Mapped[int] = mapped_column(default=8)  # business hours
    escalate_after: Mapped[int] = mapped_column(default=16)
    # Of every facility without hours of its own, in its own time; its closed days are no business days.
    opens: Mapped[time] = mapped_column(default=time(8), server_default="08:00")
    closes: Mapped[time] = mapped_column(default=time(17), server_default="17:00")
    weekdays: Mapped[list[Any]] = mapped_column(default=lambda: [*range(5)], server_default="[0, 1, 2, 3, 4]")


class FacilityHours(TenantRow):
    """The business hours of one facility from when they were set; the newest row counts.

    No times: those of the organization again.
    """

    __tablename__ = "facility_hours"

    facility_id: Mapped[Key] = mapped_column(ForeignKey("facility.id"), index=True)
    opens: Mapped[time | None]
    closes: Mapped[time | None]
    weekdays: Mapped[list[Any]] = mapped_column(default=list)
    set_at: Mapped[datetime] = mapped_column(default=clock.now)
    set_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))


class ApprovalStep(TenantRow):
    """Lines of one cost center waiting for, or having, the decision of one kind of person."""

    __tablename__ = "approval_step"
    __table_args__ = (
        Index("ix_approval_step_requisition", "requisition_id"),
        Index("ix_approval_step_open", "organization_id", postgresql_where=text("state = 'open'")),
    )

    requisition_id: Mapped[Key] = mapped_column(ForeignKey("requisition.id"))
    cost_center_id: Mapped[Key] = mapped_column(ForeignKey("cost_center.id"))
    kind: Mapped[StepKind] = mapped_column(default=StepKind.OWNER)
    position: Mapped[int] = mapped_column(default=1)  # steps of one position are decided side by side
    why: Mapped[str] = mapped_column(default="")
    amount: Mapped[Amount]
    limit_needed: Mapped[Amount | None]  # what the limit of who decides must cover; none: any limit
    assigned_to_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    state: Mapped[StepState] = mapped_column(default=StepState.OPEN)
    opened_at: Mapped[datetime] = mapped_column(default=clock.now)
    told_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    on_behalf_of_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    comment: Mapped[str] = mapped_column(default="")

    requisition: Mapped[Requisition] = relationship(lazy="raise")
    cost_center: Mapped[CostCenter] = relationship(lazy="raise")
    assigned_to: Mapped[Account | None] = relationship(lazy="raise", foreign_keys=[assigned_to_id])
    decided_by: Mapped[Account | None] = relationship(lazy="raise", foreign_keys=[decided_by_id])
    on_behalf_of: Mapped[Account | None] = relationship(lazy="raise", foreign_keys=[on_behalf_of_id])
    answers: Mapped[list["ApprovalAnswer"]] = relationship(
        lazy="raise", back_populates="step", order_by="ApprovalAnswer.line_id"
    )


class ApprovalAnswer(TenantRow):
    """What a step says to one line at present; how it came to that stands in the decisions."""

    __tablename__ = "approval_answer"
    __table_args__ = (UniqueConstraint("step_id", "line_id"),)

    step_id: Mapped[Key] = mapped_column(ForeignKey("approval_step.id"))
    line_id: Mapped[Key] = mapped_column(ForeignKey("requisition_line.id", ondelete="CASCADE"), index=True)
    amount: Mapped[Amount]  # the part of the line that this cost center pays
    state: Mapped[AnswerState] = mapped_column(default=AnswerState.OPEN)
    reason: Mapped[str] = mapped_column(default="")

    step: Mapped[ApprovalStep] = relationship(lazy="raise", back_populates="answers")
    line: Mapped[RequisitionLine] = relationship(lazy="raise")


class ApprovalDecision(TenantRow):
    """One act on a step with its evidence; the table refuses UPDATE and DELETE."""

    __tablename__ = "approval_decision"
    __table_args__ = (Index("ix_approval_decision_at", "at"),)

    requisition_id: Mapped[Key] = mapped_column(ForeignKey("requisition.id"), index=True)
    step_id: Mapped[Key | None] = mapped_column(ForeignKey("approval_step.id"), index=True)
    line_number: Mapped[int | None]
    item: Mapped[str] = mapped_column(default="")
    act: Mapped[Act] = mapped_column()
    before: Mapped[Quantity | None]
    after: Mapped[Quantity | None]
    reason: Mapped[str] = mapped_column(default="")
    account_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    on_behalf_of_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    via: Mapped[str] = mapped_column(default="page")
    at: Mapped[datetime] = mapped_column(default=clock.now)
    evidence: Mapped[Json] = mapped_column(default=dict)

    step: Mapped[ApprovalStep | None] = relationship(lazy="raise")
    requisition: Mapped[Requisition] = relationship(lazy="raise")
    account: Mapped[Account | None] = relationship(lazy="raise", foreign_keys=[account_id])
    on_behalf_of: Mapped[Account | None] = relationship(lazy="raise", foreign_keys=[on_behalf_of_id])


class ApprovalQuestion(TenantRow):
    """A question to the requester, without a decision, and the answer."""

    __tablename__ = "approval_question"

    step_id: Mapped[Key] = mapped_column(ForeignKey("approval_step.id"), index=True)
    text: Mapped[str]
    asked_by_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    asked_at: Mapped[datetime] = mapped_column(default=clock.now)
    answer: Mapped[str] = mapped_column(default="")
    answered_at: Mapped[datetime | None]

    step: Mapped[ApprovalStep] = relationship(lazy="raise")
    asked_by: Mapped[Account] = relationship(lazy="raise")


class ApprovalDelegation(TenantRow):
    """Somebody decides for somebody absent, both days included."""

    __tablename__ = "approval_delegation"
    __table_args__ = (Index("ix_approval_delegation_delegate", "delegate_id", "ends_on"),)

    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"), index=True)
    delegate_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    reason: Mapped[str] = mapped_column(default="")
    set_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    set_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]

    account: Mapped[Account] = relationship(lazy="raise", foreign_keys=[account_id])
    delegate: Mapped[Account] = relationship(lazy="raise", foreign_keys=[delegate_id])
    set_by: Mapped[Account | None] = relationship(lazy="raise", foreign_keys=[set_by_id])


class ApprovalWatcher(TenantRow):
    """Somebody who is told what becomes of a requisition and decides nothing."""

    __tablename__ = "approval_watcher"
    __table_args__ = (UniqueConstraint("requisition_id", "account_id"),)

    requisition_id: Mapped[Key] = mapped_column(ForeignKey("requisition.id"))
    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"), index=True)
    added_by_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))

    account: Mapped[Account] = relationship(lazy="raise", foreign_keys=[account_id])


class ApprovalLink(TenantRow):
    """A link of a mail that lets one person decide one step once."""

    __tablename__ = "approval_link"

    step_id: Mapped[Key] = mapped_column(ForeignKey("approval_step.id"), index=True)
    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
