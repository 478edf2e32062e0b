"""Runs the sandbox network as a server: the web application and the sender thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.serving import make_server

from integrations.sandbox.network.app import create_app
from integrations.sandbox.network.sender import Sender
from integrations.sandbox.network.settings import NetworkSettings

POLL_SECONDS = 0.05


def serve(host: str, port: int, settings: NetworkSettings) -> None:
    """Serves until the process ends."""
    server = make_server(host, port, create_app(settings), threaded=True)
    sender = Sender(settings)
    sender.start()
    try:
        server.serve_forever()
    finally:
        sender.stop()
        server.server_close()


@contextmanager
def running(settings: NetworkSettings) -> Iterator[str]:
    """The network on a free port of this machine, for tests; gives its address."""
    server = make_server("127.0.0.1", 0, create_app(settings), threaded=True)
    thread = threading.Thread(
        target=server.serve_forever, args=(POLL_SECONDS,), name="network-sandbox", daemon=True
    )
    sender = Sender(settings)
    thread.start()
    sender.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        sender.stop()
        server.shutdown()
        thread.join()
        server.server_close()
