"""Fetching the report of activity from an environment's pod, through its editor.

The editor gives files to those who have the environment's credential, so the report needs no port, no address of ours
in the pod, no way out of it, and no door of ours that pods may knock at. The answer is the user's own to forge: it is
read to a few bytes, and speaks for the pod that was asked and no other.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

import aiohttp
from yarl import URL

from devworkspace.core.activity import MAX_REPORT_BYTES, Report, parse_report
from devworkspace.core.credential import COOKIE_NAME
from devworkspace.server.environments import Environment, Upstream

# Written by images/base/rootfs/usr/local/bin/devworkspace-activity.
REPORT_PATH: Final = "/tmp/devworkspace-activity/report"  # noqa: S108 - in the pod
SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 2.0

Outcome = Literal["read", "absent", "failed"]


class Reading(NamedTuple):
    """What came of asking. `pod_time` is the pod's clock at that moment."""

    outcome: Outcome
    report: Report | None = None
    pod_time: datetime | None = None


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
        session, upstream = self._session, environment.upstream
        assert session is not None
        credential = self._credential(environment)
        if upstream is None or credential is None:
            return Reading("failed")
        headers = {
            "Cookie": f"{COOKIE_NAME}={credential}",
            "Accept-Encoding": "identity",
        }
        try:
            async with session.get(_url(upstream), headers=headers, allow_redirects=False) as response:
                if response.status == 404:
                    return Reading("absent")
                body = await _read_little(response.content)
                report = parse_report(body) if response.status == 200 else None
                pod_time = _parse_date(response.headers.get("Date", ""))
        except (aiohttp.ClientError, OSError, ValueError):
            return Reading("failed")
        return Reading("failed" if report is None else "read", report, pod_time)


def _url(upstream: Upstream) -> URL:
    return URL.build(
        scheme="http",
        host=upstream.host,
        port=upstream.port,
        path="/vscode-remote-resource",
        query={"path": REPORT_PATH},
    )


async def _read_little(stream: aiohttp.StreamReader) -> bytes:
    """The body, or enough of it to see that it is no report."""
    body = b""
    while len(body) <= MAX_REPORT_BYTES:
        chunk = await stream.read(MAX_REPORT_BYTES + 1 - len(body))
        if not chunk:
            break
        body += chunk
    return body


def _parse_date(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
