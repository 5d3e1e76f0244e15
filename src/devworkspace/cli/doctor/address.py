"""The way people come: names in DNS, the certificate, the server behind it, and the clocks."""

import asyncio
import contextlib
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from devworkspace.cli.doctor.findings import Finding, Report
from devworkspace.cli.doctor.scene import Scene
from devworkspace.server.config import ConfigurationError, PublicAddress, parse_public_url

Resolve = Callable[[str], Awaitable[frozenset[str]]]

SECONDS: Final = 10.0
# cert-manager renews a third of the lifetime before the end, so that this few days mean that nobody does.
FEW_DAYS: Final = 14
# What the parts bear (server/api/system.py, tokens of identity providers).
SKEW: Final = timedelta(seconds=15)
_LOOPBACK: Final = frozenset({"127.0.0.1"})
_EXPIRED: Final = 10
_WRONG_NAME: Final = 62
_READYZ: Final = "/-/readyz"
dns = Report("dns")
certificate = Report("certificate")
server = Report("server")
clocks = Report("clocks")


async def system_resolve(host: str) -> frozenset[str]:
    """The addresses of a name as this machine's resolver knows them; none if it does not."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(str(info[4][0]) for info in found)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """The public address, and how this machine goes there. `label` names an environment that nobody has."""

    public: PublicAddress
    port: int
    resolve: Resolve = system_resolve
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context
    label: str = field(default_factory=lambda: f"doctor-{secrets.token_hex(4)}")

    @property
    def is_local(self) -> bool:
        return self.public.host == "localhost" or self.public.host.endswith(".localhost")

    @property
    def below(self) -> str | None:
        """The host of an environment; None where environments are paths of the one host."""
        return f"{self.label}.{self.public.host}" if self.public.mode == "subdomain" else None

    async def addresses(self) -> frozenset[str]:
        """Browsers ask nobody about names of this machine."""
        return _LOOPBACK if self.is_local else await self.resolve(self.public.host)


def make_visit(scene: Scene) -> Visit | Finding:
    """By the options of the server's Deployment."""
    if scene.server is None:
        return server.unknown("server.no-part")
    url = scene.server.argument("--public-url") or ""
    mode = scene.server.argument("--address-mode")
    try:
        public = parse_public_url(url, "path" if mode == "path" else "subdomain")
    except ConfigurationError as error:
        return server.problem("server.bad-address", message=str(error))
    return Visit(public=public, port=urlsplit(public.origin).port or (443 if public.secure else 80))


async def check_dns(visit: Visit) -> list[Finding]:
    host = visit.public.host
    if visit.is_local:
        return [dns.ok("dns.local", host=host)]
    addresses = await visit.addresses()
    if not addresses:
        return [dns.problem("dns.host", host=host)]
    shown = ", ".join(sorted(addresses))
    if visit.below is None:
        return [dns.ok("dns.one", host=host, addresses=shown)]
    below = await visit.resolve(visit.below)
    if not below:
        return [dns.problem("dns.wildcard", host=host, name=visit.below)]
    if not below & addresses:
        return [dns.advice("dns.elsewhere", host=host, addresses=shown, below=", ".join(sorted(below)))]
    return [dns.ok("dns.ok", host=host, addresses=shown)]


async def check_certificate(visit: Visit) -> list[Finding]:
    public = visit.public
    if not public.secure:
        return [certificate.ok("certificate.none", host=public.host)]
    ends: list[datetime] = []
    for name in filter(None, (public.host, visit.below)):
        found = await _shake_hands(visit, name)
        if isinstance(found, Finding):
            return [found]
        ends.append(found)
    end = min(ends)
    days = (end - datetime.now(UTC)).days
    values = {"host": public.host, "days": days, "date": f"{end:%Y-%m-%d}"}
    if days < FEW_DAYS:
        return [certificate.advice("certificate.ends-soon", **values)]
    return [certificate.ok("certificate.ok" if visit.below else "certificate.one", **values)]


async def _shake_hands(visit: Visit, name: str) -> datetime | Finding:
    """When the certificate for this name ends."""
    addresses = await visit.addresses()
    if not addresses:
        return certificate.unknown("certificate.away", host=visit.public.host, message=visit.public.host)
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(
                sorted(addresses)[0], visit.port, ssl=visit.context(), server_hostname=name
            )
    except ssl.SSLCertVerificationError as error:
        texts = {_EXPIRED: "certificate.expired", _WRONG_NAME: "certificate.name"}
        text = texts.get(error.verify_code, "certificate.untrusted")
        return certificate.problem(text, host=visit.public.host, name=name, message=error.verify_message)
    except ssl.SSLError as error:
        return certificate.problem("certificate.broken", host=visit.public.host, message=str(error))
    except (OSError, TimeoutError) as error:
        return certificate.unknown("certificate.away", host=visit.public.host, message=_words_of(error))
    ends: dict[str, Any] = writer.get_extra_info("peercert")
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        await writer.wait_closed()
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends["notAfter"]), UTC)


class Answer(NamedTuple):
    """What came back from the public address; `date` is its clock."""

    status: int
    text: str
    date: datetime | None


async def ask(visit: Visit) -> Answer | str:
    """Asks the server whether it is ready, or says why no answer came. The certificate has a check of its own."""
    addresses = sorted(await visit.addresses())
    if not addresses:
        return visit.public.host
    host = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    url = f"{visit.public.scheme}://{host}:{visit.port}{_READYZ}"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session,
            session.get(
                url,
                headers={"Host": visit.public.netloc},
                allow_redirects=False,
                ssl=False,
                server_hostname=visit.public.host if visit.public.secure else None,
            ) as response,
        ):
            text = (await response.content.read(500)).decode(errors="replace").strip()
            return Answer(response.status, text, _parse_date(response.headers.get("Date")))
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return _words_of(error)


def judge_answer(visit: Visit, answer: Answer | str) -> Finding:
    """An address of this machine is a port-forward's, which nobody needs to have."""
    url = visit.public.origin
    if isinstance(answer, str):
        give = server.advice if visit.is_local else server.problem
        return give("server.not-forwarded" if visit.is_local else "server.away", url=url, message=answer)
    if (answer.status, answer.text) == (200, "ok"):
        return server.ok("server.ok", url=url)
    if answer.status == 503 and "<" not in answer.text:
        return server.problem("server.not-ready", url=url, message=answer.text)
    return server.problem("server.foreign", url=url, status=answer.status)


def judge_clocks(answer: Answer | str, *, api: datetime | None, here: datetime) -> list[Finding]:
    """Leases, sessions and tokens end by the clocks of different machines."""
    if api is None:
        return [clocks.unknown("clocks.unknown")]
    found = []
    if not isinstance(answer, str) and answer.date is not None and abs(answer.date - api) > SKEW:
        found.append(clocks.problem("clocks.server", seconds=_seconds(answer.date - api)))
    if abs(here - api) > SKEW:
        found.append(clocks.advice("clocks.here", seconds=_seconds(here - api)))
    return found or [clocks.ok("clocks.ok", seconds=f"{SKEW.total_seconds():g}")]


def _seconds(difference: timedelta) -> str:
    return f"{difference.total_seconds():+.0f}"


def _parse_date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def _words_of(error: BaseException) -> str:
    return f"no answer within {SECONDS:g} s" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
