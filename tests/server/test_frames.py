"""Frame borders in streams cut at any place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devworkspace.server.gateway.frames import FrameError, FrameTracker, Side, close_frame


def make_frame(payload: int, *, opcode: int = 0x82, masked: bool = False) -> bytes:
    mask = 0x80 if masked else 0
    if payload < 126:
        head = bytes((opcode, mask | payload))
    elif payload < 65536:
        head = bytes((opcode, mask | 126)) + payload.to_bytes(2, "big")
    else:
        head = bytes((opcode, mask | 127)) + payload.to_bytes(8, "big")
    return head + (b"\x01\x02\x03\x04" if masked else b"") + b"\x88" * payload


@given(
    sizes=st.lists(st.sampled_from([0, 1, 125, 126, 127, 300, 65535, 65536]), min_size=1, max_size=5),
    side=st.sampled_from(Side),
    cuts=st.lists(st.integers(0, 200_000), max_size=8),
)
def test_borders_are_found_wherever_the_stream_is_cut(sizes: list[int], side: Side, cuts: list[int]) -> None:
    frames = [make_frame(size, masked=side.value) for size in sizes]
    data = b"".join(frames)
    borders = {0}
    for frame in frames:
        borders.add(max(borders) + len(frame))
    tracker, fed = FrameTracker(side), 0
    points = sorted({cut % (len(data) + 1) for cut in cuts} | {len(data)})
    for point in points:
        part = data[fed:point]
        border = tracker.feed(part)
        assert fed + border in borders or border == 0
        assert tracker.at_border is (point in borders)
        assert border == max((known - fed for known in borders if fed < known <= point), default=0)
        fed = point
    assert tracker.frames == len(frames)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_header_may_come_in_pieces(size: int) -> None:
    data = make_frame(70_000, masked=True)
    tracker = FrameTracker(Side.CLIENT)
    for start in range(0, 20, size):
        tracker.feed(data[start : min(start + size, 20)])
    assert not tracker.at_border
    assert tracker.feed(data[20:]) == len(data) - 20
    assert tracker.at_border


@pytest.mark.parametrize(
    ("side", "data"),
    [
        (Side.CLIENT, make_frame(5)),
        (Side.CLIENT, make_frame(50)),
        (Side.SERVER, make_frame(50, masked=True)),
        (Side.SERVER, make_frame(50, opcode=0x83)),
        (Side.CLIENT, make_frame(300, opcode=0x8F, masked=True)),
        (Side.SERVER, make_frame(5, masked=True)),
        (Side.CLIENT, b"GET / HTTP/1.1\r\n"),
        (Side.SERVER, make_frame(5, opcode=0x83)),
        (Side.SERVER, make_frame(5, opcode=0x8B)),
        (Side.SERVER, bytes((0x82, 127)) + b"\xff" * 8),
    ],
)
def test_what_is_no_frame_of_this_side_is_refused(side: Side, data: bytes) -> None:
    with pytest.raises(FrameError):
        FrameTracker(side).feed(data)


@pytest.mark.parametrize("opcode", [0x00, 0x01, 0x82, 0x88, 0x89, 0x8A, 0xC1, 0x41])
def test_compressed_and_fragmented_frames_pass(opcode: int) -> None:
    tracker = FrameTracker(Side.SERVER)
    data = make_frame(5, opcode=opcode)
    assert tracker.feed(data) == len(data)


def test_a_close_frame_is_noticed() -> None:
    tracker = FrameTracker(Side.SERVER)
    tracker.feed(make_frame(5))
    assert not tracker.closing
    tracker.feed(close_frame(1000, "bye", Side.SERVER))
    assert tracker.closing


@pytest.mark.parametrize("side", Side)
def test_our_close_frames_are_valid_frames(side: Side) -> None:
    data = close_frame(1008, "x" * 200, side)
    tracker = FrameTracker(side)
    assert tracker.feed(data) == len(data)
    assert tracker.closing
