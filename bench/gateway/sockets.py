"""WebSocket clients that cost little themselves: a prepared frame, plain sockets, one thread."""

import select
import socket
import time
from collections.abc import Iterable
from typing import Final

from bench.gateway.contenders import Address

PAYLOAD_BYTES: Final = 100
_MASK: Final = b"\x11\x22\x33\x44"
_PAYLOAD: Final = bytes(range(PAYLOAD_BYTES))
_FRAME: Final = (
    bytes((0x82, 0x80 | PAYLOAD_BYTES)) + _MASK + bytes(byte ^ _MASK[at % 4] for at, byte in enumerate(_PAYLOAD))
)
_ANSWER: Final = bytes((0x82, PAYLOAD_BYTES)) + _PAYLOAD


def connect(address: Address) -> socket.socket:
    """An open WebSocket. Raises RuntimeError if it is refused."""
    link = socket.create_connection(("127.0.0.1", address.port), timeout=30)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    handshake = {
        **address.headers,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    lines = ["GET /echo HTTP/1.1", *(f"{name}: {value}" for name, value in handshake.items()), "", ""]
    link.sendall("\r\n".join(lines).encode())
    head = b""
    while b"\r\n\r\n" not in head:
        data = link.recv(4096)
        if not data:
            break
        head += data
    if not head.startswith(b"HTTP/1.1 101 "):
        raise RuntimeError(f"the WebSocket was refused: {head[:200]!r}")
    return link


def echo(link: socket.socket, *, seconds: float) -> list[float]:
    """Round trips on one connection, one after the other, in milliseconds."""
    found = []
    end = time.perf_counter() + seconds
    while (sent := time.perf_counter()) < end:
        link.sendall(_FRAME)
        _read_answer(link)
        found.append((time.perf_counter() - sent) * 1000)
    return found


def echo_all(links: Iterable[socket.socket], *, seconds: float) -> list[float]:
    """Round trips on all connections at once, each with one frame under way, in milliseconds."""
    poll = select.epoll()
    by_number = {link.fileno(): link for link in links}
    sent, found = {}, []
    for number, link in by_number.items():
        poll.register(number, select.EPOLLIN)
        link.sendall(_FRAME)
        sent[number] = time.perf_counter()
    end = time.perf_counter() + seconds
    while sent:
        for number, _ in poll.poll():
            _read_answer(by_number[number])
            now = time.perf_counter()
            found.append((now - sent.pop(number)) * 1000)
            if now < end:
                by_number[number].sendall(_FRAME)
                sent[number] = time.perf_counter()
    poll.close()
    return found


def beat_all(links: list[socket.socket], *, seconds: int) -> None:
    """What an untouched editor does: a frame up and one down each second on every socket, evenly spread."""
    for _ in range(seconds):
        start = time.perf_counter()
        for at, link in enumerate(links):
            link.sendall(_FRAME)
            ahead = start + (at + 1) / len(links) - time.perf_counter()
            if ahead > 0.001:
                time.sleep(ahead)
        for link in links:
            _read_answer(link)


def _read_answer(link: socket.socket) -> None:
    data = link.recv(len(_ANSWER))
    while len(data) < len(_ANSWER):
        more = link.recv(len(_ANSWER) - len(data))
        if not more:
            raise RuntimeError("the WebSocket was closed")
        data += more
    if data != _ANSWER:
        raise RuntimeError(f"not the echo that was expected: {data[:40]!r}")
