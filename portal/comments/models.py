"""Comments about a document, and the people they mention."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.foundation import clock
from portal.foundation.db import Key, TenantRow
from portal.identity.models import Account


class Comment(TenantRow):
    """Plain text about one document; never changed, but its author may withdraw it: the text is gone then."""

    __tablename__ = "comment"
    __table_args__ = (Index("ix_comment_subject", "subject_type", "subject_id"),)

    subject_type: Mapped[str]
    subject_id: Mapped[Key]
    subject: Mapped[str]  # as people call it: "Order PO-10001"
    author_id: Mapped[Key] = mapped_column(ForeignKey("account.id"))
    text: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=clock.now)
    withdrawn_at: Mapped[datetime | None]

    @property
    def number(self) -> str:
        """What the audit trail calls it by."""
        return self.subject

    author: Mapped[Account] = relationship(lazy="raise")
    mentions: Mapped[list["Mention"]] = relationship(
        lazy="raise", back_populates="comment", order_by="Mention.id"
    )


class Mention(TenantRow):
    """A person whom a comment is for."""

    __tablename__ = "mention"
    __table_args__ = (
        UniqueConstraint("comment_id", "account_id"),
        Index("ix_mention_unread", "account_id", postgresql_where=text("seen_at IS NULL")),
    )

    comment_id: Mapped[Key] = mapped_column(ForeignKey("comment.id"))
    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"), index=True)
    seen_at: Mapped[datetime | None]

    comment: Mapped[Comment] = relationship(lazy="raise", back_populates="mentions")
    account: Mapped[Account] = relationship(lazy="raise")
