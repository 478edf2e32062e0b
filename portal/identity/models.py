"""Organizations, accounts, their roles, ways to sign in and server-side sessions."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.foundation import clock
from portal.foundation.db import Amount, Json, Key, Row, TenantRow
from portal.identity.rules import Role


class Organization(Row):
    """A health system; the tenant."""

    __tablename__ = "organization"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    currency: Mapped[str] = mapped_column(default="USD")
    time_zone: Mapped[str] = mapped_column(default="UTC")


class Account(TenantRow):
    """A person who can sign in."""

    __tablename__ = "account"

    email: Mapped[str] = mapped_column(unique=True)  # lower case
    name: Mapped[str]
    password_hash: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True)
    failed_sign_ins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    home_location_id: Mapped[Key | None] = mapped_column(ForeignKey("location.id", use_alter=True))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    roles: Mapped[list["RoleAssignment"]] = relationship(lazy="raise", back_populates="account")
    organization: Mapped[Organization] = relationship(lazy="raise")


class RoleAssignment(TenantRow):
    """A role within a facility and a cost center (none means all), up to an approval limit."""

    __tablename__ = "role_assignment"

    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"), index=True)
    role: Mapped[Role] = mapped_column()
    facility_id: Mapped[Key | None] = mapped_column(ForeignKey("facility.id", use_alter=True))
    cost_center_id: Mapped[Key | None] = mapped_column(ForeignKey("cost_center.id", use_alter=True))
    approval_limit: Mapped[Amount | None]

    account: Mapped[Account] = relationship(lazy="raise", back_populates="roles")


class IdentityProvider(TenantRow):
    """An OpenID Connect provider of one organization; the secret is PORTAL_SECRET_<secret_name>."""

    __tablename__ = "identity_provider"
    __table_args__ = (UniqueConstraint("organization_id", "code"),)

    code: Mapped[str]
    name: Mapped[str]
    issuer: Mapped[str]
    client_id: Mapped[str]
    secret_name: Mapped[str] = mapped_column(default="")
    # claim -> value -> role, for example {"groups": {"supply-buyers": "buyer"}}
    claim_roles: Mapped[Json] = mapped_column(default=dict)
    email_claim: Mapped[str] = mapped_column(default="email")
    name_claim: Mapped[str] = mapped_column(default="name")
    active: Mapped[bool] = mapped_column(default=True)


class ExternalIdentity(TenantRow):
    """The (issuer, subject) under which a provider knows an account."""

    __tablename__ = "external_identity"
    __table_args__ = (UniqueConstraint("organization_id", "issuer", "subject"),)

    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"), index=True)
    issuer: Mapped[str]
    subject: Mapped[str]

    account: Mapped[Account] = relationship(lazy="raise")


class WebSession(TenantRow):
    """A signed-in browser; the cookie holds the token, the row its hash."""

    __tablename__ = "web_session"

    token_hash: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_seen_at: Mapped[datetime] = mapped_column(default=clock.now)
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str] = mapped_column(default="")
    user_agent: Mapped[str] = mapped_column(default="")

    account: Mapped[Account] = relationship(lazy="raise")


class SavedForm(TenantRow):
    """What was typed when a session had ended, kept for the same person to send after signing in."""

    __tablename__ = "saved_form"

    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"), index=True)
    path: Mapped[str]
    sealed_fields: Mapped[bytes] = mapped_column(LargeBinary)
    saved_at: Mapped[datetime] = mapped_column(default=clock.now)
