"""Sends purchase orders by e-mail: one letter out over SMTP (RFC 5321), no answer but the server's."""

import smtplib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from integrations.canonical import PurchaseOrder
from integrations.errors import Ambiguous, Misconfigured, PartnerError, Rejected, Retryable
from integrations.health import Health
from integrations.http import Connection, WireExchange
from integrations.network.contract import Accepted
from integrations.network.mail.mapping import letter

TAKEN, PERMANENT = 250, 500
KEPT = "kept: no mail server is set up"


class MailedOrders:
    """Letters through smtp://user:password@host:port (STARTTLS if offered) or smtps://.

    Without an address of a server nothing leaves: the letter is only kept, as in the demo.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._wire: list[WireExchange] = []

    @property
    def wire(self) -> Sequence[WireExchange]:
        """Every letter so far, without its attachment."""
        return self._wire

    def check(self) -> Health:
        """Reaches the mail server and logs in; never raises."""
        started = time.monotonic()
        if not self._connection.base_url:
            return Health(True, True, f"Letters are {KEPT}", 0)
        try:
            with self._server():
                pass
        except PartnerError as error:
            return Health(not isinstance(error, Retryable), False, str(error), _since(started))
        return Health(True, True, "The mail server answers", _since(started))

    def send_purchase_order(self, order: PurchaseOrder, *, message_id: str, sent_at: datetime) -> Accepted:
        """Sends the order; a repeat carries the same Message-ID."""
        message = letter(order, sender=self._connection.settings.get("sender", ""), message_id=message_id)
        if not self._connection.base_url:
            self._note(message, None, KEPT, 0)
            return Accepted(reference=KEPT)
        started = time.monotonic()
        with self._server() as server:
            self._hand_over(server, message, started)
        return Accepted(reference=str(message["Message-ID"]))

    def close(self) -> None:
        """Nothing stays open."""

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        """A connection that is logged in; what fails before a letter leaves had no effect."""
        parts = urlsplit(self._connection.base_url)
        kind = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
        port = parts.port or (465 if parts.scheme == "smtps" else 587)
        try:
            server = kind(parts.hostname or "", port, timeout=self._connection.timeout_seconds)
        except (OSError, smtplib.SMTPException) as error:
            raise Retryable(f"the mail server does not answer ({type(error).__name__})") from error
        try:
            _open(server, parts.scheme, unquote(parts.username or ""), unquote(parts.password or ""))
            yield server
        finally:
            server.close()

    def _hand_over(self, server: smtplib.SMTP, message: EmailMessage, started: float) -> None:
        try:
            server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, words),) = list(error.recipients.values())[:1]
            self._note(message, code, _text(words), _since(started))
            raise _refusal(code, _text(words)) from error
        except smtplib.SMTPResponseException as error:
            self._note(message, error.smtp_code, _text(error.smtp_error), _since(started))
            raise _refusal(error.smtp_code, _text(error.smtp_error)) from error
        except (OSError, smtplib.SMTPException) as error:
            self._note(message, None, "", _since(started))
            raise Ambiguous("the mail server broke off; it may have taken the letter") from error
        self._note(message, TAKEN, "taken", _since(started))

    def _note(self, message: EmailMessage, code: int | None, answer: str, milliseconds: int) -> None:
        headers = {name: str(message[name]) for name in ("From", "To", "Subject", "Message-ID")}
        words = message.get_body(("plain",))
        body = words.get_content().encode() if words is not None else b""
        self._wire.append(
            WireExchange(
                "MAIL", f"mailto:{message['To']}", headers, body, code, {}, answer.encode(), milliseconds
            )
        )


def _open(server: smtplib.SMTP, scheme: str, user: str, password: str) -> None:
    try:
        server.ehlo()
        if scheme == "smtp" and server.has_extn("starttls"):
            server.starttls()
            server.ehlo()
        if user:
            server.login(user, password)
    except smtplib.SMTPAuthenticationError as error:
        raise Misconfigured("the mail server refuses the login", words=_text(error.smtp_error)) from error
    except (OSError, smtplib.SMTPException) as error:
        raise Retryable(f"the mail server does not let us in ({type(error).__name__})") from error


def _refusal(code: int, words: str) -> PartnerError:
    kind = Rejected if code >= PERMANENT else Retryable
    return kind(f"the mail server refuses the letter ({code})", words=words)


def _text(words: bytes | str) -> str:
    return words.decode("utf-8", errors="replace") if isinstance(words, bytes) else words


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
