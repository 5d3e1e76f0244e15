"""HTTP to the server, by Python's own client: it is loaded sooner than others, and follows no redirect.

A token goes to the address that was named and to no other one.
"""

import base64
import hashlib
import http.client
import os
import re
import socket
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

SECONDS: Final = 30.0
_PORTS: Final = {"http": 80, "https": 443}
_MAX_HEAD: Final = 64 * 1024
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |$)")
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class RefusedError(Exception):
    """The server answered a handshake with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered {status}")
        self.status = status


class WebSocket(NamedTuple):
    """A connection behind its handshake, and what has come with the answer to it."""

    connection: socket.socket
    early: bytes


def dial(server: str) -> http.client.HTTPConnection:
    """To an origin; nothing is sent yet. Its own proxy is used for https: one would read what goes over plain http."""
    parts = urlsplit(server)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=SECONDS)
    proxy = _find_proxy(host)
    if proxy is None:
        return http.client.HTTPSConnection(host, port, timeout=SECONDS)
    connection = http.client.HTTPSConnection(proxy.hostname or "", proxy.port or _PORTS["http"], timeout=SECONDS)
    connection.set_tunnel(host, port, headers=_proxy_headers(proxy))
    return connection


def _find_proxy(host: str) -> SplitResult | None:
    # Plain http, which is the way to this machine, does without.
    from urllib.request import getproxies, proxy_bypass

    found = getproxies().get("https")
    if not found or proxy_bypass(host):
        return None
    return urlsplit(found if "://" in found else f"http://{found}")


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    account = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(account.encode()).decode()}"}


def open_websocket(
    connection: http.client.HTTPConnection, path: str, *, protocol: str, headers: Mapping[str, str]
) -> WebSocket:
    """Raises RefusedError, HTTPException for an answer that is none, and OSError."""
    key = base64.b64encode(os.urandom(16)).decode()
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Protocol": protocol,
    }
    try:
        connection.putrequest("GET", path, skip_accept_encoding=True)
        for name, value in {**headers, **handshake}.items():
            connection.putheader(name, value)
        connection.endheaders()
        head, early = _read_head(connection.sock)
        _check(head, key=key, protocol=protocol)
    except BaseException:
        connection.close()
        raise
    return WebSocket(connection.sock, early)


def _check(head: bytes, *, key: str, protocol: str) -> None:
    status, *lines = head.split(b"\r\n")
    found = _STATUS.match(status)
    if found is None:
        raise http.client.BadStatusLine(repr(status[:80]))
    if int(found[1]) != http.client.SWITCHING_PROTOCOLS:
        raise RefusedError(int(found[1]))
    parted = (line.decode("latin-1").partition(":") for line in lines)
    answer = {name.lower(): value.strip() for name, _, value in parted}
    accepted = base64.b64encode(hashlib.sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()).decode()
    if (answer.get("sec-websocket-accept"), answer.get("sec-websocket-protocol")) != (accepted, protocol):
        raise http.client.HTTPException("the answer to the handshake is none of WebSocket")


def _read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """The head of the answer without its empty line, and what has come behind that."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(_MAX_HEAD)
        if not more:
            raise http.client.RemoteDisconnected("the server closed the connection without an answer")
        data += more
        if len(data) > 2 * _MAX_HEAD:
            raise http.client.HTTPException("the head of the answer has no end")
    head, _, early = data.partition(b"\r\n\r\n")
    return head, early
