"""Carries ssh's bytes between two pipes and a WebSocket, in one thread.

Without asyncio: the process starts anew for each connection, and what it loads is a part of how long that takes.
"""

import contextlib
import os
import select
import socket
import ssl
from typing import Final

from devworkspace.cli.remote.frames import HEAD_BYTES, NORMAL, FrameError, FrameReader, close_frame, put_head

CHUNK: Final = 256 * 1024
# How long the server's reason may be on its way when it takes no more from us.
END_SECONDS: Final = 2.0
_LATER: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# So many pieces at most are written at once (IOV_MAX).
_PIECES: Final = 1024


class Splice:
    """`source` and `sink` are the descriptors of ssh's pipes, `early` is what has come behind the handshake."""

    def __init__(self, connection: socket.socket, *, source: int, sink: int, early: bytes = b"") -> None:
        self._connection = connection
        self._source = source
        self._sink = sink
        self._early = early
        self._frames = FrameReader()
        self._sent = bytearray(HEAD_BYTES + CHUNK)
        self._received = bytearray(CHUNK)
        # What one side has given and the other one has not taken yet: until it has, nothing more is read.
        self._up = memoryview(b"")
        self._down: list[memoryview] = []
        # The server takes no more, and only why is still of interest.
        self._deaf = False
        self._ended = False
        self._code: int | None = None

    def run(self) -> int | None:
        """The server's close code, NORMAL if ssh has ended it, None if it broke off."""
        self._connection.setblocking(False)
        for pipe in (self._source, self._sink):
            os.set_blocking(pipe, False)
        try:
            self._pass_on(memoryview(self._early))
            while not self._ended:
                self._step()
        except FrameError:
            return None
        return self._code

    def _step(self) -> None:
        server = self._connection.fileno()
        reading = [*([] if self._down else [server]), *([] if self._up or self._deaf else [self._source])]
        writing = [*([server] if self._up else []), *([self._sink] if self._down else [])]
        decrypted = not self._down and isinstance(self._connection, ssl.SSLSocket) and self._connection.pending() > 0
        patience = 0 if decrypted else END_SECONDS if self._deaf else None
        readable, writable, _ = select.select(reading, writing, [], patience)
        if self._source in readable:
            self._take_from_ssh()
        if server in writable:
            self._send()
        if self._sink in writable:
            self._write()
        if server in readable or decrypted:
            self._take_from_server()
        elif self._deaf and not readable and not writable:
            self._end(None)

    def _take_from_ssh(self) -> None:
        try:
            size = os.readv(self._source, [memoryview(self._sent)[HEAD_BYTES:]])
        except BlockingIOError:
            return
        if size == 0:
            with contextlib.suppress(OSError):
                self._connection.send(close_frame(NORMAL))
            self._end(NORMAL)
            return
        start = put_head(self._sent, size)
        self._up = memoryview(self._sent)[start : HEAD_BYTES + size]
        self._send()

    def _send(self) -> None:
        while not self._deaf:
            if not self._up and self._frames.answers:
                self._up = memoryview(bytes(self._frames.answers))
                self._frames.answers.clear()
            if not self._up:
                return
            try:
                sent = self._connection.send(self._up)
            except _LATER:
                return
            except OSError:
                self._deaf, self._up = True, memoryview(b"")
                return
            self._up = self._up[sent:]

    def _take_from_server(self) -> None:
        try:
            size = self._connection.recv_into(self._received)
        except _LATER:
            return
        except OSError:
            size = 0
        if size == 0:
            self._end(None)
            return
        self._pass_on(memoryview(self._received)[:size])
        self._send()

    def _pass_on(self, data: memoryview) -> None:
        self._down = self._frames.feed(data)
        self._write()

    def _write(self) -> None:
        while self._down:
            try:
                written = os.writev(self._sink, self._down[:_PIECES])
            except BlockingIOError:
                return
            except OSError:
                self._end(NORMAL)
                return
            while self._down and written >= len(self._down[0]):
                written -= len(self._down.pop(0))
            if written:
                self._down[0] = self._down[0][written:]
        if self._frames.code is not None:
            self._end(self._frames.code)

    def _end(self, code: int | None) -> None:
        self._ended, self._code = True, code
