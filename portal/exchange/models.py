"""Partners, routes, messages with their attempts, and work items."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.exchange.rules import Direction, MessageState, Outcome, WorkItemKind
from portal.foundation import clock
from portal.foundation.db import Amount, Json, Key, TenantRow
from portal.foundation.trace import current_trace


class Partner(TenantRow):
    """A system we talk to. `secret_name` names the environment variable PORTAL_SECRET_<NAME>."""

    __tablename__ = "partner"
    __table_args__ = (
        UniqueConstraint("organization_id", "code"),
        # Of all organizations: a sender must lead to one of them.
        Index(
            "uq_partner_sender",
            "inbound_domain",
            "inbound_identity",
            "inbound_to",
            unique=True,
            postgresql_where=text("inbound_identity <> ''"),
        ),
    )

    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]  # erp | network
    adapter: Mapped[str]
    base_url: Mapped[str]
    username: Mapped[str] = mapped_column(default="")
    secret_name: Mapped[str] = mapped_column(default="")
    settings: Mapped[Json] = mapped_column(default=dict)
    # Who the partner is and how it proves it when it sends to us.
    inbound_domain: Mapped[str] = mapped_column(default="")
    inbound_identity: Mapped[str] = mapped_column(default="")
    inbound_to: Mapped[str] = mapped_column(default="")
    inbound_secret_name: Mapped[str] = mapped_column(default="")
    paused_at: Mapped[datetime | None]


class Route(TenantRow):
    """Which partner gets a kind of document, in which order; no supplier means any supplier."""

    __tablename__ = "route"
    __table_args__ = (UniqueConstraint("organization_id", "document", "supplier_id", "position"),)

    document: Mapped[str]
    supplier_id: Mapped[Key | None] = mapped_column(ForeignKey("supplier.id"))
    position: Mapped[int]
    partner_id: Mapped[Key] = mapped_column(ForeignKey("partner.id"))


class Message(TenantRow):
    """One document exchanged. Outbound rows are the outbox, inbound rows the inbox."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("partner_id", "direction", "key"),
        Index("ix_message_due", "available_at", postgresql_where=text("state IN ('waiting', 'working')")),
        Index("ix_message_subject", "subject_type", "subject_id"),
        Index("ix_message_listing", "organization_id", "created_at"),
        Index("ix_message_state", "organization_id", "state"),
    )

    partner_id: Mapped[Key] = mapped_column(ForeignKey("partner.id"))
    direction: Mapped[Direction] = mapped_column()
    kind: Mapped[str]
    # The idempotency key: ours outbound (sent on every try), the partner's message id inbound.
    key: Mapped[str]
    number: Mapped[str] = mapped_column(default="", index=True)
    # Inbound: the identity the document is from, which may differ from the network that passed it on.
    sender: Mapped[str] = mapped_column(default="")
    subject_type: Mapped[str] = mapped_column(default="")
    subject_id: Mapped[Key | None]
    state: Mapped[MessageState] = mapped_column(default=MessageState.WAITING)
    canonical: Mapped[Json | None]
    raw: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    digest: Mapped[str] = mapped_column(default="")
    warnings: Mapped[list[Any]] = mapped_column(default=list)
    cause: Mapped[str] = mapped_column(default="")
    reference: Mapped[str] = mapped_column(default="")
    trace_id: Mapped[str] = mapped_column(default=current_trace, index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    available_at: Mapped[datetime] = mapped_column(default=clock.now)
    lease_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)

    partner: Mapped[Partner] = relationship(lazy="raise")
    attempts: Mapped[list["Attempt"]] = relationship(
        lazy="raise", back_populates="message", order_by="Attempt.number"
    )


class Attempt(TenantRow):
    """One try of a message; `outcome` stays empty while it runs, or when its worker died."""

    __tablename__ = "attempt"
    __table_args__ = (UniqueConstraint("message_id", "number"),)

    message_id: Mapped[Key] = mapped_column(ForeignKey("message.id"))
    number: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(default=clock.now)
    finished_at: Mapped[datetime | None]
    outcome: Mapped[Outcome | None] = mapped_column()
    detail: Mapped[str] = mapped_column(default="")
    words: Mapped[str] = mapped_column(default="")
    wire: Mapped[list[Any]] = mapped_column(default=list, deferred=True)

    message: Mapped[Message] = relationship(lazy="raise", back_populates="attempts")


class WorkItem(TenantRow):
    """Something a person must decide; one open item per key."""

    __tablename__ = "work_item"
    __table_args__ = (
        Index(
            "uq_work_item_open_key",
            "organization_id",
            "key",
            unique=True,
            postgresql_where=text("resolved_at IS NULL"),
        ),
        Index("ix_work_item_subject", "subject_type", "subject_id"),
    )

    kind: Mapped[WorkItemKind] = mapped_column()
    key: Mapped[str]
    sentence: Mapped[str]
    suggestion: Mapped[str] = mapped_column(default="")
    subject_type: Mapped[str] = mapped_column(default="")
    subject_id: Mapped[Key | None]
    subject: Mapped[str] = mapped_column(default="")
    message_id: Mapped[Key | None] = mapped_column(ForeignKey("message.id"), index=True)
    at_stake: Mapped[Amount | None]
    cover_days: Mapped[int | None]  # how long the place lasts without what it waits for
    owner_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    opened_at: Mapped[datetime] = mapped_column(default=clock.now)
    resolved_at: Mapped[datetime | None]
    resolved_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    resolution: Mapped[str] = mapped_column(default="")
    trace_id: Mapped[str] = mapped_column(default=current_trace)

    message: Mapped[Message | None] = relationship(lazy="raise")
