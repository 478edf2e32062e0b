"""How a location is filled up, and what is suggested for it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.catalog.models import Offer
from portal.foundation import clock
from portal.foundation.db import Key, Quantity, TenantRow
from portal.identity.models import Account
from portal.masterdata.models import Item, Location, Supplier
from portal.replenishment.rules import EVERY_DAY, SuggestionState
from portal.requisitions.models import Requisition


class ReplenishmentPolicy(TenantRow):
    """When a location looks at its shelves (weekdays, Monday is 0), and whether it asks by itself as whom."""

    __tablename__ = "replenishment_policy"
    __table_args__ = (UniqueConstraint("location_id"),)

    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    review_days: Mapped[list[Any]] = mapped_column(default=lambda: list(EVERY_DAY))
    auto_submit: Mapped[bool] = mapped_column(default=False)
    requester_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))

    requester: Mapped[Account | None] = relationship(lazy="raise")


class Suggestion(TenantRow):
    """What a location should request from one supplier; at most one is open."""

    __tablename__ = "suggestion"
    __table_args__ = (
        Index(
            "uq_suggestion_open",
            "location_id",
            "supplier_id",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
    )

    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    supplier_id: Mapped[Key] = mapped_column(ForeignKey("supplier.id"), index=True)
    state: Mapped[SuggestionState] = mapped_column(default=SuggestionState.OPEN)
    problem: Mapped[str] = mapped_column(default="")  # why it could not be submitted by itself
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]
    requisition_id: Mapped[Key | None] = mapped_column(ForeignKey("requisition.id"))
    version: Mapped[int] = mapped_column()

    location: Mapped[Location] = relationship(lazy="raise")
    supplier: Mapped[Supplier] = relationship(lazy="raise")
    requisition: Mapped[Requisition | None] = relationship(lazy="raise")
    lines: Mapped[list["SuggestionLine"]] = relationship(
        lazy="raise", back_populates="suggestion", order_by="SuggestionLine.id", cascade="all, delete-orphan"
    )

    __mapper_args__ = {"version_id_col": version}


class SuggestionLine(TenantRow):
    """So many packs of an offer, and why."""

    __tablename__ = "suggestion_line"
    __table_args__ = (UniqueConstraint("suggestion_id", "item_id"),)

    suggestion_id: Mapped[Key] = mapped_column(ForeignKey("suggestion.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    offer_id: Mapped[Key] = mapped_column(ForeignKey("offer.id"))
    packs: Mapped[Quantity]
    explanation: Mapped[str]
    stock_out_on: Mapped[date | None]
    is_critical: Mapped[bool] = mapped_column(default=False)

    suggestion: Mapped[Suggestion] = relationship(lazy="raise", back_populates="lines")
    item: Mapped[Item] = relationship(lazy="raise")
    offer: Mapped[Offer] = relationship(lazy="raise")
