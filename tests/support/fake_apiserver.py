"""An API server in memory, for tests: real HTTP on loopback, the semantics that controllers rely on, faults on request.

What it has: versions, uids, generation, status subresource, create, update, merge patch, server-side apply (lists as
one value), deletion with preconditions, finalizers and owner references, selectors, paging with tokens that expire,
watch from a version with a limited history (410), bookmarks, metadata-only answers, bearer tokens, access reviews,
discovery. What it lacks: schemas, defaults, admission, RBAC on its own paths. tests/kube/test_real_api.py holds it
against a real one where a cluster is at hand.
"""

import asyncio
import contextlib
import json
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from devworkspace.api.meta import Key
from devworkspace.kube import resource as kinds
from devworkspace.kube.clock import now
from devworkspace.kube.config import Endpoint
from devworkspace.kube.resource import Resource
from tests.support.fake_answers import WITHOUT_STATUS, answer, event_kind, is_selected, refusal_body
from tests.support.fake_discovery import discover
from tests.support.fake_faults import Fault, Logged, Stream
from tests.support.fake_objects import Object, merge_patch
from tests.support.fake_routes import Target, target_of
from tests.support.fake_store import Change, Refusal, Store

GROUP: Final = "devworkspace.kubesphere.io"
INSTANCES: Final = Resource(GROUP, "v1alpha1", "workspaceinstances", "WorkspaceInstance")
TEMPLATES: Final = Resource(GROUP, "v1alpha1", "ideworkspacetemplates", "WorkspaceTemplate", namespaced=False)
CRDS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
KNOWN: Final = (
    kinds.PODS,
    kinds.PVCS,
    kinds.SERVICES,
    kinds.SECRETS,
    kinds.CONFIG_MAPS,
    kinds.NAMESPACES,
    kinds.EVENTS,
    kinds.NODES,
    kinds.NETWORK_POLICIES,
    kinds.LEASES,
    kinds.DAEMON_SETS,
    kinds.DEPLOYMENTS,
    kinds.RESOURCE_QUOTAS,
    kinds.LIMIT_RANGES,
    kinds.STORAGE_CLASSES,
    kinds.ROLES,
    kinds.CLUSTER_ROLES,
    kinds.ROLE_BINDINGS,
    kinds.CLUSTER_ROLE_BINDINGS,
    CRDS,
    INSTANCES,
    TEMPLATES,
)
REVIEWS: Final = (kinds.SUBJECT_ACCESS_REVIEWS, kinds.SELF_SUBJECT_ACCESS_REVIEWS, kinds.TOKEN_REVIEWS)


def _no_log(pod: Key, query: Mapping[str, str]) -> AsyncIterator[bytes]:
    raise Refusal(404, "NotFound", f'pods "{pod.name}" not found')


@dataclass(slots=True)
class _Rest:
    """The pages that a continue token stands for."""

    items: list[Object]
    version: int


