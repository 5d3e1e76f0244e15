"""One response on its way from a pod to the browser, passed on by callbacks.

A coroutine that waits for the head and for each part of the body costs as much as everything else on this path
together. So nothing waits here: the pod's protocol calls when something came, the browser's when it takes more.

Flow control: while the browser takes no more, the body stays in the pod connection's buffer, which stops reading from
the pod when it is full.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp.helpers import must_be_empty_body
from aiohttp.http import HttpVersion, HttpVersion11, RawResponseMessage
from aiohttp.streams import StreamReader

from devworkspace.server.connections import BrowserConnection
from devworkspace.server.gateway.head import Headers, Place, response_headers
from devworkspace.server.gateway.upstream import Connection, UpstreamError, UpstreamTimeoutError

LAST_CHUNK: Final = b"0\r\n\r\n"


def response_head(version: HttpVersion, status: int, reason: str, headers: Headers) -> bytes:
    """A response head as bytes. Raises ValueError if a line break would begin a line that is none of these."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    text = f"HTTP/{version.major}.{version.minor} {status} {reason}\r\n{lines}\r\n"
    breaks = len(headers) + 2
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        raise ValueError("a header contains a line break")
    return text.encode("utf-8", "surrogateescape")


class Exchange:
    """From the moment that a request has been sent to a pod until its response has been passed on, or has failed.

    `on_end` is called once. Then `error` says what went wrong, if anything, and `started` whether the browser has got
    anything of the response; `keep_alive` whether its connection can carry another request.
    """

    def __init__(
        self,
        browser: BrowserConnection,
        connection: Connection,
        *,
        method: str,
        version: HttpVersion,
        keep_alive: bool,
        place: Place,
        on_end: "Callable[[Exchange], None]",
    ) -> None:
        self.connection = connection
        self.keep_alive = keep_alive
        self.status = 0
        self.started = False
        self.error: Exception | None = None
        self._browser = browser
        self._method = method
        self._version = version
        self._place = place
        self._on_end = on_end
        self._head = b""
        self._body: StreamReader | None = None
        self._chunked = False
        self._passing = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, *, seconds: float) -> None:
        """Listens to both sides; the response's head may take `seconds`."""
        self._timer = self._browser.loop.call_later(seconds, self._on_timeout, seconds)
        self._browser.exchange = self
        self.connection.protocol.listener = self

    def on_head(self, message: RawResponseMessage, body: StreamReader) -> bool:
        """Takes a head from the pod; False if it is not for this exchange, which has one already."""
        if self._body is not None:
            return False
        if message.code < 200:
            # Informational; a switch of protocols was not asked for and leaves nothing to go on with.
            if message.code == 101:
                self.fail(UpstreamError("the pod switched protocols without being asked"))
            return True
        try:
            self._head = self._make_head(message)
        except ValueError as error:
            self.fail(UpstreamError(str(error)))
            return True
        self.status, self._body = message.code, body
        if self._timer is not None:
            self._timer.cancel()
        return True

    def _make_head(self, message: RawResponseMessage) -> bytes:
        headers = response_headers(message.headers.items(), self._place)
        length = message.headers.get("Content-Length")
        if length is not None and message.code != 204 and not message.chunked:
            headers.append(("Content-Length", length))
        elif not must_be_empty_body(self._method, message.code):
            if self._version >= HttpVersion11:
                self._chunked = True
                headers.append(("Transfer-Encoding", "chunked"))
            else:
                self.keep_alive = False
        headers.append(("Connection", "keep-alive" if self.keep_alive else "close"))
        return response_head(self._version, message.code, message.reason, headers)

    def on_data(self) -> None:
        """Passes on what there is; also called when the browser takes more again."""
        body, transport = self._body, self._browser.transport
        # Reading makes room, which lets the pod's protocol parse on and call again: what it then finds comes later.
        if body is None or transport is None or self._passing:
            return
        self._passing = True
        try:
            while not self._browser.writing_paused:
                data, ended = body.read_nowait(), body.at_eof()
                if not (data or ended or self._head):
                    return
                transport.write(self._frame(data, ended=ended))
                self._head, self.started = b"", True
                if ended:
                    self._end(None)
                    return
        except Exception as error:
            self.fail(error)
        finally:
            self._passing = False

    def _frame(self, data: bytes, *, ended: bool) -> bytes:
        if not self._chunked:
            return self._head + data
        chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        return self._head + chunk + (LAST_CHUNK if ended else b"")

    def on_lost(self) -> None:
        """The pod's connection has ended: as its response may do, or too early."""
        body = self._body
        if body is None:
            self.fail(UpstreamError("the pod closed the connection"))
        elif body.exception() is not None or not body.is_eof():
            # The browser must see a broken response, not a short one that looks whole.
            self.fail(ConnectionResetError("the pod broke off its response"))
        else:
            self.on_data()

    def _on_timeout(self, seconds: float) -> None:
        self.fail(UpstreamTimeoutError(f"no answer within {seconds:g} s"))

    def fail(self, error: Exception) -> None:
        """Ends the exchange early; a second time changes nothing."""
        if self._browser.exchange is self:
            self._end(error)

    def _end(self, error: Exception | None) -> None:
        self.error = error
        if self._timer is not None:
            self._timer.cancel()
        self._browser.exchange = None
        if error is not None and self.started:
            # Nothing else may follow what looks like a part of this response.
            self._browser.force_close()
        self.connection.protocol.listener = None
        self._on_end(self)
