"""An open load: requests at random moments of a fixed mean rate, whether or not earlier ones have been answered.

Latency counts from the moment that a request was due, so that a stall is felt by everything that came during it. One
thread with select(), whose timeout is exact to microseconds; asyncio's timers are not.
"""

import random
import select
import socket
import time
from collections import deque

from bench.gateway.contenders import Address


def latencies(address: Address, path: str, *, rate: float, seconds: float, connections: int = 50) -> list[float]:
    """Milliseconds of each answer. Raises RuntimeError if an answer is not 200 or a connection is closed."""
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in address.headers.items()), "", ""]
    request = "\r\n".join(lines).encode()
    sockets = [_connect(address.port, request) for _ in range(connections)]
    try:
        size = _read_answer(sockets[0][0])
        for link, _ in sockets[1:]:
            _read_answer(link)
        return _run([link for link, _ in sockets], request, size=size, rate=rate, seconds=seconds)
    finally:
        for link, _ in sockets:
            link.close()


def _run(sockets: list[socket.socket], request: bytes, *, size: int, rate: float, seconds: float) -> list[float]:
    chance = random.Random(1)
    free = deque(sockets)
    waiting: deque[float] = deque()
    due_at: dict[socket.socket, float] = {}
    missing = dict.fromkeys(sockets, 0)
    found: list[float] = []
    start = time.perf_counter()
    due = start + chance.expovariate(rate)
    while due < start + seconds or waiting or due_at:
        now = time.perf_counter()
        while due <= now and due < start + seconds:
            waiting.append(due)
            due += chance.expovariate(rate)
        while waiting and free:
            link = free.popleft()
            due_at[link] = waiting.popleft()
            missing[link] = size
            link.send(request)
        pause = max(0.0, due - time.perf_counter()) if due < start + seconds and free else 1.0
        for link in select.select(list(due_at), (), (), pause)[0]:
            missing[link] -= _receive(link, first=missing[link] == size)
            if missing[link] <= 0:
                found.append((time.perf_counter() - due_at.pop(link)) * 1000)
                free.append(link)
    return found


def _receive(link: socket.socket, *, first: bool) -> int:
    data = link.recv(65536)
    if not data or (first and not data.startswith(b"HTTP/1.1 200 ")):
        raise RuntimeError(f"an answer was not as expected: {data[:200]!r}")
    return len(data)


def _connect(port: int, request: bytes) -> tuple[socket.socket, bytes]:
    link = socket.create_connection(("127.0.0.1", port), timeout=30)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(request)
    return link, request


def _read_answer(link: socket.socket) -> int:
    """The size of the first answer, which all others have, too: head and body are the same each time."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += link.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"an answer was not as expected: {data[:200]!r}")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += link.recv(65536)
    return len(head) + 4 + length
