"""A real HTTP server that answers every request with the same scripted bytes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Script:
    """What is answered; `cut` sends that many bytes fewer than announced, then closes.

    With `pause_seconds` every byte comes alone, so long after the one before.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    pause_seconds: float = 0.0
    requests: list[tuple[str, bytes]] = field(default_factory=list)


@contextmanager
def scripted(script: Script) -> Iterator[str]:
    """Gives the server's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            script.requests.append((self.path, self.rfile.read(length)))
            self.send_response(script.status)
            for name, value in script.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(script.body)))
            self.end_headers()
            self._write(script.body[: len(script.body) - script.cut])
            self.close_connection = True

        def _write(self, body: bytes) -> None:
            step = 1 if script.pause_seconds else len(body) or 1
            for start in range(0, len(body), step):
                time.sleep(script.pause_seconds)
                try:
                    self.wfile.write(body[start : start + step])
                except ConnectionError:
                    return

        def log_message(self, *words: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
