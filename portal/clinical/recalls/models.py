"""Recalls: what must not be used, where it was found, and what has to be done about it."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.clinical.rules import RecallState, RecallTaskKind
from portal.foundation import clock
from portal.foundation.db import Key, Quantity, TenantRow
from portal.foundation.trace import current_trace
from portal.inventory.rules import Owner
from portal.masterdata.models import Item, Location


class Recall(TenantRow):
    """A notice that some devices must not be used; `reference` is the notice's own number."""

    __tablename__ = "recall"
    __table_args__ = (UniqueConstraint("organization_id", "number"),)

    number: Mapped[str]
    reference: Mapped[str] = mapped_column(default="")
    title: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    state: Mapped[RecallState] = mapped_column(default=RecallState.OPEN)
    noticed_on: Mapped[date]
    entered_at: Mapped[datetime] = mapped_column(default=clock.now)
    entered_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    closed_at: Mapped[datetime | None]
    trace_id: Mapped[str] = mapped_column(default=current_trace)

    parts: Mapped[list["RecallPart"]] = relationship(
        lazy="raise", back_populates="recall", order_by="RecallPart.id"
    )
    tasks: Mapped[list["RecallTask"]] = relationship(
        lazy="raise", back_populates="recall", order_by="RecallTask.id"
    )


class RecallPart(TenantRow):
    """One recalled device: a lot, a serial, or with neither all of the item. `di` is as it was written."""

    __tablename__ = "recall_part"
    __table_args__ = (
        Index("ix_recall_part_item", "item_id", "lot"),
        Index("ix_recall_part_di", "di"),
        UniqueConstraint("recall_id", "di", "item_id", "lot", "serial", postgresql_nulls_not_distinct=True),
    )

    recall_id: Mapped[Key] = mapped_column(ForeignKey("recall.id"))
    di: Mapped[str] = mapped_column(default="")
    item_id: Mapped[Key | None] = mapped_column(ForeignKey("item.id"))
    lot: Mapped[str] = mapped_column(default="")
    serial: Mapped[str] = mapped_column(default="")

    recall: Mapped[Recall] = relationship(lazy="raise", back_populates="parts")
    item: Mapped[Item | None] = relationship(lazy="raise")


class RecallTask(TenantRow):
    """Something to do at a place: set aside is done by the book at once, the return by a person."""

    __tablename__ = "recall_task"
    __table_args__ = (UniqueConstraint("recall_id", "key"),)

    recall_id: Mapped[Key] = mapped_column(ForeignKey("recall.id"))
    key: Mapped[str]
    kind: Mapped[RecallTaskKind] = mapped_column()
    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    lot: Mapped[str] = mapped_column(default="")
    serial: Mapped[str] = mapped_column(default="")
    expires_on: Mapped[date | None]
    owner: Mapped[Owner] = mapped_column(default=Owner.OWN)
    quantity: Mapped[Quantity]
    done_at: Mapped[datetime | None]
    done_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    outcome: Mapped[str] = mapped_column(default="")

    recall: Mapped[Recall] = relationship(lazy="raise", back_populates="tasks")
    item: Mapped[Item] = relationship(lazy="raise")
    location: Mapped[Location] = relationship(lazy="raise")
