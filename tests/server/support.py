"""A whole server on a real port in front of real pods on real ports, and a client that behaves like a browser."""

import asyncio
import contextlib
import dataclasses
import gzip
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from argon2 import PasswordHasher
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from devworkspace.api import names
from devworkspace.api.children import ContainerPort
from devworkspace.api.instance import InstanceSpec, InstanceStatus, Phase, Repository, WorkspaceInstance
from devworkspace.api.meta import Condition, Key, ObjectMeta
from devworkspace.core.address import address_id
from devworkspace.kube.client import Client
from devworkspace.kube.config import Endpoint
from devworkspace.server.app import listening
from devworkspace.server.config import ServerConfig
from devworkspace.server.dashboard.files import Asset, DashboardFiles
from devworkspace.server.environments import (
    Container,
    DoorPod,
    DoorPodSpec,
    DoorPodStatus,
    EnvironmentTable,
    EnvName,
)
from devworkspace.server.keys import Keys
from devworkspace.server.limits import Allowance
from devworkspace.server.metrics import Metrics
from devworkspace.server.ownerlimits import OwnerLimits
from devworkspace.server.revocations import OBJECT_NAME, Revocations
from devworkspace.server.rooms import Outside, Rooms, make_rooms
from tests.server.fakes import Api, Catalogue, Rbac, Record, Reports, Shelf, Tokens, Volumes
from tests.support.ports import free_port

MASTER_KEY = b"m" * 32
PASSWORD = "correct horse battery staple"
ADMIN = "admin"
# A page that something opens, and one that a person opens by typing its address.
NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
TYPED = {**NAVIGATION, "Sec-Fetch-Site": "none", "Sec-Fetch-User": "?1"}
# What a build of the dashboard looks like from here.
DASHBOARD = DashboardFiles(
    page='<html lang="{lang}" data-theme="{theme}"><meta content="{nonce}"><meta name="page-proof" content="{proof}">'
    '<script src="./assets/index-abcd1234.js">',
    assets={
        "index-abcd1234.js": Asset(b"long " * 400, gzip.compress(b"long " * 400), "text/javascript"),
        "icon-abcd1234.svg": Asset(b"<svg/>", None, "image/svg+xml"),
    },
)
UNLIMITED = Allowance(rate=0, burst=1)
FAST_HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


class Synced:
    """A watch that has synced."""

    def __init__(self) -> None:
        self.synced = asyncio.Event()
        self.synced.set()
        self.stale = False
        self.is_interrupted = False

    def is_stale(self, limit_seconds: float, now: float) -> bool:
        return self.stale


