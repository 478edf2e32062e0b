"""MLLP (HL7 Minimal Lower Layer Protocol release 1): 0x0B message 0x1C 0x0D over TCP; server and client.

The framing is written here because python-hl7's reader ends a connection at the first stray byte and waits
without a limit; the tests talk to it with that library's client.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self, TypeVar

from structlog import get_logger

START, END, AFTER = b"\x0b", b"\x1c", b"\r"
CHUNK = 65_536
log = get_logger(__name__)
T = TypeVar("T")


class TooLarge(Exception):
    """A frame is longer than allowed; `head` is its beginning."""

    def __init__(self, head: bytes) -> None:
        super().__init__("The frame is too large")
        self.head = head


class Frames:
    """Cuts a stream into messages, however it arrives; `stray` counts what stood outside of frames."""

    def __init__(self, limit: int) -> None:
        self.stray = 0
        self._limit = limit
        self._frame: bytearray | None = None

    @property
    def is_open(self) -> bool:
        """Whether a frame began and did not end yet."""
        return self._frame is not None

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete now; raises TooLarge."""
        done = []
        while data:
            if self._frame is None:
                before, start, data = data.partition(START)
                self.stray += len(before.strip(b"\r\n"))
                if not start:
                    break
                self._frame = bytearray()
            content, end, rest = data.partition(END)
            cut, restart, again = content.rpartition(START)
            if restart:  # a new message begins where the last one broke off
                self.stray += len(self._frame) + len(cut)
                self._frame, content = bytearray(), again
            self._frame += content
            if len(self._frame) > self._limit:
                raise TooLarge(bytes(self._frame[:CHUNK]))
            if end:
                done.append(bytes(self._frame))
                self._frame = None
            data = rest
        return done


def framed(message: bytes) -> bytes:
    """The message as one frame."""
    return START + message + END + AFTER


@dataclass(frozen=True)
class Limits:
    """What a server grants; a frame must arrive whole in `frame_seconds`, between frames it may be silent."""

    connections: int = 200
    threads: int = 8
    message_bytes: int = 2_000_000
    frame_seconds: float = 30.0
    idle_seconds: float = 3_600.0


Answer = Callable[[bytes, str], Sequence[bytes]]


@dataclass
class Server:
    """Answers messages; one connection after the other in its own order, many at the same time.

    `answer(message, address)` gives the frames to send back and runs in a thread; `allows(address)` is asked
    first; `too_large(head)` answers what was cut off.
    """

    answer: Answer
    allows: Callable[[str], bool]
    too_large: Callable[[bytes], bytes]
    limits: Limits = field(default_factory=Limits)
    open_connections: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self._threads = ThreadPoolExecutor(self.limits.threads, thread_name_prefix="mllp")

    async def start(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        """Listens; close the returned server to stop."""
        return await asyncio.start_server(self._serve, host, port, ssl=tls, backlog=1024)

    def close(self) -> None:
        """Waits for the answers under way."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = (writer.get_extra_info("peername") or ("",))[0]
        if self.open_connections >= self.limits.connections:
            self.refused += 1
            writer.transport.abort()
            return
        self.open_connections += 1
        try:
            if await self._in_thread(self.allows, address):
                await self._talk(reader, writer, address)
            else:
                log.warning("mllp_address_refused", address=address)
        except (ConnectionError, TimeoutError) as error:
            log.info("mllp_connection_lost", address=address, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001  # one connection must never end the process
            log.error("mllp_failed", address=address, error=type(error).__name__)
        finally:
            self.open_connections -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> None:
        frames = Frames(self.limits.message_bytes)
        clock = asyncio.get_running_loop().time
        until = clock() + self.limits.idle_seconds
        while data := await asyncio.wait_for(reader.read(CHUNK), until - clock()):
            was_open = frames.is_open
            try:
                messages = frames.feed(data)
            except TooLarge as error:
                await self._send(writer, [self.too_large(error.head)])
                return
            for message in messages:
                await self._send(writer, await self._in_thread(self.answer, message, address))
            if frames.stray:
                log.warning("mllp_stray_bytes", address=address, count=frames.stray)
                frames.stray = 0
            if not frames.is_open:
                until = clock() + self.limits.idle_seconds
            elif messages or not was_open:
                until = clock() + self.limits.frame_seconds

    async def _send(self, writer: asyncio.StreamWriter, answers: Sequence[bytes]) -> None:
        for one in answers:
            writer.write(framed(one))
        await asyncio.wait_for(writer.drain(), self.limits.frame_seconds)

    async def _in_thread(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)


class Client:
    """Sends messages over one connection and waits for the answer to each."""

    def __init__(self, host: str, port: int, *, seconds: float = 30.0, limit: int = 2_000_000) -> None:
        self._socket = socket.create_connection((host, port), timeout=seconds)
        self._frames = Frames(limit)
        self._waiting: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def send(self, message: bytes) -> bytes:
        """The next frame that comes back; raises OSError when none does."""
        self._socket.sendall(framed(message))
        return self.receive()

    def receive(self) -> bytes:
        """A further frame; raises OSError when none comes."""
        while not self._waiting:
            data = self._socket.recv(CHUNK)
            if not data:
                raise ConnectionError("The connection was closed without an answer")
            self._waiting += self._frames.feed(data)
        return self._waiting.pop(0)
