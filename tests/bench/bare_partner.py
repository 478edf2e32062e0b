"""The least a network partner can be: takes any post on loopback and says that all is well."""

import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from integrations.formats.cxml.envelope import write_response

ANSWER = write_response(200, "OK", message_id="taken@partner", sent_at=datetime(2026, 1, 1, tzinfo=UTC))


class Taking(BaseHTTPRequestHandler):
    """Keeps the connection open between posts."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet

    def do_POST(self) -> None:
        """Reads all and accepts it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Taking).serve_forever()
