"""A small network on loopback that speaks cXML over real HTTP and does what a test tells it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from integrations.formats.cxml.envelope import open_envelope, write_response


@dataclass(frozen=True)
class Reply:
    """One answer: the cXML status, or with `http` a plain HTTP answer; `silent` hangs up after the effect."""

    code: int = 200
    text: str = ""
    http: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False


@dataclass(frozen=True)
class Call:
    """One request as it came in."""

    message_id: str
    headers: Mapping[str, str]
    body: bytes


class CxmlPartner:
    """`replies` are used up one by one, then everything is accepted; `effects` counts what was taken."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.calls: list[Call] = []
        self.effects: dict[str, int] = {}
        self.hold: threading.Event | None = None
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/cxml"

    def start(self) -> None:
        """Serves in the background."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Hangs up; whoever calls then is refused."""
        if self.hold is not None:
            self.hold.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Notes the call, has the effect unless the reply refuses, and says what to answer."""
        message_id = open_envelope(body).message_id
        with self._lock:
            self.calls.append(Call(message_id, headers, body))
            reply = self.replies.pop(0) if self.replies else Reply()
            if reply.code < 300 and reply.http is None:
                self.effects[message_id] = self.effects.get(message_id, 0) + 1
        if self.hold is not None:
            self.hold.wait(30)
        return reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        partner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                reply = partner.take({k.lower(): v for k, v in self.headers.items()}, body)
                if reply.silent:
                    self.close_connection = True
                    return
                content = write_response(
                    reply.code,
                    reply.text,
                    message_id=f"answer-{len(partner.calls)}",
                    sent_at=datetime.now(UTC),
                )
                self.send_response(reply.http or 200)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                body = b"Not now\n" if reply.http else content
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        return Handler


@contextmanager
def running() -> Iterator[CxmlPartner]:
    """A partner for the length of a block."""
    partner = CxmlPartner()
    partner.start()
    try:
        yield partner
    finally:
        partner.stop()
