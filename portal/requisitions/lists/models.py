"""Templates of requisitions and the standing orders made of them."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.catalog.models import Offer
from portal.foundation import clock
from portal.foundation.db import Json, Key, Quantity, TenantRow
from portal.identity.models import Account
from portal.masterdata.models import Location
from portal.requisitions.lists.rules import Rhythm
from portal.requisitions.models import Requisition


class RequisitionTemplate(TenantRow):
    """What is requested again and again for a location; shared ones are everybody's who requests for it."""

    __tablename__ = "requisition_template"

    name: Mapped[str]
    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"), index=True)
    owner_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    is_shared: Mapped[bool] = mapped_column(default=False)
    removed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    location: Mapped[Location] = relationship(lazy="raise")
    owner: Mapped[Account] = relationship(lazy="raise")
    lines: Mapped[list["TemplateLine"]] = relationship(
        lazy="raise", back_populates="template", order_by="TemplateLine.position"
    )


class TemplateLine(TenantRow):
    """So many packs of an offer; `terms` are where they go and who pays, where that is not as usual."""

    __tablename__ = "requisition_template_line"

    template_id: Mapped[Key] = mapped_column(ForeignKey("requisition_template.id"), index=True)
    position: Mapped[int]
    offer_id: Mapped[Key] = mapped_column(ForeignKey("offer.id"))
    quantity: Mapped[Quantity]
    terms: Mapped[Json] = mapped_column(default=dict, server_default="{}")

    template: Mapped[RequisitionTemplate] = relationship(lazy="raise", back_populates="lines")
    offer: Mapped[Offer] = relationship(lazy="raise")


class StandingOrder(TenantRow):
    """A template that is requested by itself; `due_on` is the next day of its rhythm, open or closed."""

    __tablename__ = "standing_order"
    __table_args__ = (Index("ix_standing_order_due", "due_on"),)

    template_id: Mapped[Key] = mapped_column(ForeignKey("requisition_template.id"), index=True)
    owner_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    rhythm: Mapped[Rhythm] = mapped_column()
    day: Mapped[int]  # of the week (Monday is 0), or of the month
    due_on: Mapped[date]
    is_paused: Mapped[bool] = mapped_column(default=False)
    problem: Mapped[str] = mapped_column(default="")  # why the last one was not submitted, for the owner
    last_on: Mapped[date | None]
    last_requisition_id: Mapped[Key | None] = mapped_column(ForeignKey("requisition.id"))

    template: Mapped[RequisitionTemplate] = relationship(lazy="raise")
    owner: Mapped[Account] = relationship(lazy="raise")
    last_requisition: Mapped[Requisition | None] = relationship(lazy="raise")
