"""An MLLP server on a free port for tests."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from integrations.transports.mllp import Answer, Limits, Server

TURNS = 10  # of the loop: asyncio loses a connection that it accepts while it closes the listener


def echo(message: bytes, address: str) -> list[bytes]:
    if message == b"fail":
        raise ValueError("broken on purpose")
    return [b"MSA|AA|" + message[-20:]]


@contextmanager
def serving(limits: Limits, *, allowed: bool = True, answer: Answer = echo) -> Iterator[tuple[Server, int]]:
    """A server on a free port in a thread of its own, whatever loop the tests' own thread runs."""
    server = Server(answer, lambda address: allowed, lambda head: b"MSA|AR|", limits)
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Future()

    async def serve() -> None:
        listening = await server.start("127.0.0.1", 0)
        stopping = asyncio.Event()
        started.set_result((asyncio.get_running_loop(), stopping, listening.sockets[0].getsockname()[1]))
        await stopping.wait()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        listening.close()

    with ThreadPoolExecutor(1) as thread:
        served = thread.submit(asyncio.run, serve())
        loop, stopping, port = started.result(30)
        try:
            yield server, port
        finally:
            loop.call_soon_threadsafe(stopping.set)
            served.result(30)
            server.close()