class Clock:
    """Unix time under the test's control."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def make_instance(
    name: str = "demo",
    namespace: str = "team",
    *,
    uid: str | None = None,
    owner: str | None = ADMIN,
    phase: Phase | None = "Running",
    message: str = "",
    reason: str = "",
    display_name: str | None = None,
    url: str | None = None,
    deleting: bool = False,
    last_activity: str | None = None,
    annotations: dict[str, str] | None = None,
    running: bool = True,
    git: Repository | None = None,
) -> WorkspaceInstance:
    conditions = (Condition(type="Ready", status="False", reason=reason),) if reason else ()
    return WorkspaceInstance(
        metadata=ObjectMeta(
            name=name,
            namespace=namespace,
            uid=uid or f"uid-{namespace}-{name}",
            resource_version="7",
            deletion_timestamp="2026-11-24T12:00:00Z" if deleting else None,
            annotations=annotations or {},
        ),
        spec=InstanceSpec(template_ref="python", owner=owner, display_name=display_name, running=running, git=git),
        status=InstanceStatus(
            phase=phase,
            message=message,
            url=url,
            pod_name=f"{name}-pod",
            conditions=conditions,
            last_activity=last_activity,
        ),
    )


def make_pod(
    instance: WorkspaceInstance,
    port: int,
    *,
    uid: str | None = None,
    host: str = "127.0.0.1",
    code_server: bool = True,
) -> DoorPod:
    meta = instance.metadata
    return DoorPod(
        metadata=ObjectMeta(
            name=instance.status.pod_name or "",
            namespace=meta.namespace,
            uid=uid or f"pod-{meta.uid}",
            labels={names.LABEL_INSTANCE_UID: meta.uid},
        ),
        spec=DoorPodSpec(
            containers=(
                Container(
                    name=names.CONTAINER_NAME,
                    ports=(
                        ContainerPort(container_port=port, name=names.PORT_NAME),
                        ContainerPort(container_port=3000, name="web"),
                    ),
                    env=(EnvName("HASHED_PASSWORD"), EnvName("HOME", "/home/dev")) if code_server else (),
                ),
            )
        ),
        status=DoorPodStatus(pod_ip=host),
    )


class _Loopback(AbstractResolver):
    """Every name is this machine; `to_port` is the replica that a load balancer would choose."""

    def __init__(self, to_port: int | None = None) -> None:
        self.to_port = to_port

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=self.to_port or port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        return None


def environment_origin(origin: str, name: str, namespace: str) -> str:
    return origin.replace("://", f"://{address_id(Key(namespace, name))}.")


class Harness:
    """A running server. `port` is the public port, `table` what the watches would have filled."""

    def __init__(
        self,
        config: ServerConfig,
        rooms: Rooms,
        *,
        table: EnvironmentTable,
        rbac: Rbac,
        api: "Api",
        catalogue: "Catalogue",
        tokens: "Tokens",
        record: "Record",
        shelf: "Shelf",
        volumes: "Volumes",
        reports: "Reports",
    ) -> None:
        self.tokens, self.reports = tokens, reports
        self.record, self.shelf, self.volumes = record, shelf, volumes
        self.config = config
        self.rooms = rooms
        self.table, self.rbac = table, rbac
        self.api = api
        self.catalogue = catalogue
        self.port = config.listen_port
        self.origin = f"http://localhost:{self.port}"

    def environment_host(self, name: str = "demo", namespace: str = "team") -> str:
        return environment_origin(self.origin, name, namespace).removeprefix("http://")

    def environment_origin(self, name: str = "demo", namespace: str = "team") -> str:
        return environment_origin(self.origin, name, namespace)

    def add(
        self, port: int, *, pod_uid: str | None = None, code_server: bool = True, **instance: Any
    ) -> WorkspaceInstance:
        """A running environment whose pod listens on `port`."""
        made = make_instance(**instance)
        self.table.on_instance(None, made)
        self.table.on_pod(None, make_pod(made, port, uid=pod_uid, code_server=code_server))
        return made

    def browser(self) -> contextlib.AbstractAsyncContextManager["Browser"]:
        return browsing(self.origin)

    async def raw(self, data: bytes, *, seconds: float = 5.0) -> bytes:
        """Sends bytes and reads until the server closes or `seconds` are over."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            await writer.drain()
            received = bytearray()
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                async with asyncio.timeout(seconds):
                    while chunk := await reader.read(65536):
                        received += chunk
            return bytes(received)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@dataclasses.dataclass(frozen=True)
class Answer:
    """A response that has been read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    url: URL
    body: bytes
    content_type: str

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Browser:
    """Host-only cookies per host, no redirect followed unless asked, the headers that a browser sends."""

    def __init__(self, origin: str, session: aiohttp.ClientSession) -> None:
        self.origin = origin
        self.session = session

    async def get(self, url: str | URL, **options: Any) -> Answer:
        return await self._read("GET", url, options)

    async def navigate(self, url: str, **options: Any) -> Answer:
        return await self._read("GET", url, {"headers": NAVIGATION, **options})

    async def post(self, url: str, **options: Any) -> Answer:
        return await self._read("POST", url, options)

    async def request(self, method: str, url: str, **options: Any) -> Answer:
        return await self._read(method, url, options)

    async def _read(self, method: str, url: str | URL, options: dict[str, Any]) -> Answer:
        options.setdefault("allow_redirects", False)
        async with self.session.request(method, url, **options) as response:
            return Answer(
                status=response.status,
                headers=response.headers,
                url=response.url,
                body=await response.read(),
                content_type=response.content_type,
            )

    async def sign_in(
        self, *, username: str = ADMIN, password: str = PASSWORD, next_address: str = "/", **options: Any
    ) -> Answer:
        options.setdefault("headers", {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"})
        form = {"username": username, "password": password, "next": next_address}
        return await self.post(f"{self.origin}/signin", data=form, **options)

    async def open(self, name: str = "demo", namespace: str = "team", path: str = "/") -> Answer:
        """Goes to an environment as a person does, through all redirects."""
        return await self.navigate(environment_origin(self.origin, name, namespace) + path, allow_redirects=True)

    async def enter(self, name: str = "demo", namespace: str = "team") -> None:
        """Signs in and opens the environment, whose session cookie is there afterwards."""
        assert (await self.sign_in()).status == 303
        await self.open(name, namespace)
        assert self.cookies(environment_origin(self.origin, name, namespace))

    def cookies(self, url: str) -> dict[str, str]:
        return {key: morsel.value for key, morsel in self.session.cookie_jar.filter_cookies(URL(url)).items()}


@contextlib.asynccontextmanager
async def browsing(
    origin: str, *, to_port: int | None = None, jar: aiohttp.CookieJar | None = None
) -> AsyncIterator[Browser]:
    """A browser whose home is the public address `origin`; with the cookies of another one, and by way of a replica."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=_Loopback(to_port), use_dns_cache=False),
        cookie_jar=aiohttp.CookieJar() if jar is None else jar,
        auto_decompress=False,
    ) as session:
        yield Browser(origin, session)


