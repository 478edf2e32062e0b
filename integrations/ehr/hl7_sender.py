"""Sends HL7 v2 messages to a clinical system over MLLP and judges its acknowledgment."""

import time
from urllib.parse import urlsplit

from integrations.errors import Ambiguous, Misconfigured, Rejected, Retryable, Unreadable
from integrations.formats.hl7v2.parsing import Message, parse
from integrations.health import Health
from integrations.http import Connection, WireExchange
from integrations.transports.mllp import Client

GOOD, REFUSED = frozenset({"AA", "CA"}), frozenset({"AE", "CE"})


class Hl7Sender:
    """One partner at mllp://host:port. The receiver knows a repeat by MSH-10, which stays the same."""

    def __init__(self, connection: Connection) -> None:
        self.wire: list[WireExchange] = []
        self._connection = connection

    def send(self, text: str) -> str:
        """Sends one message; returns the control id of the answer that accepts it.

        Raises Retryable when nothing was sent or it is told to come later (AR, CR), Ambiguous without an
        answer, Rejected with the partner's words for AE and CE.
        """
        started = time.perf_counter()
        answer = b""
        try:
            with self._open() as client:
                answer = self._exchange(client, text)
        finally:
            self._note(text, answer, started)
        return _judged(answer)

    def _open(self) -> Client:
        host, port = self._address()
        try:
            return Client(host, port, seconds=self._connection.timeout_seconds)
        except OSError as error:
            raise Retryable(f"{host}:{port} does not answer", words=type(error).__name__) from error

    def _exchange(self, client: Client, text: str) -> bytes:
        try:
            return client.send(text.encode())
        except OSError as error:
            raise Ambiguous("The message was sent, but no acknowledgment came") from error

    def _address(self) -> tuple[str, int]:
        parts = urlsplit(self._connection.base_url)
        if parts.scheme != "mllp" or not parts.hostname or not parts.port:
            raise Misconfigured("The address must be like mllp://host:2575")
        if parts.hostname not in self._connection.allowed_hosts:
            raise Misconfigured(f"The host {parts.hostname} is not among PORTAL_PARTNER_HOSTS")
        return parts.hostname, parts.port

    def _note(self, text: str, answer: bytes, started: float) -> None:
        self.wire.append(
            WireExchange(
                "MLLP", self._connection.base_url, {}, text.replace("\r", "\n").encode(),
                200 if answer else None, {}, answer.replace(b"\r", b"\n"),
                round((time.perf_counter() - started) * 1000),
            )
        )  # fmt: skip

    def check(self) -> Health:
        """Whether the address takes connections; never raises."""
        started = time.perf_counter()
        try:
            self._open().close()
        except (Misconfigured, Retryable) as error:
            return Health(reachable=False, login_ok=False, detail=str(error), milliseconds=0)
        milliseconds = round((time.perf_counter() - started) * 1000)
        return Health(reachable=True, login_ok=True, detail="takes connections", milliseconds=milliseconds)

    def close(self) -> None:
        """Nothing stays open between messages."""


def _judged(answer: bytes) -> str:
    try:
        message = parse(answer)
    except Unreadable as error:
        raise Ambiguous("The acknowledgment cannot be read") from error
    msa = message.first("MSA")
    code = msa.text(1) if msa else ""
    if code in GOOD:
        return message.header.text(10)
    words = _words(message)
    if code in REFUSED:
        raise Rejected(f"The message was refused ({code})", words=words, code=code)
    raise Retryable(f"The message was not taken now ({code or 'no code'})", words=words, code=code)


def _words(message: Message) -> str:
    errors = [err.text(8) or err.text(3, 2) or err.text(7) for err in message.all("ERR")]
    msa = message.first("MSA")
    return "; ".join(filter(None, [*errors, msa.text(3) if msa else ""]))[:500]
