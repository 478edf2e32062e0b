"""The process that takes HL7 v2 messages over MLLP; what it stores, workers apply."""

import asyncio
import signal
import ssl
from pathlib import Path

from flask import Flask
from structlog import get_logger

from integrations.transports.mllp import Limits, Server
from portal.app import create_app
from portal.clinical.feeds import services as feeds
from portal.processes import ProcessError
from portal.settings import load

logger = get_logger(__name__)


def run(bind: str, *, connections: int, certificate: Path | None, key: Path | None) -> None:
    """Listens at host:port until SIGTERM or SIGINT; answers under way are finished first."""
    host, _, port = bind.rpartition(":")
    if not host or not port.isdigit():
        raise ProcessError(f"{bind} is not an address like 127.0.0.1:2575.")
    server = server_for(create_app(load()), Limits(connections=connections))
    try:
        asyncio.run(_serve(server, host.strip("[]"), int(port), _tls(certificate, key)))
    except OSError as error:
        raise ProcessError(f"Cannot listen at {bind}: {error.strerror or error}.") from error


def server_for(app: Flask, limits: Limits) -> Server:
    """A server whose answers come from the feeds of this application."""

    def answer(message: bytes, address: str) -> list[bytes]:
        with app.app_context():
            return feeds.take(message, address)

    def allows(address: str) -> bool:
        with app.app_context():
            return feeds.allows(address)

    return Server(answer, allows, feeds.too_large, limits)


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ProcessError(f"The certificate {certificate} cannot be used: {error}.") from error
    return context


async def _serve(server: Server, host: str, port: int, tls: ssl.SSLContext | None) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    listening = await server.start(host, port, tls=tls)
    logger.info("mllp_started", host=host, port=listening.sockets[0].getsockname()[1], tls=tls is not None)
    await stopping.wait()
    listening.close()
    server.close()
