"""WebSocket frames as ssh needs them: a client's heads, and the payloads of a server's, in the pieces they come in.

Where a message ends means nothing to ssh, so nothing waits for that. The mask is zero: a mask is there so that a
page of a browser cannot choose the bytes that a proxy sees, and ssh's are encrypted. Neither end has to compute it.
"""

import struct
from typing import Final

# The longest head of a client.
HEAD_BYTES: Final = 14
CLOSE: Final = 0x8
PING: Final = 0x9
_FINAL: Final = 0x80
_BINARY: Final = 0x2
_PONG: Final = 0xA
_DEFINED: Final = frozenset({0x0, 0x1, _BINARY, CLOSE, PING, _PONG})
_MASKED: Final = 0x80
_MAX_CONTROL: Final = 125
NORMAL: Final = 1000
# A close frame that gives no reason.
NO_CODE: Final = 1005


class FrameError(Exception):
    """The bytes are not the frames of a server."""


def put_head(buffer: bytearray, size: int) -> int:
    """Writes the head of a binary message of `size` bytes so that it ends at HEAD_BYTES; returns where it begins."""
    head = _make_head(_BINARY, size)
    start = HEAD_BYTES - len(head)
    buffer[start:HEAD_BYTES] = head
    return start


def close_frame(code: int) -> bytes:
    return _make_head(CLOSE, 2) + struct.pack("!H", code)


def _make_head(opcode: int, size: int) -> bytes:
    first, mask = _FINAL | opcode, bytes(4)
    if size <= _MAX_CONTROL:
        return bytes((first, _MASKED | size)) + mask
    if size < 1 << 16:
        return struct.pack("!BBH", first, _MASKED | 126, size) + mask
    return struct.pack("!BBQ", first, _MASKED | 127, size) + mask


class FrameReader:
    """Takes apart what a server sends. `code` is its close frame's, `answers` what has to be sent for its pings."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.answers = bytearray()
        self._head = bytearray()
        self._opcode = 0
        self._left = 0
        self._control = bytearray()

    def feed(self, data: memoryview) -> list[memoryview]:
        """The pieces of ssh's bytes in there, as views of `data`. Raises FrameError."""
        pieces: list[memoryview] = []
        while data and self.code is None:
            if self._left:
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
                if self._opcode < CLOSE:
                    pieces.append(piece)
                else:
                    self._control += piece
            else:
                data = self._take_head(data)
            if self._opcode >= CLOSE and not self._left and not self._head:
                self._end_control()
        return pieces

    def _take_head(self, data: memoryview) -> memoryview:
        """What is behind as much of a head as is there."""
        wanted = 2 if len(self._head) < 2 else _head_length(self._head)
        taken = wanted - len(self._head)
        self._head += data[:taken]
        if len(self._head) >= 2 and len(self._head) == _head_length(self._head):
            self._begin()
        return data[taken:]

    def _begin(self) -> None:
        first, second = self._head[0], self._head[1]
        opcode, size = first & 0x0F, second
        if second > _MAX_CONTROL:
            size = int.from_bytes(self._head[2:], "big")
        if first & 0x70 or opcode not in _DEFINED or second & _MASKED or (opcode >= CLOSE and size > _MAX_CONTROL):
            raise FrameError(f"no frame of a server begins with {bytes(self._head).hex()}")
        self._opcode, self._left = opcode, size
        self._head.clear()

    def _end_control(self) -> None:
        if self._opcode == CLOSE:
            self.code = int.from_bytes(self._control[:2], "big") if len(self._control) >= 2 else NO_CODE
        elif self._opcode == PING:
            self.answers += _make_head(_PONG, len(self._control)) + self._control
        self._opcode = 0
        self._control.clear()


def _head_length(head: bytearray) -> int:
    return {126: 4, 127: 10}.get(head[1] & 0x7F, 2)
