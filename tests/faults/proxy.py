"""A TLS proxy between one operator and the API server that misbehaves by plan.

It answers under its own authority, passes the operator's credentials on, narrows lists and watches to one namespace,
and records what it sees. Whatever no fault of the plan concerns passes unchanged.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, Self

import aiohttp
from aiohttp import web
from yarl import URL

from devworkspace.kube.config import Endpoint
from tests.faults.pki import Authority
from tests.faults.plan import Fault, Plan, Trigger, refusal
from tests.faults.request import ApiRequest, narrow, parse_request
from tests.faults.worldclock import WorldClock

_PASSED_ON: Final = ("Authorization", "Accept", "Content-Type", "User-Agent")
_RETURNED: Final = ("Content-Type", "Retry-After", "Warning")
_PARTIAL: Final = "as=PartialObjectMetadataList"
_WATCH_ACTIONS: Final = ("cut", "freeze", "hold", "gone", "stale")


@dataclass(frozen=True)
class Write:
    """A write as the proxy saw it; `status` is the API server's answer, 0 where it was not asked."""

    request: ApiRequest
    status: int
    at: float


@dataclass(eq=False)
class _Watch:
    """A watch that is open. `ended` gets the bytes to say before it ends, None to end without a word."""

    resource: str
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Future[bytes | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def end(self, last: bytes | None) -> None:
        if not self.ended.done():
            self.ended.set_result(last)


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def response(self) -> web.Response:
        return web.Response(status=self.status, headers=self.headers, body=self.body)


class _Gone(Exception):  # noqa: N818  (an outcome)
    """Nothing is to be answered any more: the connection is closed or its client is dead."""


class Victim(Protocol):
    """A process that sends requests. `kill` returns when it is dead."""

    async def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class FaultProxy:
    """An async context manager. Each of `operators` has a door of its own, `urls`; the list may be filled later."""

    def __init__(
        self,
        upstream: Endpoint,
        *,
        authority: Authority,
        plan: Plan,
        namespace: str,
        template: str,
        operators: Sequence[Victim],
        doors: int = 1,
        clock: WorldClock | None = None,
    ) -> None:
        self.trigger = Trigger(plan)
        self.requests: list[ApiRequest] = []
        self.writes: list[Write] = []
        self.told: Counter[str] = Counter()
        self.ports: tuple[int, ...] = ()
        self._upstream = upstream
        self._authority = authority
        self._namespace = namespace
        self._template = template
        self._operators = operators
        self._doors = doors
        self.clock = clock or WorldClock()
        self._watches: set[_Watch] = set()
        self._lists: dict[str, tuple[str, dict[str, str]]] = {}
        self._history: dict[str, list[_Answer]] = {
            fault.target: [] for fault in plan.faults if fault.action == "stale" and fault.target
        }
        self._stale: dict[str, _Answer] = {}
        self._cleanup = contextlib.AsyncExitStack()
        self._session: aiohttp.ClientSession

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(f"https://127.0.0.1:{port}" for port in self.ports)

    @property
    def watching(self) -> tuple[str, ...]:
        """The resources whose watches are open."""
        return tuple(watch.resource for watch in self._watches)

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._upstream.ssl or True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        self._session = await self._cleanup.enter_async_context(
            aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
        )
        # A killed client must not be waited for.
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        self._cleanup.push_async_callback(runner.cleanup)
        for _ in range(self._doors):
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._authority.context).start()
        self.ports = tuple(address[1] for address in runner.addresses)
        return self

    async def __aexit__(self, *_: object) -> None:
        for watch in tuple(self._watches):
            watch.end(None)
        await self._cleanup.aclose()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        api = parse_request(
            method=request.method, target=request.path_qs, content_type=request.headers.get("Content-Type", "")
        )
        self.requests.append(api)
        due = self.trigger.due(api)
        try:
            return await self._answer(request, api, due)
        except _Gone:
            _abort(request)
            return web.Response()

    async def _answer(self, request: web.BaseRequest, api: ApiRequest, due: tuple[Fault, ...]) -> web.StreamResponse:
        for fault in due:
            if fault.when == "before_commit" and (answer := await self._intervene(request, api, fault)) is not None:
                self._record(api, 0)
                return answer.response()
        target = narrow(request.raw_path, api, namespace=self._namespace, template=self._template)
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        if api.verb == "watch":
            return await self._pass_watch(request, api, due, target=target, headers=headers)
        if api.verb == "list" and self._is_usual(api.resource, target, headers):
            self._lists[api.resource] = (target, headers)
            if (old := self._stale.pop(api.resource, None)) is not None:
                return old.response()
        if api.is_write:
            await self._keep_history()
        body = await request.read()
        if api.resource == "leases":
            self.clock.note_renewal(body)
        answer = await self._send(request.method, target, headers=headers, body=body)
        answer = replace(answer, body=self.clock.retell(api.resource, answer.body))
        self._record(api, answer.status)
        for fault in due:
            if fault.when in ("after_commit", "on_reply"):
                answer = await self._intervene(request, api, fault, answer) or answer
        return answer.response()

    async def _intervene(
        self, request: web.BaseRequest, api: ApiRequest, fault: Fault, answer: _Answer | None = None
    ) -> _Answer | None:
        """Does what the fault says; returns what to answer instead, None to go on. `answer` is the API server's."""
        match fault.action:
            case "kill":
                await self._sender(request).kill()
                raise _Gone
            case "clock":
                self.clock.set_error(fault.seconds)
                asyncio.get_running_loop().call_later(fault.lasting, self.clock.set_error, 0.0)
            case "overtake":
                await self._overtake(self._sender(request), api)
            case "drop":
                raise _Gone
            case "hang":
                await _until_closed(request)
                raise _Gone
            case "delay":
                await asyncio.sleep(fault.seconds)
            case "status":
                return _refuse(fault)
            case "truncate" if answer is not None:
                return _Answer(answer.status, answer.headers, answer.body[: len(answer.body) // 2])
            case action if action in _WATCH_ACTIONS:
                self._disturb(fault, [watch for watch in self._watches if fault.target in ("*", watch.resource)])
            case _:
                raise ValueError(f"{fault.action} is nothing that can happen {fault.when}")
        return None

    def _sender(self, request: web.BaseRequest) -> Victim:
        """Whose door the request came through."""
        assert request.transport is not None
        return self._operators[self.ports.index(request.transport.get_extra_info("sockname")[1])]

    async def _overtake(self, sender: Victim, api: ApiRequest) -> None:
        """Holds the request of one operator until another one has had the same request done."""
        sender.pause()
        before = len(self.writes)
        while not any(write.request == api and 200 <= write.status < 300 for write in self.writes[before:]):
            await asyncio.sleep(0.05)
        sender.resume()

    def _disturb(self, fault: Fault, watches: list[_Watch]) -> None:
        for watch in watches:
            match fault.action:
                case "cut":
                    watch.end(None)
                case "freeze":
                    watch.flowing.clear()
                case "hold":
                    watch.flowing.clear()
                    asyncio.get_running_loop().call_later(fault.seconds, watch.flowing.set)
                case "gone" | "stale":
                    watch.end(_error_line(fault.status or 410))
        if fault.action == "stale" and (history := self._history.get(fault.target)):
            self._stale[fault.target] = history[max(0, len(history) - fault.lag)]

    def _is_usual(self, resource: str, target: str, headers: Mapping[str, str]) -> bool:
        """Whether the list is of the form in which this resource was listed first: which objects, or their metadata.

        No API server answers a question for the one with the other, however old its answer is.
        """
        return _form(target, headers) == _form(*self._lists.get(resource, (target, headers)))

    async def _keep_history(self) -> None:
        """Keeps what a list would have said before each write, for the plans that will say it again."""
        for resource, history in self._history.items():
            if resource in self._lists:
                target, headers = self._lists[resource]
                history.append(await self._send("GET", target, headers=headers, body=b""))

    async def _send(self, method: str, target: str, *, headers: dict[str, str], body: bytes) -> _Answer:
        url = URL(self._upstream.server + target, encoded=True)
        async with self._session.request(method, url, headers=headers, data=body or None) as answer:
            return _Answer(answer.status, self._kept(answer), await answer.read())

    def _kept(self, answer: aiohttp.ClientResponse) -> dict[str, str]:
        kept = {name: answer.headers[name] for name in _RETURNED if name in answer.headers}
        return {**kept, "Date": self.clock.date()}

    def _record(self, api: ApiRequest, status: int) -> None:
        if api.is_write:
            self.writes.append(Write(api, status, asyncio.get_running_loop().time()))

    async def _pass_watch(
        self,
        request: web.BaseRequest,
        api: ApiRequest,
        due: tuple[Fault, ...],
        *,
        target: str,
        headers: dict[str, str],
    ) -> web.StreamResponse:
        url = URL(self._upstream.server + target, encoded=True)
        async with self._session.get(url, headers=headers) as upstream:
            kept = self._kept(upstream)
            if upstream.status != 200:
                return web.Response(status=upstream.status, headers=kept, body=await upstream.read())
            response = web.StreamResponse(headers=kept)
            await response.prepare(request)
            watch = _Watch(api.resource)
            watch.flowing.set()
            self._watches.add(watch)
            pump = asyncio.create_task(self._pump(upstream, response, watch, due))
            try:
                either: list[asyncio.Future[Any]] = [pump, watch.ended]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if watch.ended.done():
                    await _say_last(response, watch.ended.result())
            finally:
                self._watches.discard(watch)
                pump.cancel()
                await asyncio.gather(pump, return_exceptions=True)
        return response

    async def _pump(
        self,
        upstream: aiohttp.ClientResponse,
        response: web.StreamResponse,
        watch: _Watch,
        due: tuple[Fault, ...],
    ) -> None:
        by_line = {fault.line: fault for fault in due if fault.when == "on_watch_line"}
        number, before = 0, b""
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            async for told in _lines(upstream):
                number += 1
                self.told[watch.resource] += 1
                await watch.flowing.wait()
                line = self.clock.retell(watch.resource, told)
                fault = by_line.get(number)
                if fault is None:
                    await response.write(line)
                else:
                    self.trigger.happened(fault)
                    await self._disturb_line(fault, response, watch, line=line, before=before)
                before = line

    async def _disturb_line(
        self, fault: Fault, response: web.StreamResponse, watch: _Watch, *, line: bytes, before: bytes
    ) -> None:
        match fault.action:
            case "drop_line":
                return
            case "replay_line":
                await response.write(line + before + line)
            case "truncate":
                watch.end(line[: len(line) // 2])
            case "delay":
                await asyncio.sleep(fault.seconds)
                await response.write(line)
            case action if action in _WATCH_ACTIONS:
                self._disturb(fault, [watch])
                if action in ("freeze", "hold"):
                    await watch.flowing.wait()
                    await response.write(line)
            case _:
                raise ValueError(f"{fault.action} is nothing that can happen to a watch line")


def _form(target: str, headers: Mapping[str, str]) -> tuple[str | None, bool]:
    return URL(target).query.get("labelSelector"), _PARTIAL in headers.get("Accept", "")


def _refuse(fault: Fault) -> _Answer:
    headers = {"Content-Type": "application/json"}
    if fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
    body = json.dumps(refusal(fault.status, retry_after=fault.retry_after)).encode()
    return _Answer(fault.status, headers, body)


def _error_line(status: int) -> bytes:
    return json.dumps({"type": "ERROR", "object": refusal(status)}).encode() + b"\n"


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _until_closed(request: web.BaseRequest) -> None:
    while request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(0.1)


async def _say_last(response: web.StreamResponse, last: bytes | None) -> None:
    if last is None:
        raise _Gone
    with contextlib.suppress(ConnectionError):
        await response.write(last)
        await response.write_eof()


async def _lines(upstream: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in upstream.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
