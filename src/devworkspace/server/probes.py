"""Whether the process lives and may get traffic, at both of its ports, and the figures at the inner one."""

from aiohttp import web

from devworkspace.server.answers import Answers
from devworkspace.server.config import PublicAddress
from devworkspace.server.frontdoor import PublicHandler
from devworkspace.server.metrics import CONTENT_TYPE, Metrics
from devworkspace.server.readiness import Readiness


def probe_routes(readiness: Readiness, public: PublicAddress) -> dict[tuple[str, str], PublicHandler]:
    """The probes as the public host serves them."""
    answers = Answers(public)

    async def healthz(_: web.BaseRequest) -> web.StreamResponse:
        return answers.plain(200, "ok")

    async def readyz(_: web.BaseRequest) -> web.StreamResponse:
        problem = readiness.problem()
        return answers.plain(200, "ok") if problem is None else answers.plain(503, problem)

    return {("GET", "/-/healthz"): healthz, ("GET", "/-/readyz"): readyz}


def make_internal_app(readiness: Readiness, metrics: Metrics) -> web.Application:
    """Probes and figures for the cluster, on a port of their own that no ingress leads to."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        problem = readiness.problem()
        return web.Response(text="ok\n") if problem is None else web.Response(text=problem + "\n", status=503)

    async def figures(_: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.router.add_get("/-/healthz", healthz)
    app.router.add_get("/-/readyz", readyz)
    app.router.add_get("/metrics", figures)
    return app
