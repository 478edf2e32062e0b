"""Dated settings of the rules, what is restricted to whom, and people's credentials."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.foundation import clock
from portal.foundation.db import Amount, Key, TenantRow
from portal.identity.models import Account
from portal.identity.rules import Role
from portal.masterdata.models import Facility, Item
from portal.requisitions.rulebook.rules import Severity


class RuleVersion(TenantRow):
    """A setting of a rule from a day on; the table is only ever added to. See rules.Version."""

    __tablename__ = "rule_version"
    __table_args__ = (
        UniqueConstraint("organization_id", "rule", "number"),
        Index("ix_rule_version_starts", "organization_id", "starts_on"),
    )

    rule: Mapped[str]
    number: Mapped[int]  # 1 is the rule as delivered
    facility_id: Mapped[Key | None] = mapped_column(ForeignKey("facility.id"))
    category: Mapped[str] = mapped_column(default="")
    severity: Mapped[Severity | None] = mapped_column()
    threshold: Mapped[Amount | None] = mapped_column(Numeric(16, 2))
    starts_on: Mapped[date]
    reason: Mapped[str] = mapped_column(default="")
    set_at: Mapped[datetime] = mapped_column(default=clock.now)
    set_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))

    facility: Mapped[Facility | None] = relationship(lazy="raise")
    set_by: Mapped[Account | None] = relationship(lazy="raise")


class Restriction(TenantRow):
    """An item, or a category, that only people with a role or a credential may request."""

    __tablename__ = "item_restriction"
    __table_args__ = (
        UniqueConstraint(
            "organization_id", "item_id", "category", "role", "credential",
            name="uq_item_restriction_what", postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip

    item_id: Mapped[Key | None] = mapped_column(ForeignKey("item.id"), index=True)
    category: Mapped[str] = mapped_column(default="")
    role: Mapped[Role | None] = mapped_column()
    credential: Mapped[str] = mapped_column(default="")

    item: Mapped[Item | None] = relationship(lazy="raise")


class Credential(TenantRow):
    """What a person is trained or licensed for, until a day; without one for good."""

    __tablename__ = "account_credential"
    __table_args__ = (UniqueConstraint("account_id", "name"),)

    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str]
    valid_until: Mapped[date | None]

    account: Mapped[Account] = relationship(lazy="raise")
