"""Serves the dashboard.

Its addresses are relative everywhere, so that it works at `/` and behind a proxy that puts a prefix before it and takes
it off again, as KubeSphere's console does: the prefix is unknown here, the depth of the page's own address is known.
"""

import re
import secrets
from collections.abc import Awaitable, Callable
from html import escape
from typing import Final
from urllib.parse import quote

from aiohttp import web

from devworkspace.server.answers import Answers, language_of
from devworkspace.server.config import PublicAddress
from devworkspace.server.dashboard.files import ASSETS, DashboardFiles
from devworkspace.server.heads import only_cookie
from devworkspace.server.pages.html import message_page
from devworkspace.server.pages.texts import LANGUAGE_COOKIE, text
from devworkspace.server.sessions import Session

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

THEME_COOKIE: Final = "dw-theme"
THEMES: Final = ("light", "dark")
LANGUAGE_SECONDS: Final = 365 * 24 * 3600
ASSET_PREFIX: Final = f"/{ASSETS}/"
_SEGMENT: Final = r"[a-z0-9][-a-z0-9.]*"
# The dashboard's pages; dashboard/src/routes.tsx has the same.
_PAGES: Final = re.compile(
    rf"/(|envs(/{_SEGMENT}/{_SEGMENT}(/[a-z]+)?)?|new|templates(/-/new|/{_SEGMENT}/edit)?|disks"
    rf"|admin|me|start/{_SEGMENT}/{_SEGMENT})"
)


class DashboardRoom:
    """`session` tells who asks; without `files` every page says how to build them.

    `prove` is there in path mode, where it must be told apart which page of this origin changes something. Pages that
    KubeSphere's console asks for come by `console_host`.
    """

    def __init__(
        self,
        *,
        public: PublicAddress,
        files: DashboardFiles | None,
        session: Callable[[web.BaseRequest], Session | None],
        prove: Callable[[Session], str] | None = None,
        console_host: str | None = None,
    ) -> None:
        self._console_host = console_host
        self._prove = prove
        self._files = files
        self._session = session
        self._public = public
        self._answers = Answers(public)

    def find(self, path: str) -> Handler | None:
        """What answers a GET of this path, or None if it is none of the dashboard's."""
        if path.startswith(ASSET_PREFIX):
            return self.asset
        return self.page if _PAGES.fullmatch(path) else None

    async def asset(self, request: web.BaseRequest) -> web.StreamResponse:
        name = request.path.removeprefix(ASSET_PREFIX)
        asset = self._files.assets.get(name) if self._files is not None else None
        if asset is None:
            return self._answers.problem(404, "There is no such file.")
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Type": f"{asset.content_type}; charset=utf-8",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            "Server": "devworkspace",
        }
        if asset.compressed is None or "gzip" not in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=asset.content, headers=headers)
        return web.Response(body=asset.compressed, headers={**headers, "Content-Encoding": "gzip"})

    async def page(self, request: web.BaseRequest) -> web.StreamResponse:
        """The page, the same for every address of the dashboard; strangers sign in first.

        A frame of another product (`embed`) has no session: its proxy adds a token to every request, and a page that
        sends itself away could not come back.
        """
        embedded = request.query.get("embed") == "1"
        if not embedded and request.headers.get("Host", "").lower() == self._console_host:
            # A link or bookmark without it. What precedes the path is the console's, so that only the query is named.
            query = request.raw_path.partition("?")[2]
            return self._answers.redirect(f"?embed=1&{query}" if query else "?embed=1")
        if not embedded and self._session(request) is None:
            return self._answers.redirect("/signin?next=" + quote(request.raw_path, safe=""))
        if self._files is None:
            return self._missing(request)
        nonce = secrets.token_urlsafe(16)
        language = language_of(request)
        theme = request.query.get("theme") or only_cookie(request.headers.getall("Cookie", ()), THEME_COOKIE)
        html = (
            self._files.page.replace('"./', f'"{"../" * (request.path.count("/") - 1) or "./"}')
            .replace("{lang}", "zh-CN" if language == "zh" else "en")
            .replace("{theme}", theme if theme in THEMES else "auto")
            .replace("{nonce}", escape(nonce))
            .replace("{proof}", escape(self._proof(request)))
        )
        response = self._answers.page(html, policy=_policy(nonce, framed_by=self._framed_by(request)))
        if not embedded and request.query.get("lang") in ("en", "zh"):
            wanted = request.query["lang"]
            self._answers.set_cookie(response, LANGUAGE_COOKIE, wanted, seconds=LANGUAGE_SECONDS, http_only=False)
        return response

    def _framed_by(self, request: web.BaseRequest) -> str:
        """A console frames the dashboard that it shows on its own origin. In path mode every page in an environment is
        of the public host's origin, and would hold the dashboard in its hands."""
        shared = self._public.mode == "path" and request.host == self._public.netloc
        return "'none'" if shared else "'self'"

    def _proof(self, request: web.BaseRequest) -> str:
        """Scripts of other pages below this host can fetch this one, and must not find it there.

        Windows that they open on it are out of their reach by `Cross-Origin-Opener-Policy`.
        """
        session = self._session(request)
        if self._prove is None or session is None:
            return ""
        wanted = (request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest"))
        return self._prove(session) if wanted == ("navigate", "document") else ""

    def _missing(self, request: web.BaseRequest) -> web.Response:
        language = language_of(request)
        page = message_page(
            text("dashboard.missing", language),
            text("dashboard.build", language),
            link="/signin",
            link_text=text("signin.title", language),
            language=language,
        )
        return self._answers.page(page, status=503)


def _policy(nonce: str, *, framed_by: str) -> str:
    """Our own script and style. The nonce is for the variables of the theme, which the page itself writes into a style
    element; `data:` for the pictures inside of the style sheet."""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
        f"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {framed_by}"
    )
