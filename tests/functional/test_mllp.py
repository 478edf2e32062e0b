"""The MLLP server alone: odd senders, silent ones and too many of them; it lives."""

import asyncio
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hl7.mllp import open_hl7_connection

from integrations.transports.mllp import Client, Limits, framed
from tests.mllp_server import serving

MESSAGE = b"MSH|^~\\&|OR|MAIN|P|L|20260301||DFT^P03|M1|P|2.8\r"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(Limits(message_bytes=10_000, frame_seconds=1.0)) as (_, port):
        yield port


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side ends the connection soon."""
    connection.settimeout(5)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_many_messages_on_one_connection(port: int) -> None:
    with Client("127.0.0.1", port) as client:
        assert [client.send(b"%d" % number) for number in range(20)] == [
            b"MSA|AA|%d" % number for number in range(20)
        ]


def test_another_library_talks_to_it(port: int) -> None:
    async def talk() -> str:
        reader, writer = await open_hl7_connection("127.0.0.1", port, encoding="utf-8")
        writer.writeblock(MESSAGE)
        await writer.drain()
        block = await reader.readblock()
        writer.close()
        return bytes(block).decode()

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, talk()).result(30).startswith("MSA|AA|")


def test_one_byte_at_a_time_and_garbage_before_the_frame(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"\x00\xffgarbage\r\n" + framed(b"one"):
            connection.send(bytes([byte]))
        assert connection.recv(100) == framed(b"MSA|AA|one")


def test_half_a_frame_then_silence_is_given_up(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.send(b"\x0bMSH|half")
        started = time.monotonic()
        assert is_closed(connection)
        assert time.monotonic() - started < 4


def test_a_frame_that_trickles_in_is_given_up_too(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(0.05)
        connection.send(b"\x0b")
        ended = False
        for _ in range(60):  # the deadline is one of the frame, not of each byte
            try:
                connection.send(b"x")
                ended = connection.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True
            if ended:
                break
        assert ended


def test_a_frame_too_large_is_answered_and_ends_the_connection(port: int) -> None:
    with Client("127.0.0.1", port) as client:
        assert client.send(b"x" * 20_000) == b"MSA|AR|"


def test_a_failure_ends_one_connection_only(port: int) -> None:
    with Client("127.0.0.1", port) as client, Client("127.0.0.1", port) as other:
        with pytest.raises(ConnectionError):
            client.send(b"fail")
        assert other.send(b"well") == b"MSA|AA|well"


def test_strangers_are_refused() -> None:
    with serving(Limits(), allowed=False) as (_, port), socket.create_connection(("127.0.0.1", port)) as one:
        assert is_closed(one)


def test_ten_thousand_connections_leave_it_alive() -> None:
    with serving(Limits(connections=50)) as (server, port):
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
        deadline = time.monotonic() + 10
        while server.open_connections < 50 and time.monotonic() < deadline:
            time.sleep(0.01)
        for _ in range(10_000):
            with socket.create_connection(("127.0.0.1", port)):
                pass
        assert server.open_connections <= 50
        held[0].sendall(framed(b"still"))
        assert held[0].recv(100) == framed(b"MSA|AA|still")
        for one in held:
            one.close()
        while server.open_connections and time.monotonic() < deadline + 10:
            time.sleep(0.01)
        assert server.refused > 9_000
        with Client("127.0.0.1", port) as client:
            assert client.send(b"after") == b"MSA|AA|after"