def _line(kind: str, obj: Object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


@dataclass(kw_only=True)
class FakeApiServer:
    """An async context manager; `endpoint` is ready inside of it.

    `window` is how many changes a watch can look back, `bookmark_interval` is in seconds. `tokens`: None accepts
    everybody. `authorize` answers SubjectAccessReviews from their spec, `review_status` with a whole status, `identify`
    answers TokenReviews with a status. `log` yields what a pod's container says, raises `Refusal`, or
    `ConnectionError` where the stream breaks. `clock` stamps objects.
    """

    window: int = 10_000
    bookmark_interval: float = 60.0
    gone_as_status: bool = False
    tokens: set[str] | None = None
    authorize: Callable[[Mapping[str, Any]], bool] = lambda spec: True
    identify: Callable[[Mapping[str, Any]], Object] = lambda spec: {"authenticated": False}
    review_status: Callable[[Mapping[str, Any]], Object | None] | None = None
    log: Callable[[Key, Mapping[str, str]], AsyncIterator[bytes]] = _no_log
    clock: Callable[[], datetime] = now
    resources: tuple[Resource, ...] = KNOWN
    faults: list[Fault] = field(default_factory=list)
    requests: list[Logged] = field(default_factory=list)
    reviews: list[Object] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    port: int = 0
    tls: ssl.SSLContext | None = None
    url: str = ""

    def __post_init__(self) -> None:
        self.store = Store(window=self.window, clock=lambda: self.clock())
        self._continues: dict[str, _Rest] = {}
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.tls)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"{'https' if self.tls else 'http'}://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Close all connections and stop listening; may be called early and again.

        Kopf waits 5 s for foreign tasks of its loop when it ends, ours included: stop the server beside it.
        """
        self.end_streams()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(server=self.url)

    @property
    def writes(self) -> list[Logged]:
        """The writes so far; those to Leases are left out, because a leader renews its own all the time."""
        return [request for request in self.requests if request.is_write and request.resource != "leases"]

    # What tests do behind the clients' backs.

    def put(self, resource: Resource, body: Object) -> Object:
        """Create or replace an object, status included."""
        key = kinds.key_of(body)
        if key not in self.store.objects.get(resource, {}):
            return self.store.create(resource, body)
        new = self.store.update(resource, key, body)
        return self.store.update(resource, key, body, subresource="status") if "status" in body else new

    def set_status(self, resource: Resource, key: Key, status: Object) -> Object:
        """Replace the status, as a kubelet or the volume controller does."""
        return self.store.update(resource, key, {"status": status}, subresource="status")

    def patch(self, resource: Resource, key: Key, patch: Object) -> Object:
        """Merge-patch everything but the status."""
        return self.store.update(resource, key, merge_patch(self.store.get(resource, key), patch))

    def remove(self, resource: Resource, key: Key) -> None:
        """Delete at once, even where deletion is graceful (`store.graceful`): the kubelet has ended the pod."""
        self.store.delete(resource, key, grace=0)

    def get(self, resource: Resource, key: Key) -> Object | None:
        stored = self.store.objects.get(resource, {}).get(key)
        return stored.obj if stored is not None else None

    def objects(self, resource: Resource, namespace: str = "") -> list[Object]:
        return self.store.list(resource, namespace)

    def expire_continues(self) -> None:
        """Make every continue token that was handed out answer 410."""
        self._continues.clear()

    def end_streams(self, resource: str | None = None) -> None:
        for stream in self._streams(resource):
            stream.end()

    def abort_streams(self, resource: str | None = None, *, after: bytes = b"") -> None:
        """Break connections, after sending some bytes such as half a line."""
        for stream in self._streams(resource):
            if after:
                stream.send(after)
            stream.abort()

    def freeze_streams(self, resource: str | None = None) -> None:
        """Let open watches hear nothing any more, without closing them."""
        for stream in self._streams(resource):
            stream.frozen = True

    def fail_streams(self, status: int, reason: str, resource: str | None = None) -> None:
        """Send an error event in mid-stream; the server closes after it."""
        for stream in self._streams(resource):
            stream.send(_line("ERROR", refusal_body(status, reason, f"told to fail with {status}")))
            stream.end()

    def bookmark(self, resource: str | None = None) -> None:
        """Send a bookmark of the newest version now."""
        for stream in self._streams(resource):
            stream.send(self._bookmark_line(stream.resource))

    def _streams(self, resource: str | None) -> list[Stream]:
        return [stream for stream in self.streams if resource in {None, stream.resource}]

    def _bookmark_line(self, plural: str) -> bytes:
        known = next(known for known in self.resources if known.plural == plural)
        metadata = {"resourceVersion": str(self.store.version)}
        return _line("BOOKMARK", {"kind": known.kind, "apiVersion": known.api_version, "metadata": metadata})

    # HTTP.

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            self._authenticate(request)
            if (discovered := discover(request.path, self.resources, without_status=WITHOUT_STATUS)) is not None:
                return web.json_response(discovered)
            if (review := next((kind for kind in REVIEWS if request.path == kind.path()), None)) is not None:
                return await self._review(request, review)
            if request.path.endswith("/log"):
                return await self._log(request)
            target = target_of(request, self.resources, without_status=WITHOUT_STATUS)
        except Refusal as refusal:
            return _response(refusal)
        return await self._serve_target(request, target)

    async def _log(self, request: web.Request) -> web.StreamResponse:
        *_, namespace, _, name, _ = request.path.split("/")
        key = Key(namespace, name)
        chunks = self.log(key, request.query)
        self.requests.append(Logged("get", "pods/log", key, 200))
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            async for chunk in chunks:
                await response.write(chunk)
        except ConnectionError:
            _abort(request)
        return response

    async def _serve_target(self, request: web.Request, target: Target) -> web.StreamResponse:
        fault = next((f for f in self.faults if f.matches(target.verb, target.label, target.key)), None)
        position = len(self.requests)
        self.requests.append(Logged(target.verb, target.label, target.key, 0))
        response: web.StreamResponse | None = await self._strike(request, fault) if fault is not None else None
        if response is None:
            try:
                response = await self._answer(request, target)
            except Refusal as refusal:
                response = _response(refusal)
            if fault is not None and fault.drop == "after":
                _abort(request)
                return response
        self.requests[position] = Logged(target.verb, target.label, target.key, response.status)
        return response

    async def _strike(self, request: web.Request, fault: Fault) -> web.Response | None:
        fault.strike()
        await asyncio.sleep(fault.delay)
        if fault.hang:
            await asyncio.Event().wait()
        if fault.drop == "before":
            _abort(request)
            return web.Response(status=500)
        if fault.status is None:
            return None
        wanted = {"Retry-After": fault.retry_after, "Location": fault.location}
        headers = {name: value for name, value in wanted.items() if value}
        body = refusal_body(fault.status, fault.reason, f"told to answer {fault.status}")
        return web.json_response(body, status=fault.status, headers=headers)

    async def _answer(self, request: web.Request, target: Target) -> web.StreamResponse:
        match target.verb:
            case "watch":
                return await self._watch(request, target)
            case "list":
                return web.json_response(self._list(request, target))
            case verb:
                body = {} if verb == "get" else await _body(request)
                answered = answer(self.store, target, request.query, body)
                return web.json_response(answered, status=201 if verb == "create" else 200)

    def _list(self, request: web.Request, target: Target) -> Object:
        limit = int(request.query.get("limit") or 0)
        if token := request.query.get("continue"):
            rest = self._continues.pop(token, None)
            if rest is None:
                raise Refusal(410, "Expired", "The provided continue parameter is too old")
        else:
            items = self.store.list(target.resource, target.key.namespace)
            rest = _Rest([obj for obj in items if is_selected(request.query, obj)], self.store.version)
        page, later = (rest.items[:limit], rest.items[limit:]) if limit else (rest.items, [])
        metadata: Object = {"resourceVersion": str(rest.version)}
        if later:
            metadata["continue"] = uuid.uuid4().hex
            self._continues[metadata["continue"]] = _Rest(later, rest.version)
        resource = target.resource
        head = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata}
        return head | {"items": [_shaped(request, obj) for obj in page]}

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        # No await until the listener is in place: nothing may happen between history and live changes.
        asked = request.query.get("resourceVersion") or "0"
        stream = Stream(target.resource.plural)

        def forward(change: Change) -> None:
            if (kind := event_kind(request.query, target, change)) is not None:
                stream.send(_line(kind, _shaped(request, change.new)))

        try:
            if asked == "0":
                for obj in self.store.list(target.resource, target.key.namespace):
                    if is_selected(request.query, obj):
                        stream.send(_line("ADDED", _shaped(request, obj)))
            else:
                for change in self.store.since(target.resource, int(asked)):
                    forward(change)
        except Refusal as refusal:
            if self.gone_as_status:
                raise
            stream.send(_line("ERROR", refusal_body(refusal.status, refusal.reason, refusal.message)))
            stream.end()
        self.store.listeners.append(forward)
        self.streams.append(stream)
        try:
            return await self._pump(request, stream)
        finally:
            self.store.listeners.remove(forward)
            self.streams.remove(stream)

    async def _pump(self, request: web.Request, stream: Stream) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        bookmarks = request.query.get("allowWatchBookmarks") == "true"
        loop = asyncio.get_running_loop()
        end = loop.time() + float(request.query.get("timeoutSeconds") or 3600)
        next_bookmark = loop.time() + self.bookmark_interval if bookmarks else float("inf")
        while (current := loop.time()) < end:
            try:
                async with asyncio.timeout(max(0.0, min(end, next_bookmark) - current)):
                    item = await stream.queue.get()
            except TimeoutError:
                if loop.time() >= next_bookmark:
                    next_bookmark = loop.time() + self.bookmark_interval
                    stream.send(self._bookmark_line(stream.resource))
                continue
            if item == "end":
                break
            if item == "abort":
                _abort(request)
                break
            assert isinstance(item, bytes)
            await response.write(item)
        with contextlib.suppress(ConnectionError):
            await response.write_eof()
        return response

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if self.tokens is not None and (scheme != "Bearer" or token not in self.tokens):
            raise Refusal(401, "Unauthorized", "Unauthorized")

    async def _review(self, request: web.Request, resource: Resource) -> web.StreamResponse:
        target = Target("create", resource, Key("", ""))
        review = await _body(request)
        self.reviews.append(review["spec"])
        fault = next((f for f in self.faults if f.matches(target.verb, target.label, target.key)), None)
        if fault is not None and (response := await self._strike(request, fault)) is not None:
            return response
        spec = review["spec"]
        if resource == kinds.TOKEN_REVIEWS:
            return web.json_response(review | {"status": self.identify(spec)}, status=201)
        status = self.review_status(spec) if self.review_status else {"allowed": self.authorize(spec)}
        return web.json_response(review | {"status": status}, status=201)


async def _body(request: web.Request) -> Object:
    raw = await request.read()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError as error:
        raise Refusal(400, "BadRequest", "the body is no JSON") from error
    if not isinstance(body, dict):
        raise Refusal(400, "BadRequest", "the body is no object")
    return body


def _shaped(request: web.Request, obj: Object) -> Object:
    """Return only the metadata if the client asked for `PartialObjectMetadata`."""
    if "as=PartialObjectMetadata" not in request.headers.get("Accept", ""):
        return obj
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _response(refusal: Refusal) -> web.Response:
    body = refusal_body(refusal.status, refusal.reason, refusal.message, refusal.details)
    return web.json_response(body, status=refusal.status)


def _abort(request: web.Request) -> None:
    transport = request.transport
    if transport is not None:
        transport.abort()
