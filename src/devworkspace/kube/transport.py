"""One HTTP exchange with the API server: credentials, retries, errors, measurements.

What is retried, and why it is safe:
- *Idempotent* requests (reads, server-side apply, merge patch, delete with a UID) after no answer and after 5xx: doing
  them twice leaves the same object.
- Any request after 429: the server says that it did not begin.
- Any request once after 401, with a fresh credential: the server did not look at it.
A create is not repeated after a lost answer, because the second one would fail on the success of the first.

No repeat begins later than one timeout after the first attempt: a server that hangs must not hold a worker for minutes.
The caller's own back-off goes on from there.
"""

import asyncio
import logging
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from devworkspace.kube.clock import elapsed
from devworkspace.kube.config import Endpoint
from devworkspace.kube.errors import ApiError, NotLeading, Unauthorized, Unreachable, api_error, clean
from devworkspace.kube.ratelimit import TokenBucket

JSON: Final = "application/json"
CLOSE_SECONDS: Final = 3.0

OnRequest = Callable[[str, str, int, float], None]
"""Called after every exchange with verb, resource (`pods`, `pods/status`), HTTP status (0: no answer) and seconds."""

WriteGate = Callable[[], float]
"""Asked twice for every attempt to write, at its beginning and right before its bytes leave: raises `NotLeading`, or
returns the seconds within which it must be over."""

