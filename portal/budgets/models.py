"""Budgets per cost center and period, who shares a line, and the append-only ledger of what is held."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.budgets.rules import Control, Term
from portal.foundation import clock
from portal.foundation.db import Amount, Key, TenantRow, UnitPrice
from portal.masterdata.models import CostCenter, GlAccount


class Budget(TenantRow):
    """What a cost center may spend in a period, both days included; with a category, on that alone.

    A line draws on its category's budget where there is one, else on the cost center's: never on both.
    """

    __tablename__ = "budget"
    __table_args__ = (UniqueConstraint("cost_center_id", "category", "period_start"),)

    cost_center_id: Mapped[Key] = mapped_column(ForeignKey("cost_center.id"))
    category: Mapped[str] = mapped_column(default="")
    period_start: Mapped[date]
    period_end: Mapped[date]
    amount: Mapped[Amount]
    currency: Mapped[str] = mapped_column(default="USD")
    control: Mapped[Control] = mapped_column(default=Control.BLOCK)

    cost_center: Mapped[CostCenter] = relationship(lazy="raise")


class BudgetEntry(TenantRow):
    """A change of one term for one document line; the sum per document is what it holds."""

    __tablename__ = "budget_entry"
    __table_args__ = (
        Index("ix_budget_entry_budget", "budget_id", "term"),
        Index("ix_budget_entry_line", "requisition_line_id"),
    )

    budget_id: Mapped[Key] = mapped_column(ForeignKey("budget.id"))
    term: Mapped[Term] = mapped_column()
    amount: Mapped[Amount]
    # The requisition line the money was asked for; it stays the same through order and invoice.
    requisition_line_id: Mapped[Key]
    whole: Mapped[Amount | None]  # of a line with several payers: what it changes for all of them
    document_type: Mapped[str]
    document_id: Mapped[Key]
    document: Mapped[str]
    is_left: Mapped[bool] = mapped_column(default=False, server_default=false())  # others pay from now on
    at: Mapped[datetime] = mapped_column(default=clock.now)


class CostShare(TenantRow):
    """What one of several cost centers pays of a requisition line: a percentage, or an amount, as asked.

    When the line's amount changes the shares keep their proportion. The budget is that of the submission.
    """

    __tablename__ = "cost_share"
    __table_args__ = (UniqueConstraint("requisition_line_id", "position"),)

    requisition_line_id: Mapped[Key] = mapped_column(ForeignKey("requisition_line.id", ondelete="CASCADE"))
    position: Mapped[int]
    cost_center_id: Mapped[Key] = mapped_column(ForeignKey("cost_center.id"))
    gl_account_id: Mapped[Key | None] = mapped_column(ForeignKey("gl_account.id"))  # none: the item's
    weight: Mapped[UnitPrice]
    budget_id: Mapped[Key | None] = mapped_column(ForeignKey("budget.id"))

    cost_center: Mapped[CostCenter] = relationship(lazy="raise")
    gl_account: Mapped[GlAccount | None] = relationship(lazy="raise")
