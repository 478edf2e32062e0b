"""What somebody needs that is not in the catalog."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.catalog.models import Offer
from portal.foundation import clock
from portal.foundation.db import Key, Quantity, TenantRow, UnitPrice
from portal.identity.models import Account
from portal.masterdata.models import Location
from portal.requisitions.wishes.rules import WishState


class Wish(TenantRow):
    """A request for something that is not in the catalog, with the buyer's answer."""

    __tablename__ = "wish"
    __table_args__ = (Index("ix_wish_state", "organization_id", "state", "created_at"),)

    requester_id: Mapped[Key] = mapped_column(ForeignKey("account.id"), index=True)
    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    state: Mapped[WishState] = mapped_column(default=WishState.OPEN)
    what: Mapped[str]
    quantity: Mapped[Quantity]
    why: Mapped[str]
    maker: Mapped[str] = mapped_column(default="")
    part_number: Mapped[str] = mapped_column(default="")
    supplier: Mapped[str] = mapped_column(default="")
    price: Mapped[UnitPrice | None]
    link: Mapped[str] = mapped_column(default="")
    answer: Mapped[str] = mapped_column(default="")
    offer_id: Mapped[Key | None] = mapped_column(ForeignKey("offer.id"))
    decided_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    requester: Mapped[Account] = relationship(lazy="raise", foreign_keys=requester_id)
    decided_by: Mapped[Account | None] = relationship(lazy="raise", foreign_keys=decided_by_id)
    location: Mapped[Location] = relationship(lazy="raise")
    offer: Mapped[Offer | None] = relationship(lazy="raise")
