"""A provider that says whatever a test wants it to say, signed or not."""

import contextlib
import functools
import hashlib
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from yarl import URL

from tests.server.support import Answer, Browser, Harness
from tests.support.ports import free_port

CLIENT_ID, CLIENT_SECRET = "devworkspace", "s" * 40
Claims = dict[str, Any]


class Liar:
    """`change_*` alter what an honest provider would say."""

    def __init__(self) -> None:
        self.port = free_port()
        self.issuer = f"http://localhost:{self.port}"
        self.key = honest_key()
        self.published: list[RSAKey | ECKey] = [self.key]
        self.change_metadata: Callable[[Claims], Any] = lambda document: document
        self.change_claims: Callable[[Claims], Claims] = lambda claims: claims
        self.change_answer: Callable[[Claims], Claims] = lambda answer: answer
        self.sign: Callable[[Claims], str] = self.sign_honestly
        self.userinfo: Claims = {"sub": "1001"}
        self.refusal: str | None = None
        self.asked: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.nonce = ""
        self.challenge = ""

    def sign_honestly(self, claims: Claims) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def claims(self) -> Claims:
        now = int(time.time())
        return {
            "iss": self.issuer,
            "sub": "1001",
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": self.nonce,
            "preferred_username": "ada",
            "groups": ["developers"],
        }

    async def discovery(self, _: web.Request) -> web.StreamResponse:
        self.asked.append("discovery")
        honest = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
        }
        said = self.change_metadata(honest)
        return said if isinstance(said, web.StreamResponse) else web.json_response(said)

    async def keys(self, _: web.Request) -> web.Response:
        self.asked.append("keys")
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.published]})

    async def token(self, request: web.Request) -> web.Response:
        self.asked.append("token")
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        assert b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode() == (
            f"{CLIENT_ID}:{CLIENT_SECRET}"
        )
        if self.refusal is not None:
            return web.json_response({"error": self.refusal}, status=400)
        if form["grant_type"] == "authorization_code":
            hashed = hashlib.sha256(form["code_verifier"].encode()).digest()
            assert urlsafe_b64encode(hashed).decode().rstrip("=") == self.challenge
        token = self.sign(self.change_claims(self.claims()))
        answer = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": token}
        return web.json_response(self.change_answer(answer))

    async def answer_userinfo(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer opaque"
        return web.json_response(self.userinfo)


@contextlib.asynccontextmanager
async def running_liar(folder: Path) -> AsyncIterator[Liar]:
    liar = Liar()
    (folder / "client").mkdir(exist_ok=True)
    (folder / "client" / "client-id").write_text(CLIENT_ID)
    (folder / "client" / "client-secret").write_text(CLIENT_SECRET)
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", liar.discovery)
    app.router.add_get("/keys", liar.keys)
    app.router.add_post("/token", liar.token)
    app.router.add_get("/userinfo", liar.answer_userinfo)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", liar.port).start()
    try:
        yield liar
    finally:
        await runner.cleanup()


async def begin(liar: Liar, server: Harness, browser: Browser, *, next_address: str = "/") -> dict[str, str]:
    """Presses the button; returns what the provider is asked, which it keeps in mind."""
    answer = await browser.navigate(f"{server.origin}/signin/provider", params={"next": next_address})
    assert answer.status == 302, answer.text
    query = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
    liar.nonce, liar.challenge = query["nonce"], query["code_challenge"]
    return query


async def come_back(server: Harness, browser: Browser, **query: str) -> Answer:
    return await browser.navigate(str(URL(f"{server.origin}/signin/callback").with_query(query)))


async def sign_in(liar: Liar, server: Harness, browser: Browser) -> Answer:
    query = await begin(liar, server, browser)
    return await come_back(server, browser, code="c", state=query["state"], iss=liar.issuer)


def unsigned(claims: Claims) -> str:
    parts = (msgspec.json.encode({"alg": "none", "kid": "one"}), msgspec.json.encode(claims))
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


def signed_with_secret(claims: Claims) -> str:
    return jwt.encode({"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(CLIENT_SECRET))


@functools.cache
def honest_key() -> RSAKey:
    """One for all tests: making one takes a quarter of a second."""
    return RSAKey.generate_key(2048, {"kid": "one"})


@functools.cache
def stranger() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one"})


def elliptic() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "two"})
