"""Requisitions (a cart is one in state draft), their lines and what their checks said."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, UniqueConstraint, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.budgets.models import CostShare
from portal.catalog.models import Offer
from portal.foundation import clock
from portal.foundation.db import Amount, Key, Quantity, TenantRow, UnitPrice, found
from portal.foundation.money import split
from portal.foundation.trace import current_trace
from portal.identity.models import Account
from portal.masterdata.models import ContractLine, CostCenter, GlAccount, Item, Location
from portal.requisitions.rules import LineState, RequisitionSource, RequisitionState, SplitBy

# Few are drafts, but a plan that is kept would know it only of a constant.
IN_DRAFT: ColumnElement[str] = literal_column(f"'{RequisitionState.DRAFT.value}'")


class Requisition(TenantRow):
    """What somebody asks for, for one location. `version` rises with every change (optimistic lock)."""

    __tablename__ = "requisition"
    __table_args__ = (
        UniqueConstraint("organization_id", "number"),
        Index("ix_requisition_requester", "requester_id", "state"),
        Index("ix_requisition_location", "location_id", "created_at"),
        Index("ix_requisition_lent", "lent_by_id", postgresql_where=text("lent_by_id IS NOT NULL")),
    )

    number: Mapped[str | None]  # given at submit
    state: Mapped[RequisitionState] = mapped_column(default=RequisitionState.DRAFT)
    source: Mapped[RequisitionSource] = mapped_column(default=RequisitionSource.CART)
    requester_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    need_by: Mapped[date | None]
    note: Mapped[str] = mapped_column(default="")
    name: Mapped[str] = mapped_column(default="")  # of the cart, for the person who fills it
    used_at: Mapped[datetime] = mapped_column(default=clock.now)  # of several carts the last one is filled
    removed_at: Mapped[datetime | None]  # a deleted cart can be put back
    lent_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))  # to the requester, to fill it
    lent_note: Mapped[str] = mapped_column(default="")
    is_rush: Mapped[bool] = mapped_column(default=False)
    rush_reason: Mapped[str] = mapped_column(default="")
    override_reason: Mapped[str] = mapped_column(default="")  # why it shall go beyond a blocking budget
    total: Mapped[Amount] = mapped_column(default=0)
    currency: Mapped[str] = mapped_column(default="USD")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    submitted_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column()
    trace_id: Mapped[str] = mapped_column(default=current_trace)

    requester: Mapped[Account] = relationship(lazy="raise", foreign_keys=requester_id)
    lent_by: Mapped[Account | None] = relationship(lazy="raise", foreign_keys=lent_by_id)
    location: Mapped[Location] = relationship(lazy="raise")
    lines: Mapped[list["RequisitionLine"]] = relationship(
        lazy="raise", back_populates="requisition", order_by="RequisitionLine.line_number"
    )

    __mapper_args__ = {"version_id_col": version}


class RequisitionLine(TenantRow):
    """A quantity of an offer in its unit, at the price found when it was last priced."""

    __tablename__ = "requisition_line"
    __table_args__ = (
        UniqueConstraint("requisition_id", "line_number"),
        Index(
            "ix_requisition_line_orderable",
            "organization_id",
            postgresql_where=text("state = 'approved' AND ordered_quantity + closed_quantity < quantity"),
        ),
        Index("ix_requisition_line_item", "item_id", "id"),
        Index("ix_requisition_line_ordered", "offer_id", "id", postgresql_where=text("ordered_quantity > 0")),
        Index(
            "ix_requisition_line_wanted",
            "item_id",
            postgresql_where=text("state <> 'rejected' AND ordered_quantity + closed_quantity < quantity"),
        ),
    )

    requisition_id: Mapped[Key] = mapped_column(ForeignKey("requisition.id"), index=True)
    line_number: Mapped[int]
    offer_id: Mapped[Key] = mapped_column(ForeignKey("offer.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    quantity: Mapped[Quantity]
    uom: Mapped[str]
    unit_price: Mapped[UnitPrice]
    contract_line_id: Mapped[Key | None] = mapped_column(ForeignKey("contract_line.id"))
    amount: Mapped[Amount]
    cost_center_id: Mapped[Key | None] = mapped_column(ForeignKey("cost_center.id"))
    gl_account_id: Mapped[Key | None] = mapped_column(ForeignKey("gl_account.id"))
    split_by: Mapped[SplitBy | None] = mapped_column()  # several cost centers pay: see `shares`
    location_id: Mapped[Key | None] = mapped_column(ForeignKey("location.id"))  # as need_by
    need_by: Mapped[date | None]  # where it differs from the requisition's
    quantity_reason: Mapped[str] = mapped_column(default="")  # why so much more or less than suggested
    state: Mapped[LineState] = mapped_column(default=LineState.OPEN)
    decision_reason: Mapped[str] = mapped_column(default="")
    ordered_quantity: Mapped[Quantity] = mapped_column(default=0)
    closed_quantity: Mapped[Quantity] = mapped_column(default=0)

    requisition: Mapped[Requisition] = relationship(lazy="raise", back_populates="lines")
    offer: Mapped[Offer] = relationship(lazy="raise")
    item: Mapped[Item] = relationship(lazy="raise")
    contract_line: Mapped[ContractLine | None] = relationship(lazy="raise")
    cost_center: Mapped[CostCenter | None] = relationship(lazy="raise")
    gl_account: Mapped[GlAccount | None] = relationship(lazy="raise")
    location: Mapped[Location | None] = relationship(lazy="raise")
    shares: Mapped[list[CostShare]] = relationship(
        lazy="raise", order_by=CostShare.position, cascade="all, delete-orphan", passive_deletes=True
    )

    @property
    def ship_to(self) -> Location:
        """Where the line is delivered."""
        return self.requisition.location if self.location_id is None else found(self.location, "location")

    @property
    def payers(self) -> Sequence[CostShare]:
        """The shares of several cost centers; none where one pays all."""
        return () if self.split_by is None else self.shares

    def paid(self, amount: Decimal) -> list[Decimal]:
        """What each share is of an amount of this line, to the cent; nothing while no share says how much."""
        weights = [share.weight for share in self.payers]
        return split(amount, weights) if any(weights) else [Decimal() for _ in weights]

    @property
    def wanted_by(self) -> date | None:
        """The day this line is needed; None is as soon as possible."""
        return self.need_by or self.requisition.need_by


class LastRequest(TenantRow):
    """The requisition that asked for an item for a location last: to look for it among all takes long."""

    __tablename__ = "last_request"
    __table_args__ = (UniqueConstraint("location_id", "item_id"),)

    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    requisition_id: Mapped[Key] = mapped_column(ForeignKey("requisition.id"))


class CheckRecord(TenantRow):
    """What the checks said at one moment: at submit, or later of a line that asked for more.

    `results` are as rules.Kept, with the evidence each used, and never change.
    """

    __tablename__ = "check_record"
    __table_args__ = (Index("ix_check_record_checked", "organization_id", "checked_at"),)

    requisition_id: Mapped[Key] = mapped_column(ForeignKey("requisition.id"), index=True)
    results: Mapped[list[Any]]
    checked_at: Mapped[datetime] = mapped_column(default=clock.now)
