"""Answers of our own, as opposed to those of pods: pages, problems, redirects, cookies; all with the same safe head."""

import http
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from aiohttp import web

from devworkspace.server.config import PublicAddress
from devworkspace.server.heads import only_cookie
from devworkspace.server.pages.texts import LANGUAGE_COOKIE, Language, choose_language

AWAY_RETRY_SECONDS: Final = 5
AWAY: Final = (
    "The cluster does not answer, so that nobody can tell whether you may do this. What you have open goes on; "
    "try again in a moment."
)
BLIND: Final = (
    "This server has not heard from the cluster for too long to let anybody in. Environments keep running; "
    "try again in a moment."
)
_COMMON: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # `no-referrer` would make browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Server": "devworkspace",
}

_KEPT: Final = {**_COMMON, "Cache-Control": "no-cache, private", "Vary": "Authorization, Cookie"}


def content_policy(public: PublicAddress) -> str:
    """Nothing but our own style and script. Forms may end at environments too: browsers apply `form-action` to the
    redirects that follow a sign-in."""
    environments = f" {public.scheme}://*.{public.netloc}" if public.mode == "subdomain" else ""
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
        f"form-action 'self'{environments}; frame-ancestors 'none'"
    )


class Answers:
    """Makes answers for one public address."""

    def __init__(self, public: PublicAddress) -> None:
        self._public = public
        self._policy = content_policy(public)

    def page(
        self, html: str, *, status: int = 200, retry_after: int | None = None, policy: str | None = None
    ) -> web.Response:
        """`policy` in place of the one that all server-rendered pages have."""
        headers = {**_COMMON, "Content-Security-Policy": policy or self._policy, "Vary": "Accept-Language, Cookie"}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return web.Response(text=html, status=status, content_type="text/html", charset="utf-8", headers=headers)

    def problem(
        self,
        status: int,
        detail: str,
        *,
        reason: str = "",
        errors: Sequence[msgspec.Struct] = (),
        limits: Sequence[msgspec.Struct] = (),
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        """An error for programs (RFC 9457); `reason` is one of our own, `errors` are about fields of the request.

        `limits` are those that do not suffice.
        """
        sent = {**_COMMON, **(headers or {}), "Content-Type": "application/problem+json"}
        if retry_after is not None:
            sent["Retry-After"] = str(retry_after)
        body: dict[str, object] = {"title": http.HTTPStatus(status).phrase, "status": status, "detail": detail}
        if reason:
            body["reason"] = reason
        if errors:
            body["errors"] = errors
        if limits:
            body["limits"] = limits
        return web.Response(body=msgspec.json.encode(body), status=status, headers=sent)

    def json(self, value: object, *, status: int = 200) -> web.Response:
        headers = {**_COMMON, "Content-Type": "application/json"}
        return web.Response(body=msgspec.json.encode(value), status=status, headers=headers)

    def json_bytes(self, body: bytes, *, status: int, etag: str) -> web.Response:
        """Encoded already. To be kept by its reader only, and to be asked about each time."""
        return web.Response(
            body=body, status=status, headers={**_KEPT, "Content-Type": "application/json", "ETag": etag}
        )

    def unchanged(self, etag: str) -> web.Response:
        return web.Response(status=304, headers={**_KEPT, "ETag": etag})

    def empty(self) -> web.Response:
        return web.Response(status=204, headers=dict(_COMMON))

    def plain(self, status: int, sentence: str) -> web.Response:
        return web.Response(text=sentence + "\n", status=status, headers=dict(_COMMON))

    def refusal(self, status: int, sentence: str) -> web.Response:
        """An answer after which nothing more from this connection is worth reading."""
        response = self.plain(status, sentence)
        response.force_close()
        return response

    def redirect(self, location: str, *, status: int = 302) -> web.Response:
        return web.Response(status=status, headers={**_COMMON, "Location": location})

    def set_cookie(
        self, response: web.Response, name: str, value: str, *, seconds: int, path: str = "/", http_only: bool = True
    ) -> None:
        """A host-only cookie; `seconds` 0 deletes it."""
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=path,
            secure=self._public.secure,
            httponly=http_only,
            samesite="Lax",
        )


def stream_headers() -> dict[str, str]:
    """The head of a stream of events; proxies that compress or collect would hold events back."""
    return {
        **_COMMON,
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-cache, no-transform",
        "X-Accel-Buffering": "no",
    }


def text_stream_headers() -> dict[str, str]:
    """The head of text that comes bit by bit."""
    return {
        **stream_headers(),
        "Cache-Control": "no-store, no-transform",
        "Content-Type": "text/plain; charset=utf-8",
    }


def yaml_headers() -> dict[str, str]:
    return {**_COMMON, "Content-Type": "application/yaml; charset=utf-8"}


def csv_headers(name: str) -> dict[str, str]:
    """A table to be saved under this name."""
    return {
        **_COMMON,
        "Content-Type": "text/csv; charset=utf-8; header=present",
        "Content-Disposition": f'attachment; filename="{name}"',
    }


def language_of(request: web.BaseRequest) -> Language:
    cookie = only_cookie(request.headers.getall("Cookie", ()), LANGUAGE_COOKIE)
    return choose_language(request.query.get("lang"), cookie, request.headers.get("Accept-Language", ""))
