"""Runs a sandbox partner as a server process."""

import logging
import signal
from types import FrameType

from flask import Flask
from werkzeug.serving import BaseWSGIServer, make_server


def server(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """A bound server, one thread a request; port 0 takes a free one (`server_port` says which)."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    return make_server(host, port, app, threaded=True)


def serve(app: Flask, host: str, port: int) -> None:
    """Serves until SIGTERM or Ctrl-C; nothing is kept in memory only, so a kill loses nothing."""
    signal.signal(signal.SIGTERM, _stop)
    running = server(app, host, port)
    try:
        running.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        running.server_close()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
