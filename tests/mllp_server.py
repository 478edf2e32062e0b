"""An MLLP server on a free port for tests."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from integrations.transports.mllp import Answer, Limits, Server


def echo(message: bytes, address: str) -> list[bytes]:
    if message == b"fail":
        raise ValueError("broken on purpose")
    return [b"MSA|AA|" + message[-20:]]


@contextmanager
def serving(limits: Limits, *, allowed: bool = True, answer: Answer = echo) -> Iterator[tuple[Server, int]]:
    """A server on a free port in a thread of its own."""
    server = Server(answer, lambda address: allowed, lambda head: b"MSA|AR|", limits)
    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(server.start("127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server, listening.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(listening.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
