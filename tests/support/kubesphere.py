"""A stand-in of KubeSphere 4.1.3: console and ks-apiserver in one, as far as headers and answers matter here.

As observed there: the console turns its cookie into a bearer token, and drops Cookie and Referer unless the request is
an upgrade; ks-apiserver does what the ReverseProxy says, sets `Host` to the upstream and then, unless the request is an
upgrade, puts its own `X-Remote-User` in. What it allows goes to the API server under ks-apiserver's name, so that a
review of one's own rights is about ks-apiserver.
"""

import base64
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from tests.support.extension import read_reverse_proxy
from tests.support.ports import free_port

HOST = "devworkspace-server.devworkspace-system.svc"
# Where a ReverseProxy of the console leads to us.
PREFIX = "/proxy/devworkspace"
_HOP = {"host", "connection", "content-length", "transfer-encoding", "upgrade"}
_OF_ONE_HOP_TO_UPGRADES = {"host", "content-length", "transfer-encoding"}
_RESOURCE = re.compile(
    r"/apis/devworkspace\.kubesphere\.io/v1alpha1(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?"
)
_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "DELETE": "delete"}


def make_token(user: str, *, seconds: float = 7200) -> str:
    """What KubeSphere's tokens look like; nobody but this stand-in could check the signature."""
    parts = ({"alg": "HS256"}, {"sub": user, "username": user, "exp": time.time() + seconds})
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{text}.signature"