log: Final = logging.getLogger("devworkspace.kube")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """`attempts` counts the first try. A Retry-After above `longest_wait` seconds is the caller's to wait for."""

    attempts: int = 4
    base_delay: float = 0.1
    max_delay: float = 2.0
    longest_wait: float = 10.0
    jitter: Callable[[], float] = field(default=lambda: random.uniform(0.5, 1.0))  # noqa: S311  (spreads load only)

    def delay(self, attempt: int, error: Exception) -> float | None:
        """Return the seconds to wait after failed `attempt` (1, 2, ...), or None to give up."""
        if attempt >= self.attempts:
            return None
        delay = min(self.max_delay, self.base_delay * 2.0 ** (attempt - 1)) * self.jitter()
        asked = error.retry_after if isinstance(error, ApiError) else None
        if asked is None:
            return delay
        return max(delay, asked) if asked <= self.longest_wait else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to send. `path` is percent-encoded already; `verb` and `resource` are for measurements."""

    verb: str
    resource: str
    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = JSON
    accept: str = JSON
    idempotent: bool = True

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class _GatedBody(aiohttp.BytesPayload):
    """The body of a write, for which the gate is asked again when it is sent, and the head with it.

    In between there are a free connection, a handshake and a round of the event loop. A process that is paused in one
    of them goes on with it before it looks at any timeout, when somebody else leads for long.
    """

    def __init__(self, value: bytes, *, content_type: str, gate: WriteGate) -> None:
        super().__init__(value, content_type=content_type)
        self._gate = gate
        self.refusal: NotLeading | None = None

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        try:
            self._gate()
        except NotLeading as error:
            # aiohttp tells its caller of a broken connection.
            self.refusal = error
            raise
        await super().write_with_length(writer, content_length)


@dataclass(slots=True)
class _Outcome:
    """The HTTP status of an exchange; 0 while, or when, there is none."""

    status: int = 0


class Transport:
    """Sessions to one endpoint; an async context manager.

    Streams have connections of their own, so that watches never take the `limit` connections of other requests; the
    rate limit does not count them.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout: float,
        limit: int,
        user_agent: str,
        retry: RetryPolicy,
        on_request: OnRequest | None,
        gate: WriteGate | None,
        rate_limit: TokenBucket | None,
    ) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._limit = limit
        self._user_agent = user_agent
        self._retry = retry
        self._on_request = on_request
        self._gate = gate
        self._rate_limit = rate_limit
        self._requests: aiohttp.ClientSession | None = None
        # The last answer's `Date`, and when it came.
        self._date: tuple[str, float] | None = None
        self._streams: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # A server-side idle timeout (90 s) must never beat ours, or every pause ends in a failed write.
        self._requests = self._session(aiohttp.TCPConnector(limit=self._limit, keepalive_timeout=30))
        self._streams = self._session(aiohttp.TCPConnector(limit=0, force_close=True))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in (self._requests, self._streams):
            if session is not None:
                # uvloop may never tell that a broken TLS connection has gone.
                with suppress(TimeoutError):
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await session.close()
        self._requests = self._streams = None

    def server_time(self) -> datetime | None:
        """The present time by the server's clock, a second behind at most; None before its first answer."""
        if self._date is None:
            return None
        text, at = self._date
        try:
            return parsedate_to_datetime(text).astimezone(UTC) + timedelta(seconds=elapsed() - at)
        except ValueError:
            return None

    async def send(self, request: Request) -> bytes:
        """Return the body of the 2xx answer. Raises an `ApiError`, `Unreachable`, `NotLeading` or `ConfigError`."""
        began = time.monotonic()
        attempt = 0
        renewed = False
        while True:
            attempt += 1
            try:
                return await self._exchange(request)
            except (ApiError, Unreachable) as error:
                if isinstance(error, Unauthorized) and not renewed:
                    renewed = True
                    attempt -= 1
                    self._endpoint.credential.expire()
                    continue
                delay = self._retry.delay(attempt, error) if _may_repeat(request, error) else None
                if delay is None or time.monotonic() - began + delay >= self._timeout:
                    raise
                log.debug("%s: %s; again in %.2f s", request, error, delay)
            await asyncio.sleep(delay)

    async def _exchange(self, request: Request) -> bytes:
        if self._rate_limit is not None:
            await self._rate_limit.take()
        seconds = self._timeout
        if self._gate is not None and request.method != "GET":
            seconds = min(seconds, self._gate())
        # aiohttp would round a longer timeout up to a whole second, beyond what the gate allows.
        limits = aiohttp.ClientTimeout(total=seconds, sock_connect=min(10.0, seconds), ceil_threshold=math.inf)
        with self._measured(request) as outcome:
            response = await self._answer(_opened(self._requests), request, limits=limits)
            async with response:
                try:
                    body = await response.read()
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    raise unreachable(request, error) from error
            outcome.status = response.status
            return body

    @asynccontextmanager
    async def stream(self, request: Request, *, silence: float | None) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield an answer without end; no byte for `silence` seconds ends it with a TimeoutError in the reader.

        None waits for ever, for what ends by its consumer.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=min(10.0, self._timeout), sock_read=silence)
        try:
            response = await self._open_stream(request, limits=limits)
        except Unauthorized:
            self._endpoint.credential.expire()
            response = await self._open_stream(request, limits=limits)
        async with response:
            yield response

    async def _open_stream(self, request: Request, *, limits: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        with self._measured(request) as outcome:
            response = await self._answer(_opened(self._streams), request, limits=limits)
            outcome.status = response.status
            return response

    async def _answer(
        self, session: aiohttp.ClientSession, request: Request, *, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """Send once and return the 2xx answer with its body unread."""
        headers = {"Accept": request.accept}
        body: bytes | _GatedBody | None = request.body
        if request.body is not None:
            headers["Content-Type"] = request.content_type
            if self._gate is not None:
                body = _GatedBody(request.body, content_type=request.content_type, gate=self._gate)
        if (authorization := await self._endpoint.credential.header()) is not None:
            headers["Authorization"] = authorization
        try:
            # No redirect is followed: it would carry the credential to another host.
            response = await session.request(
                request.method,
                URL(self._endpoint.server + request.path, encoded=True).with_query(dict(request.params)),
                data=body,
                headers=headers,
                timeout=limits,
                allow_redirects=False,
                ssl=self._endpoint.ssl or True,
                server_hostname=self._endpoint.server_name,
                proxy=self._endpoint.proxy,
            )
            if (date := response.headers.get("Date")) is not None:
                self._date = (date, elapsed())
            if 200 <= response.status < 300:
                return response
            async with response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if isinstance(body, _GatedBody) and body.refusal is not None:
                raise body.refusal from None
            raise unreachable(request, error) from error
        raise api_error(status=response.status, body=answer, retry_after=response.headers.get("Retry-After"))

    @contextmanager
    def _measured(self, request: Request) -> Iterator[_Outcome]:
        outcome = _Outcome()
        start = time.monotonic()
        try:
            yield outcome
        except ApiError as error:
            outcome.status = error.status
            raise
        finally:
            if self._on_request is not None:
                self._on_request(request.verb, request.resource, outcome.status, time.monotonic() - start)

    def _session(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        # Compression saves bytes inside a cluster network and costs CPU on both sides, so it is declined.
        headers = {"User-Agent": self._user_agent, "Accept-Encoding": "identity"}
        session = aiohttp.ClientSession(
            connector=connector,
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        # aiohttp would silently repeat PUT and DELETE when a kept connection breaks under them. `send` decides that:
        # the repeat of a PUT conflicts with its own success. No public switch exists (aiohttp's test client does this).
        session._retry_connection = False
        return session


def _opened(session: aiohttp.ClientSession | None) -> aiohttp.ClientSession:
    if session is None:
        raise RuntimeError("the client is not open: use `async with Client(...)`")
    return session


def _may_repeat(request: Request, error: ApiError | Unreachable) -> bool:
    if isinstance(error, Unreachable):
        return request.idempotent
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return request.idempotent and error.status >= 500


def unreachable(request: Request, error: BaseException) -> Unreachable:
    """Translate what aiohttp or the socket raised; its texts hold addresses, never headers."""
    detail = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return Unreachable(f"{request}: {clean(detail)}")
