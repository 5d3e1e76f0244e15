"""The client's frames, against aiohttp's own reader and writer at the other end, and byte by byte."""

import random
import struct

import pytest

from devworkspace.cli.remote.frames import (
    HEAD_BYTES,
    NO_CODE,
    NORMAL,
    FrameError,
    FrameReader,
    close_frame,
    put_head,
)
from devworkspace.server.gateway.frames import FrameTracker, Side

# Around each border between the lengths of a head.
SIZES = (1, 125, 126, 127, 65535, 65536, 200_000)


def of_server(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    first, size = (0x80 if final else 0) | opcode, len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    return struct.pack("!BBH" if size < 65536 else "!BBQ", first, 126 if size < 65536 else 127, size) + payload


def read(reader: FrameReader, *chunks: bytes) -> bytes:
    return b"".join(bytes(piece) for chunk in chunks for piece in reader.feed(memoryview(chunk)))


@pytest.mark.parametrize("size", SIZES)
def test_what_is_sent_is_a_frame_of_a_client(size: int) -> None:
    payload = random.Random(size).randbytes(size)
    buffer = bytearray(HEAD_BYTES) + payload
    frame = bytes(buffer[put_head(buffer, size) :])
    tracker = FrameTracker(Side.CLIENT)
    assert (tracker.feed(frame), tracker.frames, tracker.at_border) == (len(frame), 1, True)
    assert frame.endswith(bytes(4) + payload), "a mask of zero, and the bytes as they are"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [1, 7, 4096, 1 << 20])
def test_payloads_come_out_however_the_bytes_arrive(size: int, step: int) -> None:
    payload = random.Random(size).randbytes(size)
    data = of_server(2, payload[: size // 2], final=False) + of_server(0, payload[size // 2 :]) + of_server(2, b"end")
    reader = FrameReader()
    assert read(reader, *(data[at : at + step] for at in range(0, len(data), step))) == payload + b"end"
    assert reader.code is None


def test_a_ping_is_answered_and_a_pong_is_not() -> None:
    reader = FrameReader()
    assert read(reader, of_server(9, b"are you there"), of_server(10, b""), of_server(2, b"x")) == b"x"
    assert bytes(reader.answers) == bytes((0x8A, 0x80 | 13)) + bytes(4) + b"are you there"


@pytest.mark.parametrize(
    ("payload", "code"), [(b"", NO_CODE), (struct.pack("!H", 1008) + "终止".encode(), 1008), (b"\x03\xe8", NORMAL)]
)
def test_the_end_says_why_and_nothing_comes_behind_it(payload: bytes, code: int) -> None:
    reader = FrameReader()
    data = of_server(2, b"last") + of_server(8, payload) + of_server(2, b"never")
    assert read(reader, *(data[at : at + 1] for at in range(len(data)))) == b"last"
    assert reader.code == code


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x82\x81\0\0\0\0x", id="masked"),
        pytest.param(b"\xc2\x01x", id="compressed"),
        pytest.param(b"\x83\x01x", id="undefined"),
        pytest.param(b"\x89\x7e\x00\x80" + bytes(128), id="a ping too long"),
        pytest.param(b"HTTP/1.1 502", id="no frame at all"),
    ],
)
def test_what_no_server_sends_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        FrameReader().feed(memoryview(data))


def test_our_own_end_is_a_frame_of_a_client() -> None:
    tracker = FrameTracker(Side.CLIENT)
    tracker.feed(close_frame(NORMAL))
    assert (tracker.closing, tracker.at_border) == (True, True)