class KubeSphereStandIn:
    """`users` by token; `rights` are (user, verb, resource or resource/subresource, namespace).

    `reverse_proxy` is the object that leads to us; `upstream` is the port where its host is found here.
    """

    def __init__(self, upstream: int, reverse_proxy: dict[str, Any]) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.users: dict[str, str] = {}
        self.rights: set[tuple[str, str, str, str]] = set()
        self.asked: list[tuple[str, str]] = []
        self.written: list[tuple[str, str]] = []
        self.broken = False
        # What ks-apiserver itself answers to everything below /proxy/: 401 to a token that has ended, 403 to who lacks
        # the global role template.
        self.refusal: tuple[int, str] | None = None
        self.upstream = f"http://127.0.0.1:{upstream}"
        self._host = urlsplit(reverse_proxy["spec"]["upstream"]["url"]).netloc
        self._directives: dict[str, Any] = reverse_proxy["spec"]["directives"]

    def add(self, user: str) -> str:
        token = make_token(user)
        self.users[token] = user
        return token

    def allow(self, user: str, verb: str, what: str, namespace: str = "team") -> None:
        self.rights.add((user, verb, what, namespace))

    async def userinfo(self, request: web.Request) -> web.Response:
        self.asked.append(("GET", "/oauth/userinfo"))
        if self.broken:
            return web.json_response({}, status=503)
        user = self._user(request)
        return web.json_response({"sub": user}) if user else web.json_response({}, status=401)

    async def api(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.raw_path))
        user = self._user(request)
        if user is None:
            return _status(401, "Unauthorized")
        if "selfsubjectaccessreviews" in request.path:
            return web.json_response({"kind": "SelfSubjectAccessReview", "status": {"allowed": True}}, status=201)
        match = _RESOURCE.fullmatch(request.path)
        if match is None or self.broken:
            return web.Response(status=404 if match is None else 502, text="404 page not found")
        what = "/".join(part for part in (match["resource"], match["subresource"]) if part)
        if (user, _VERBS[request.method], what, match["namespace"] or "") not in self.rights:
            return _status(403, "Forbidden")
        if match["namespace"] is None and match["resource"] == "workspaceinstances":
            return web.Response(status=404, text="404 page not found")
        if match["subresource"]:
            return _status(404, "NotFound")
        return await self._behind(request)

    async def _behind(self, request: web.Request) -> web.Response:
        """The API server, which finds nothing wrong with a body that makes sense."""
        body: Any = await request.json() if request.body_exists else None
        if request.method == "GET":
            return web.json_response({"kind": "WorkspaceInstance"})
        if request.method == "DELETE" and body["preconditions"]["uid"] == "none":
            return _status(409, "Conflict")
        if request.method in ("POST", "PUT") and "kind" not in (body or {}):
            return _status(400, "BadRequest")
        self.written.append((request.method, request.raw_path))
        return web.json_response({"kind": "Status", "apiVersion": "v1"})

    def _passed_on(self, request: web.Request) -> CIMultiDict[str]:
        """The head that the upstream gets."""
        upgrade = "upgrade" in request.headers.get("Connection", "").lower()
        dropped = _OF_ONE_HOP_TO_UPGRADES if upgrade else _HOP | {"cookie", "referer"}
        headers = CIMultiDict((name, value) for name, value in request.headers.items() if name.lower() not in dropped)
        token = request.cookies.get("token", "")
        headers["Authorization"] = f"Bearer {token}"
        for rule in self._directives["headerUp"]:
            assert rule.startswith("-"), "this stand-in removes headers only"
            headers.popall(rule[1:], None)
        headers["Host"] = self._host
        if self._directives["authProxy"] and not upgrade:
            headers["X-Remote-User"] = self.users.get(token, "system:anonymous")
            headers["X-Remote-Group"] = "system:authenticated"
        return headers

    async def proxy(self, request: web.Request) -> web.StreamResponse:
        """/proxy/devworkspace/* as a browser reaches it through the console; nothing there accepts an upgrade."""
        if self.refusal is not None:
            return _status(*self.refusal)
        try:
            return await self._proxy(request)
        except aiohttp.ClientConnectionError:
            return _status(502, "InternalError")

    async def _proxy(self, request: web.Request) -> web.StreamResponse:
        target = self.upstream + request.raw_path.removeprefix(self._directives["stripPathPrefix"])
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                target,
                headers=self._passed_on(request),
                data=await request.read(),
                allow_redirects=False,
            ) as answer,
        ):
            kept = CIMultiDict((name, value) for name, value in answer.headers.items() if name.lower() not in _HOP)
            passed = web.StreamResponse(status=answer.status, headers=kept)
            await passed.prepare(request)
            # Events are passed on as they come, until either side goes.
            with contextlib.suppress(aiohttp.ClientPayloadError):
                async for chunk in answer.content.iter_any():
                    await passed.write(chunk)
            return passed

    async def page(self, _: web.Request) -> web.Response:
        """A page of the console, with us in its frame."""
        frame = f'<iframe src="{PREFIX}/envs?embed=1&amp;lang=zh" style="width:100%;height:90vh;border:0"></iframe>'
        return web.Response(text=f"<!doctype html><title>Console</title>{frame}", content_type="text/html")

    def _user(self, request: web.Request) -> str | None:
        return self.users.get(request.headers.get("Authorization", "").removeprefix("Bearer "))


def _status(code: int, reason: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
    return web.json_response(body, status=code)


@contextlib.asynccontextmanager
async def running_kubesphere(
    *,
    upstream: int,
    reverse_proxy: dict[str, Any] | None = None,
    add_routes: Callable[[web.Application], None] = lambda _: None,
) -> AsyncIterator[KubeSphereStandIn]:
    """`upstream` is the port of our server, `reverse_proxy` our extension's unless another is given.

    `add_routes` puts more into the console.
    """
    made = KubeSphereStandIn(upstream, reverse_proxy or read_reverse_proxy())
    app = web.Application()
    add_routes(app)
    app.router.add_get("/oauth/userinfo", made.userinfo)
    app.router.add_route("*", "/apis/{tail:.*}", made.api)
    app.router.add_route("*", PREFIX + "/{tail:.*}", made.proxy)
    app.router.add_get("/console", made.page)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", made.port).start()
    try:
        yield made
    finally:
        await runner.cleanup()
