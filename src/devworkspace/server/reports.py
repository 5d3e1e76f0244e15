"""Fetching the report of activity, and what it used, from an environment's pod, through its editor.

The editor gives files to those who have the environment's credential, so the report needs no port, no address of ours
in the pod, no way out of it, and no door of ours that pods may knock at. The answer is the user's own to forge: it is
read to a few bytes, or kilobytes, and speaks for the pod that was asked and no other.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

import aiohttp
from yarl import URL

from devworkspace.core.activity import MAX_REPORT_BYTES, Report, parse_report
from devworkspace.core.credential import COOKIE_NAME
from devworkspace.core.figures import MAX_HISTORY_BYTES, MAX_MINUTES_BYTES, MINUTE, SPAN, Lines, parse_lines
from devworkspace.server.environments import Environment, Upstream

# Written by images/base/rootfs/usr/local/bin/devworkspace-activity and devworkspace-usage.
REPORT_PATH: Final = "/tmp/devworkspace-activity/report"  # noqa: S108 - in the pod
MINUTES_PATH: Final = "/tmp/devworkspace-activity/usage.minutes"  # noqa: S108
HISTORY_PATH: Final = "/tmp/devworkspace-activity/usage.history"  # noqa: S108
SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 2.0

_FAILURES: Final = (aiohttp.ClientError, OSError, ValueError)

Outcome = Literal["read", "absent", "failed"]


class Reading(NamedTuple):
    """What came of asking. `pod_time` is the pod's clock at that moment."""

    outcome: Outcome
    report: Report | None = None
    pod_time: datetime | None = None


class UsageReading(NamedTuple):
    """What came of asking for figures over time. `pod_time` is the pod's clock at that moment."""

    outcome: Outcome
    minutes: Lines = Lines()
    history: Lines = Lines()
    pod_time: datetime | None = None


class _File(NamedTuple):
    """A file of a pod, None if it has none, and the pod's clock when it was read."""

    body: bytes | None
    pod_time: datetime | None


class PodReports:
    """Asks pods; an async context manager. `credential` is what opens an environment's editor, None if unknown."""

    def __init__(self, credential: Callable[[Environment], str | None]) -> None:
        self._credential = credential
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=SECONDS, sock_connect=CONNECT_SECONDS),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def read(self, environment: Environment) -> Reading:
        """Never raises for what a pod does."""
        try:
            found = await self._fetch(environment, REPORT_PATH, max_bytes=MAX_REPORT_BYTES)
        except _FAILURES:
            return Reading("failed")
        if found.body is None:
            return Reading("absent")
        report = parse_report(found.body)
        return Reading("failed" if report is None else "read", report, found.pod_time)

    async def read_usage(self, environment: Environment) -> UsageReading:
        """Never raises for what a pod does."""
        try:
            minutes, history = await asyncio.gather(
                self._fetch(environment, MINUTES_PATH, max_bytes=MAX_MINUTES_BYTES),
                self._fetch(environment, HISTORY_PATH, max_bytes=MAX_HISTORY_BYTES),
            )
        except _FAILURES:
            return UsageReading("failed")
        if minutes.body is None or history.body is None:
            return UsageReading("absent")
        parsed = (parse_lines(minutes.body, seconds=MINUTE), parse_lines(history.body, seconds=SPAN))
        if parsed[0] is None or parsed[1] is None or minutes.pod_time is None:
            return UsageReading("failed")
        return UsageReading("read", parsed[0], parsed[1], minutes.pod_time)

    async def fetch(self, environment: Environment, path: str, *, most: int) -> bytes | None:
        """A file of at most so many bytes; None if it is not there, is larger, or the pod does not answer."""
        try:
            return (await self._fetch(environment, path, max_bytes=most)).body
        except _FAILURES:
            return None

    async def _fetch(self, environment: Environment, path: str, *, max_bytes: int) -> _File:
        """Raises one of `_FAILURES`."""
        session, upstream = self._session, environment.upstream
        assert session is not None
        credential = self._credential(environment)
        if upstream is None or credential is None:
            raise OSError("there is no editor that may be asked")
        headers = {
            "Cookie": f"{COOKIE_NAME}={credential}",
            "Accept-Encoding": "identity",
        }
        async with session.get(_url(upstream, path), headers=headers, allow_redirects=False) as response:
            pod_time = _parse_date(response.headers.get("Date", ""))
            if response.status == 404:
                return _File(None, pod_time)
            body = await _read_little(response.content, max_bytes=max_bytes)
            if response.status != 200 or len(body) > max_bytes:
                raise OSError("that is no such file")
            return _File(body, pod_time)


def _url(upstream: Upstream, path: str) -> URL:
    return URL.build(
        scheme="http",
        host=upstream.host,
        port=upstream.port,
        path="/vscode-remote-resource",
        query={"path": path},
    )


async def _read_little(stream: aiohttp.StreamReader, *, max_bytes: int) -> bytes:
    """The body, or enough of it to see that it is too long."""
    body = b""
    while len(body) <= max_bytes:
        chunk = await stream.read(max_bytes + 1 - len(body))
        if not chunk:
            break
        body += chunk
    return body


def _parse_date(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
