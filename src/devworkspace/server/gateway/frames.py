"""Where WebSocket frames begin and end in a stream of bytes, without touching what is inside them.

The relay splices raw bytes, so that extensions (permessage-deflate) pass from end to end. Frame borders are still
needed for one thing: a close frame of our own may only be put between two frames.
"""

import enum
import struct
from typing import Final

_CLOSE_OPCODE: Final = 0x8
_DEFINED_OPCODES: Final = frozenset({0x0, 0x1, 0x2, 0x8, 0x9, 0xA})
_MAX_HEADER: Final = 14


class Side(enum.Enum):
    """Who sends: a client must mask its frames, a server must not."""

    CLIENT = True
    SERVER = False


class FrameError(Exception):
    """The bytes are not WebSocket frames of this side."""


class FrameTracker:
    """Follows one direction of a WebSocket. Holds at most an incomplete header, never a payload."""

    def __init__(self, side: Side) -> None:
        self._masked = side.value
        self._header = bytearray()
        self._remaining = 0
        self.frames = 0
        self.closing = False

    @property
    def at_border(self) -> bool:
        """Whether everything fed so far is whole frames."""
        return self._remaining == 0 and not self._header

    def feed(self, data: bytes) -> int:
        """Takes the next bytes; returns how many of them belong to whole frames seen so far (the last border).

        Raises FrameError for an undefined opcode, a wrong mask bit or a length that no frame can have.
        """
        position = border = 0
        size = len(data)
        while position < size:
            if self._remaining:
                step = min(self._remaining, size - position)
                self._remaining -= step
                position += step
            elif size - position >= _MAX_HEADER and not self._header:
                position = self._take_header(data, position)
            else:
                position = self._feed_header(data, position)
            if not self._remaining and not self._header:
                border = position
        return border

    def _take_header(self, data: bytes, position: int) -> int:
        """A header that is here in whole, as nearly all are; returns where it ends. Equal to `_feed_header`."""
        first, second = data[position], data[position + 1]
        if first & 0x0F not in _DEFINED_OPCODES or (second & 0x80 != 0) is not self._masked:
            self._check(data[position : position + 2])
        short = second & 0x7F
        self._remaining = short if short < 126 else _payload_length(data[position : position + _MAX_HEADER])
        self.frames += 1
        if first & 0x0F == _CLOSE_OPCODE:
            self.closing = True
        return position + (2 if short < 126 else 4 if short == 126 else 10) + (4 if self._masked else 0)

    def _feed_header(self, data: bytes, position: int) -> int:
        have = len(self._header)
        self._header += data[position : position + _MAX_HEADER - have]
        length = _header_length(self._header)
        if length is None or len(self._header) < length:
            self._check(self._header)
            return len(data)
        header = bytes(self._header[:length])
        self._header.clear()
        self._check(header)
        self._remaining = _payload_length(header)
        self.frames += 1
        self.closing = self.closing or header[0] & 0x0F == _CLOSE_OPCODE
        return position + length - have

    def _check(self, header: bytes | bytearray) -> None:
        if header[0] & 0x0F not in _DEFINED_OPCODES:
            raise FrameError(f"undefined opcode {header[0] & 0x0F:#x}")
        if len(header) > 1 and bool(header[1] & 0x80) is not self._masked:
            raise FrameError("a client must mask its frames, a server must not")


def _header_length(header: bytearray) -> int | None:
    """The length of the header that begins here, or None while the two bytes that tell it are not there yet."""
    if len(header) < 2:
        return None
    extended = {126: 2, 127: 8}.get(header[1] & 0x7F, 0)
    return 2 + extended + (4 if header[1] & 0x80 else 0)


def _payload_length(header: bytes) -> int:
    short = header[1] & 0x7F
    if short < 126:
        return short
    length: int = struct.unpack_from("!H" if short == 126 else "!Q", header, 2)[0]
    if length >= 1 << 63:
        raise FrameError("the length of a frame has its highest bit set")
    return length


def close_frame(code: int, reason: str, side: Side) -> bytes:
    """A close frame as this side sends it; `reason` up to 123 bytes. The zero mask is allowed and hides nothing."""
    payload = struct.pack("!H", code) + reason.encode()[:123]
    if side is Side.SERVER:
        return bytes((0x88, len(payload))) + payload
    return bytes((0x88, 0x80 | len(payload))) + bytes(4) + payload
