"""The secret address under which a person's calendar program reads expected deliveries."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.foundation import clock
from portal.foundation.db import Key, TenantRow
from portal.identity.models import Account
from portal.masterdata.models import Location


class CalendarFeed(TenantRow):
    """One a person; only the hash of the address is kept."""

    __tablename__ = "calendar_feed"

    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"), unique=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    location_id: Mapped[Key | None] = mapped_column(ForeignKey("location.id"))  # none: all the person may see
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    read_at: Mapped[datetime | None]

    account: Mapped[Account] = relationship(lazy="raise")
    location: Mapped[Location | None] = relationship(lazy="raise")
