"""A stand-in of KubeSphere's console: its page, with React of a version, and our script in it (tests/console)."""

import json
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.extension import BUNDLE
from tests.support.packages import install

SOURCE = Path(__file__).parents[1] / "console"
# As the JSBundle's status says, below where the console gets it.
LINK = "/pstatic/dist/devworkspace/index.js?resourceVersion=1"


class Console:
    """What the next page is made of. `language` is the console's, `chosen` the user's own choice, if there is one."""

    def __init__(self) -> None:
        self.react = 18
        self.language = "en"
        self.chosen: str | None = None
        self.rules: dict[str, list[str]] = {"devworkspace": ["view"]}
        self._packages = install(SOURCE, name="console") / "node_modules"

    def add_routes(self, app: web.Application) -> None:
        app.router.add_static("/npm/", self._packages)
        app.router.add_get("/console.js", self._script)
        app.router.add_get(LINK.partition("?")[0], self._bundle)
        for path in ("/", "/devworkspace", "/workspaces/{rest:.*}"):
            app.router.add_get(path, self._page)

    async def _page(self, _: web.Request) -> web.StreamResponse:
        user: dict[str, Any] = {"username": "ada", "globalRules": self.rules}
        if self.chosen is not None:
            user["lang"] = self.chosen
        text = (SOURCE / "index.html").read_text(encoding="utf-8").replace("{react}", str(self.react))
        values = {"user": user, "language": self.language, "bundle": LINK}
        return web.Response(text=text.replace("{globals}", json.dumps(values)), content_type="text/html")

    async def _script(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(SOURCE / "console.js")

    async def _bundle(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text=BUNDLE.read_text(encoding="utf-8"), content_type="text/javascript")
