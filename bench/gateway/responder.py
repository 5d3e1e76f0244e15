"""The cheapest WebSocket echo that Python can be: the floor below which no upstream of an editor's kind answers."""

import asyncio
import base64
import hashlib
import re
import sys
from typing import Final, cast

import uvloop

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY: Final = re.compile(rb"\r\nSec-WebSocket-Key: ([^\r]+)\r\n", re.IGNORECASE)


class Echo(asyncio.Protocol):
    """Takes masked frames of less than 126 bytes, whole in each packet, as bench/gateway/sockets.py sends them."""

    def __init__(self) -> None:
        self._open = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if self._open:
            self._transport.write(b"".join(_answers(data)))
            return
        key = _KEY.search(data)
        if key is None:
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return
        self._open = True
        accept = base64.b64encode(hashlib.sha1(key[1] + _GUID, usedforsecurity=False).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self._transport.write(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")


def _answers(data: bytes) -> list[bytes]:
    answers, position = [], 0
    while position < len(data):
        length = data[position + 1] & 0x7F
        mask = int.from_bytes(data[position + 2 : position + 6] * (length // 4 + 1), "big")
        masked = data[position + 6 : position + 6 + length].ljust(4 * (length // 4 + 1), b"\0")
        payload = (int.from_bytes(masked, "big") ^ mask).to_bytes(len(masked), "big")[:length]
        answers.append(bytes((data[position], length)) + payload)
        position += 6 + length
    return answers


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