async def forget(_: object) -> None:
    """Somebody who is told something and does nothing."""


@contextlib.asynccontextmanager
async def running_server(directory: Path, *, limits: Any = None, **settings: Any) -> AsyncIterator[Harness]:
    """A listening server with the admin account of `PASSWORD`; `settings` override the configuration.
    `cluster` is an open client for what the server reads or writes on request; without one it may ask nothing. Replicas
    are given the same `record` and `shelf`. `reports` asks pods; without it none reports.
    """
    key = directory / "master-key"
    key.write_bytes(MASTER_KEY)
    (directory / "username").write_text(ADMIN)
    (directory / "password-hash").write_text(FAST_HASHER.hash(PASSWORD))
    port = free_port()
    clock, watches = settings.pop("clock", None) or time.time, settings.pop("watches", None)
    record, shelf = settings.pop("record", None) or Record(), settings.pop("shelf", None) or Shelf()
    files, cluster = settings.pop("files", DASHBOARD), settings.pop("cluster", None)
    reports = settings.pop("reports", None) or Reports()
    options: dict[str, Any] = {
        "public_url": f"http://localhost:{port}",
        "master_key_file": key,
        "admin_dir": directory,
        "listen_host": "127.0.0.1",
        "listen_port": port,
        "internal_port": free_port(),
        "drain_seconds": 1.0,
        "leave_seconds": 0.0,
        "api_allowance": UNLIMITED,
        "change_allowance": UNLIMITED,
        **settings,
    }
    config = ServerConfig(**options)
    keys = Keys(config.master_key_file)
    table, rbac, api, catalogue, tokens, volumes = EnvironmentTable(), Rbac(), Api(), Catalogue(), Tokens(), Volumes()
    api.on_create = lambda made: table.on_instance(None, made)
    revocations = Revocations(record, Key("system", OBJECT_NAME), clock=clock)
    record.follow(revocations)
    outside = Outside(
        table=table,
        catalogue=catalogue,
        volumes=volumes,
        watches=watches or (("workspaceinstances", Synced()),),
        reviewer=rbac,
        tokens=tokens,
        writer=cluster or api,
        cluster=cluster or Client(Endpoint(server="http://127.0.0.1:1"), field_manager="test"),
        reports=reports,
        announce=forget,
        revocations=revocations,
        objects=shelf,
        keys=keys,
        metrics=Metrics(),
        files=files,
        limits=limits or OwnerLimits(),
        clock=clock,
    )
    rooms = make_rooms(config, outside)
    async with listening(config, rooms):
        yield Harness(
            config,
            rooms,
            table=table,
            rbac=rbac,
            api=api,
            catalogue=catalogue,
            tokens=tokens,
            record=record,
            shelf=shelf,
            volumes=volumes,
            reports=reports,
        )


class Pod:
    """A real HTTP server in place of an editor. `handler` answers; every request's head is kept in `seen`."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        self.seen: list[tuple[str, str, CIMultiDict[str]]] = []
        self._handler = handler
        self.port = 0
        self.connections = 0

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen.append((request.method, request.raw_path, CIMultiDict(request.headers)))
        return await self._handler(request)


async def answer_ok(request: web.BaseRequest) -> web.StreamResponse:
    body = await request.read()
    return web.Response(text=f"editor {request.method} {request.raw_path} {len(body)}")


@contextlib.asynccontextmanager
async def running_pod(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] = answer_ok, **options: Any
) -> AsyncIterator[Pod]:
    pod = Pod(handler)
    server = web.Server(pod._handle, access_log=None, **options)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    pod.port = free_port()
    await web.TCPSite(runner, "127.0.0.1", pod.port).start()
    try:
        yield pod
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def running_tcp_pod(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A pod that speaks bytes as the test says; yields its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def send(
    server: Harness,
    browser: Browser,
    method: str,
    path: str,
    *,
    body: Any = None,
    headers: dict[str, str | None] | None = None,
) -> Answer:
    """A request as the dashboard makes it; `headers` changes them, None leaves one out."""
    usual: dict[str, str | None] = {
        "Origin": server.origin,
        "Sec-Fetch-Site": "same-origin",
        "X-DevWorkspace-CSRF": "1",
    }
    data = None
    if body is not None:
        usual["Content-Type"] = "application/json"
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    sent = {name: value for name, value in {**usual, **(headers or {})}.items() if value is not None}
    return await browser.request(method, server.origin + path, data=data, headers=sent)


async def read(server: Harness, browser: Browser, path: str) -> Any:
    """The JSON of an answer that must be 200."""
    answer = await browser.get(server.origin + path)
    assert answer.status == 200, answer.text
    return answer.json()
