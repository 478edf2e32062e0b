"""The inbound end of a portal for tests of the sandbox network: keeps what arrives, answers as scripted."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from integrations.canonical import Confirmation, InboundDocument, ShipNotice
from integrations.errors import Unreadable
from integrations.registry import INBOUND
from tests.unit.cxml_documents import SENT_AT

FORMAT = INBOUND["cxml"]
PATIENCE_SECONDS = 20.0


@dataclass
class Inbox:
    """Every document received; `codes` are answered one by one, then 201 for readable documents."""

    received: list[bytes] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)

    def take(self, raw: bytes) -> bytes:
        """Keeps a document and gives the Response."""
        self.received.append(raw)
        code = self.codes.pop(0) if self.codes else 201
        try:
            FORMAT.open_envelope(raw)
        except Unreadable:
            code = 406
        return FORMAT.answer(code, "", message_id=f"{len(self.received)}@portal", sent_at=SENT_AT)

    def documents(self) -> list[InboundDocument]:
        """The readable documents in the order they came."""
        found = []
        for raw in list(self.received):
            try:
                found.append(FORMAT.translate(raw).document)
            except Unreadable:
                continue
        return found

    def confirmations(self) -> list[Confirmation]:
        return [document for document in self.documents() if isinstance(document, Confirmation)]

    def ship_notices(self) -> list[ShipNotice]:
        return [document for document in self.documents() if isinstance(document, ShipNotice)]

    def wait_for(self, count: int) -> None:
        """Waits until so many documents were posted."""
        until(lambda: len(self.received) >= count, lambda: f"{len(self.received)} documents, not {count}")


def until(reached: Callable[[], bool], told: Callable[[], str]) -> None:
    """Waits for a state; says what is there instead when it does not come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, told()
        time.sleep(0.02)


@contextmanager
def listening(inbox: Inbox, port: int = 0) -> Iterator[str]:
    """The inbox behind /exchange/cxml on a free port; gives the portal's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            body = inbox.take(raw) if self.path == "/exchange/cxml" else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
