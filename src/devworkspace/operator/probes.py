"""The operator's own HTTP endpoint: /metrics for Prometheus, /healthz and /readyz for the kubelet."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import generate_latest

from devworkspace.operator.health import Health
from devworkspace.operator.metrics import Metrics


def make_probe_app(health: Health, metrics: Metrics, is_leading: Callable[[], bool]) -> web.Application:
    """Answers 200 with `ok`, or 503 with one line for each thing that is wrong.

    A standby whose stores are complete is ready, and says that it is one.
    """

    async def healthz(_: web.Request) -> web.Response:
        return _answer(health.failures(), well="ok")

    async def readyz(_: web.Request) -> web.Response:
        return _answer(health.unready(), well="ok: leading" if is_leading() else "ok: standby")

    async def serve_metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), content_type="text/plain", charset="utf-8")

    app = web.Application()
    app.add_routes(
        [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", serve_metrics)],
    )
    return app


def _answer(problems: tuple[str, ...], *, well: str) -> web.Response:
    if problems:
        return web.Response(status=503, text="\n".join(problems) + "\n")
    return web.Response(text=f"{well}\n")
