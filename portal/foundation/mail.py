"""E-mails: a row in the outbox with what they announce, then SMTP; sent at least once, written once."""

import smtplib
from collections.abc import Iterable
from datetime import datetime, timedelta
from email.message import EmailMessage
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from sqlalchemy import ForeignKey, Index, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from portal.foundation import clock
from portal.foundation.db import Key, TenantRow, db
from portal.foundation.sealed import Sealed

TIMEOUT_SECONDS = 20
LEASE = timedelta(minutes=2)
PAUSES = (1, 5, 15, 60, 240)  # minutes between tries; after the last one the mail is given up


class MailState(StrEnum):
    """Whether a mail is still to go out."""

    PENDING = "pending"
    SENT = "sent"
    KEPT = "kept"
    FAILED = "failed"


class Mail(TenantRow):
    """A mail to one person. The body is sealed: it may hold a link that decides something."""

    __tablename__ = "mail"
    __table_args__ = (
        Index("uq_mail_key", "organization_id", "key", unique=True),
        Index("ix_mail_due", "due_at", postgresql_where=text("state = 'pending'")),
    )

    key: Mapped[str]  # the occasion: the same one never writes twice
    account_id: Mapped[Key] = mapped_column(ForeignKey("account.id"), index=True)
    address: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str] = mapped_column(Sealed("mail.body"))
    state: Mapped[MailState] = mapped_column(default=MailState.PENDING)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    due_at: Mapped[datetime] = mapped_column(default=clock.now)
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(default="")


def write(
    *,
    key: str,
    account_id: int,
    address: str,
    subject: str,
    body: str,
    state: MailState = MailState.PENDING,
) -> bool:
    """Puts a mail into the outbox in the current transaction; False when this occasion has one already.

    Another `state` keeps what has left already for the mailbox.
    """
    values = {
        "key": key, "account_id": account_id, "address": address, "subject": subject, "body": body,
        "state": state, "created_at": clock.now(), "due_at": clock.now(), "attempts": 0,
        "error": "",
    }  # fmt: skip
    statement = insert(Mail).values(values).on_conflict_do_nothing().returning(Mail.id)
    return db.session.scalar(statement) is not None


def written(keys: Iterable[str]) -> set[str]:
    """Which of these occasions have their mail."""
    return set(db.session.scalars(select(Mail.key).where(Mail.key.in_(list(keys)))))


def claim(limit: int = 50) -> list[int]:
    """Ids of mails that are due, leased to the caller: a crash lets them become due again."""
    due = (
        select(Mail.id)
        .where(Mail.state == MailState.PENDING, Mail.due_at <= clock.now())
        .order_by(Mail.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = update(Mail).where(Mail.id.in_(due)).values(due_at=clock.now() + LEASE).returning(Mail.id)
    return list(db.session.scalars(statement.execution_options(synchronize_session=False)))


def settle(mail: Mail, error: str | None, *, kept: bool = False) -> None:
    """Notes how a try ended."""
    mail.attempts += 1
    if error is None:
        mail.state = MailState.KEPT if kept else MailState.SENT
        mail.sent_at, mail.error = clock.now(), ""
    elif mail.attempts > len(PAUSES):
        mail.state, mail.error = MailState.FAILED, error
    else:
        mail.due_at = clock.now() + timedelta(minutes=PAUSES[mail.attempts - 1])
        mail.error = error


def letter(mail: Mail, sender: str) -> EmailMessage:
    """The mail as RFC 5322 text; its Message-ID is the same on every try, so that a repeat is recognized."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, mail.address, mail.subject
    message["Message-ID"] = f"<{mail.organization_id}.{mail.id}@{sender.rpartition('@')[2].strip('>')}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    message.set_content(mail.body)
    return message


def send(url: str, message: EmailMessage) -> str | None:
    """Hands a letter to smtp://user:password@host:port (STARTTLS if offered) or smtps://; None is success.

    An answer names what went wrong without what was written.
    """
    parts = urlsplit(url)
    kind = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    port = parts.port or (465 if parts.scheme == "smtps" else 587)
    try:
        with kind(parts.hostname or "", port, timeout=TIMEOUT_SECONDS) as server:
            server.ehlo()
            if parts.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls()
                server.ehlo()
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        code = getattr(error, "smtp_code", "")
        return f"{type(error).__name__} {code}".strip()
    return None
