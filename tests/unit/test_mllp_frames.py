"""Frames however the stream is cut, and whatever stands between them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.transports.mllp import Frames, TooLarge, framed

CONTENT = st.binary(max_size=40).map(lambda raw: raw.replace(b"\x0b", b"").replace(b"\x1c", b""))
STRAY = st.binary(max_size=10).map(lambda raw: raw.replace(b"\x0b", b"").replace(b"\x1c", b""))


@given(st.lists(st.tuples(STRAY, CONTENT), max_size=5), st.lists(st.integers(0, 300), max_size=20))
def test_a_stream_may_be_cut_anywhere(parts: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(stray + framed(content) for stray, content in parts)
    frames = Frames(100)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    got = [one for start, end in pairwise(places) for one in frames.feed(stream[start:end])]
    assert got == [content for _, content in parts]
    assert not frames.is_open


def test_one_byte_at_a_time_and_two_at_once() -> None:
    frames = Frames(100)
    stream = framed(b"MSH|1") + framed(b"MSH|2")
    assert [one for at in range(len(stream)) for one in frames.feed(stream[at : at + 1])] == [
        b"MSH|1",
        b"MSH|2",
    ]
    assert frames.feed(stream) == [b"MSH|1", b"MSH|2"]
    assert frames.stray == 0


def test_a_new_start_gives_up_a_broken_frame() -> None:
    frames = Frames(100)
    assert frames.feed(b"GET / HTTP/1.1\r\n\x0bMSH|broken") == []
    assert frames.is_open
    assert frames.feed(b"-off\x0bMSH|1\x1c\r") == [b"MSH|1"]
    assert frames.stray == len("GET / HTTP/1.1") + len("MSH|broken-off")


def test_a_frame_without_end_is_cut_off() -> None:
    frames = Frames(100)
    for _ in range(9):
        frames.feed(b"0123456789" if frames.is_open else b"\x0bMSH|")
    with pytest.raises(TooLarge) as caught:
        frames.feed(b"0123456789" * 3)
    assert caught.value.head.startswith(b"MSH|0123")
