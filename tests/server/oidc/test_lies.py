"""What a provider, or somebody between it and us, may say, and who is not signed in by it (N23, N24)."""

import asyncio
import hashlib
import hmac
import logging
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from joserfc import jwt

from devworkspace.server.config import OidcConfig
from devworkspace.server.signin.oidc import login, provider
from tests.server.oidc.liar import (
    CLIENT_SECRET,
    Claims,
    Liar,
    begin,
    come_back,
    elliptic,
    running_liar,
    sign_in,
    signed_with_secret,
    stranger,
    unsigned,
)
from tests.server.support import Browser, Clock, Harness, running_server


@pytest.fixture
async def liar(tmp_path: Path) -> AsyncIterator[Liar]:
    async with running_liar(tmp_path) as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.now = time.time()
    return made


@pytest.fixture
async def server(tmp_path: Path, liar: Liar, clock: Clock) -> AsyncIterator[Harness]:
    oidc = OidcConfig(issuer=liar.issuer, client_dir=tmp_path / "client", name='<Example & "Co">')
    async with running_server(tmp_path, oidc=oidc, clock=clock) as harness:
        yield harness


async def who(server: Harness, browser: Browser) -> str | None:
    answer = await browser.get(f"{server.origin}/api/v1/me")
    return answer.json()["name"] if answer.status == 200 else None


async def is_accepted(liar: Liar, server: Harness, browser: Browser) -> bool:
    """Whether a whole sign-in ends with a session; a refusal says so on the sign-in page."""
    answer = await sign_in(liar, server, browser)
    name = await who(server, browser)
    assert (answer.status == 303) == (name is not None), answer.text
    if name is None:
        assert answer.status == 403
        assert "The sign-in was not accepted." in answer.text
    return name is not None


TOKENS: dict[str, Callable[[Claims], Claims]] = {
    "another provider's": lambda claims: {**claims, "iss": "https://evil.example"},
    "a provider with a slash more": lambda claims: {**claims, "iss": claims["iss"] + "/"},
    "of nobody": lambda claims: {name: value for name, value in claims.items() if name != "iss"},
    "for another client": lambda claims: {**claims, "aud": "another"},
    "for nobody": lambda claims: {name: value for name, value in claims.items() if name != "aud"},
    "for a client of a similar name": lambda claims: {**claims, "aud": "devworkspace2"},
    "for two, given to nobody": lambda claims: {**claims, "aud": ["devworkspace", "another"]},
    "for two, given to the other": lambda claims: {**claims, "aud": ["devworkspace", "another"], "azp": "another"},
    "for us, given to another": lambda claims: {**claims, "azp": "another"},
    "expired": lambda claims: {**claims, "exp": claims["iat"] - 120},
    "without an end": lambda claims: {name: value for name, value in claims.items() if name != "exp"},
    "with an end that is no number": lambda claims: {**claims, "exp": "tomorrow"},
    "with an end that is true": lambda claims: {**claims, "exp": True},
    "from the future": lambda claims: {**claims, "iat": claims["iat"] + 120},
    "of unknown age": lambda claims: {name: value for name, value in claims.items() if name != "iat"},
    "not valid yet": lambda claims: {**claims, "nbf": claims["iat"] + 120},
    "for another sign-in": lambda claims: {**claims, "nonce": "another"},
    "for no sign-in": lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
    "about nobody": lambda claims: {**claims, "sub": ""},
    "about a number": lambda claims: {**claims, "sub": 1},
    "about somebody with a name of two lines": lambda claims: {**claims, "preferred_username": "a\nb"},
}


@pytest.mark.parametrize("change", TOKENS.values(), ids=TOKENS.keys())
async def test_id_tokens_that_are_not_accepted(
    liar: Liar, server: Harness, browser: Browser, change: Callable[[Claims], Claims]
) -> None:
    liar.change_claims = change
    assert not await is_accepted(liar, server, browser)
    liar.change_claims = lambda claims: claims
    assert await is_accepted(liar, server, browser), "positive control"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda claims: {**claims, "exp": claims["iat"] - 50}, id="expired within the leeway"),
        pytest.param(lambda claims: {**claims, "iat": claims["iat"] + 50}, id="from the future within the leeway"),
        pytest.param(
            lambda claims: {**claims, "aud": ["devworkspace", "another"], "azp": "devworkspace"},
            id="for two, given to us",
        ),
        pytest.param(lambda claims: {**claims, "aud": ["devworkspace"]}, id="a list of one"),
    ],
)
async def test_id_tokens_at_the_edge_are_accepted(
    liar: Liar, server: Harness, browser: Browser, change: Callable[[Claims], Claims]
) -> None:
    liar.change_claims = change
    assert await is_accepted(liar, server, browser)


def signed_with_the_public_key(liar: Liar) -> Callable[[Claims], str]:
    """RS256 turned into HS256: the published key is the secret, for those who let the token choose."""

    def sign(claims: Claims) -> str:
        parts = (msgspec.json.encode({"alg": "HS256", "kid": "one"}), msgspec.json.encode(claims))
        text = ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
        mac = hmac.new(liar.key.as_pem(private=False), text.encode(), hashlib.sha256).digest()
        return f"{text}.{urlsafe_b64encode(mac).decode().rstrip('=')}"

    return sign


SIGNATURES: dict[str, Callable[[Liar], Callable[[Claims], str]]] = {
    "none": lambda _: unsigned,
    "the client's secret": lambda _: signed_with_secret,
    "the public key as a secret": signed_with_the_public_key,
    "another key of the same name": lambda _: (
        lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, stranger())
    ),
    "a key that is not published": lambda _: (
        lambda claims: jwt.encode({"alg": "ES256", "kid": "two"}, claims, elliptic())
    ),
    "cut off": lambda liar: lambda claims: liar.sign_honestly(claims)[:-8],
    "of other claims": lambda liar: (
        lambda claims: ".".join(
            [
                *liar.sign_honestly(claims).split(".")[:1],
                *liar.sign_honestly({**claims, "preferred_username": "root"}).split(".")[1:2],
                *liar.sign_honestly(claims).split(".")[2:],
            ]
        )
    ),
    "no token": lambda _: lambda _: "not a token",
}


@pytest.mark.parametrize("make", SIGNATURES.values(), ids=SIGNATURES.keys())
async def test_signatures_that_are_not_accepted(
    liar: Liar, server: Harness, browser: Browser, make: Callable[[Liar], Callable[[Claims], str]]
) -> None:
    liar.sign = make(liar)
    assert not await is_accepted(liar, server, browser)
    liar.sign = liar.sign_honestly
    assert await is_accepted(liar, server, browser), "positive control"


async def test_a_new_key_is_fetched_once_and_not_for_every_lie(
    liar: Liar, server: Harness, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await is_accepted(liar, server, browser)
    new = elliptic()
    liar.published = [new]
    liar.sign = lambda claims: jwt.encode({"alg": "ES256", "kid": "two"}, claims, new)
    async with server.browser() as other:
        assert await is_accepted(liar, server, other), "keys change, at a restart of KubeSphere for example"
    liar.sign = lambda claims: jwt.encode({"alg": "ES256", "kid": "three"}, claims, elliptic())
    before = liar.asked.count("keys")
    for _ in range(5):
        async with server.browser() as other:
            assert not await is_accepted(liar, server, other)
    assert liar.asked.count("keys") - before <= 1


async def test_an_old_id_token_does_not_work_again(liar: Liar, server: Harness, browser: Browser) -> None:
    seen: list[str] = []

    def sign(claims: Claims) -> str:
        seen.append(liar.sign_honestly(claims))
        return seen[0]

    liar.sign = sign
    assert await is_accepted(liar, server, browser), "positive control"
    async with server.browser() as other:
        assert not await is_accepted(liar, server, other)


class TestState:
    async def test_an_answer_needs_the_browser_that_asked(self, liar: Liar, server: Harness, browser: Browser) -> None:
        """Otherwise somebody could sign others in as themselves, and read what they write."""
        query = await begin(liar, server, browser)
        async with server.browser() as victim:
            answer = await come_back(server, victim, code="c", state=query["state"])
            assert answer.status == 400
            assert "This sign-in was not begun in this browser" in answer.text
            await begin(liar, server, victim)
            assert (await come_back(server, victim, code="c", state=query["state"])).status == 400
            assert await who(server, victim) is None
        assert "token" not in liar.asked, "the code was not even looked at"
        query = await begin(liar, server, browser)
        assert (await come_back(server, browser, code="c", state=query["state"])).status == 303, "positive control"

    async def test_an_answer_counts_once(self, liar: Liar, server: Harness, browser: Browser) -> None:
        query = await begin(liar, server, browser)
        answer = {"code": "c", "state": query["state"]}
        assert (await come_back(server, browser, **answer)).status == 303
        assert (await come_back(server, browser, **answer)).status == 400

    async def test_a_refused_answer_uses_it_up_too(self, liar: Liar, server: Harness, browser: Browser) -> None:
        query = await begin(liar, server, browser)
        assert (await come_back(server, browser, error="access_denied", state=query["state"])).status == 403
        assert (await come_back(server, browser, code="c", state=query["state"])).status == 400

    @pytest.mark.parametrize("state", ["", "x", "{}x", "{}%00"])
    async def test_another_state(self, liar: Liar, server: Harness, browser: Browser, state: str) -> None:
        query = await begin(liar, server, browser)
        assert (await come_back(server, browser, code="c", state=state.format(query["state"]))).status == 400

    async def test_parameters_that_come_twice(self, liar: Liar, server: Harness, browser: Browser) -> None:
        query = await begin(liar, server, browser)
        address = f"{server.origin}/signin/callback?code=a&code=b&state={query['state']}"
        assert (await browser.navigate(address)).status == 400

    async def test_it_ends_after_ten_minutes(self, liar: Liar, server: Harness, browser: Browser, clock: Clock) -> None:
        query = await begin(liar, server, browser)
        clock.now += login.LOGIN_SECONDS
        assert (await come_back(server, browser, code="c", state=query["state"])).status == 400

    async def test_two_cookies_are_as_good_as_none(self, liar: Liar, server: Harness, browser: Browser) -> None:
        query = await begin(liar, server, browser)
        good = browser.cookies(server.origin + "/signin/callback")["dw-login"]
        address = f"{server.origin}/signin/callback?code=c&state={query['state']}"
        async with server.browser() as other:
            tossed = await other.navigate(address, headers={"Cookie": f"dw-login=x; dw-login={good}"})
            assert tossed.status == 400
            assert (await other.navigate(address, headers={"Cookie": f"dw-login={good}"})).status == 303, "control"


class TestMixUp:
    """RFC 9207: which provider answers."""

    @pytest.mark.parametrize(
        ("advertised", "said", "accepted"),
        [
            (True, "{issuer}", True),
            (True, None, False),
            (True, "https://evil.example", False),
            (True, "", False),
            (False, None, True),
            (False, "{issuer}", True),
            (False, "https://evil.example", False),
        ],
    )
    async def test_the_issuer_of_the_answer(
        self, liar: Liar, server: Harness, browser: Browser, advertised: bool, said: str | None, accepted: bool
    ) -> None:
        liar.change_metadata = lambda document: {
            **document,
            "authorization_response_iss_parameter_supported": advertised,
        }
        query = await begin(liar, server, browser)
        more = {} if said is None else {"iss": said.format(issuer=liar.issuer)}
        answer = await come_back(server, browser, code="c", state=query["state"], **more)
        assert (answer.status == 303) is accepted
        assert (await who(server, browser) is not None) is accepted
        assert ("token" in liar.asked) is accepted, "a code of another provider must not be sent to this one"


class TestRedirects:
    @pytest.mark.parametrize(
        "wanted",
        [
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "https:evil.example",
            "/%0d%0aSet-Cookie:a=b",
            "/%2f%2fevil.example",
            "javascript:alert(1)",
        ],
    )
    async def test_nobody_is_sent_elsewhere_afterwards(
        self, liar: Liar, server: Harness, browser: Browser, wanted: str
    ) -> None:
        query = await begin(liar, server, browser, next_address=wanted)
        answer = await come_back(server, browser, code="c", state=query["state"])
        assert (answer.status, answer.headers["Location"]) == (303, "/")

    async def test_a_page_of_ours_is_a_fine_aim(self, liar: Liar, server: Harness, browser: Browser) -> None:
        for aim in ("/?x=1", server.environment_origin() + "/?folder=/x"):
            async with server.browser() as other:
                query = await begin(liar, server, other, next_address=aim)
                answer = await come_back(server, other, code="c", state=query["state"])
                assert (answer.status, answer.headers["Location"]) == (303, aim)

    async def test_what_the_provider_is_asked(self, liar: Liar, server: Harness, browser: Browser) -> None:
        query = await begin(liar, server, browser)
        assert query["redirect_uri"] == f"{server.origin}/signin/callback"
        assert (query["response_type"], query["code_challenge_method"], query["tenant"]) == ("code", "S256", "1")
        assert (query["scope"], query["client_id"]) == ("openid profile email", "devworkspace")
        cookie = browser.cookies(server.origin)["dw-login"]
        assert query["nonce"] not in cookie
        await come_back(server, browser, code="c", state=query["state"])
        assert liar.forms[-1]["redirect_uri"] == query["redirect_uri"]
        assert (await begin(liar, server, browser))["state"] != query["state"]


class TestDiscovery:
    LIES: dict[str, Callable[[Claims], Any]] = {
        "another's": lambda document: {**document, "issuer": "https://evil.example"},
        "one with a slash more": lambda document: {**document, "issuer": document["issuer"] + "/"},
        "plain http elsewhere": lambda document: {**document, "token_endpoint": "http://id.example.com/token"},
        "no address": lambda document: {**document, "jwks_uri": "file:///etc/passwd"},
        "with a password": lambda document: {**document, "jwks_uri": "https://a:b@id.example.com/keys"},
        "without keys": lambda document: {name: value for name, value in document.items() if name != "jwks_uri"},
        "elsewhere": lambda document: web.Response(status=302, headers={"Location": "https://evil.example"}),
        "no JSON": lambda document: web.Response(text="<html>"),
        "too long": lambda document: {**document, "more": "x" * provider.MAX_ANSWER_BYTES},
        "an error": lambda document: web.Response(status=500),
    }

    @pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
    async def test_what_cannot_be_used_is_said_and_the_local_account_works(
        self,
        liar: Liar,
        server: Harness,
        browser: Browser,
        lie: Callable[[Claims], Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(provider, "RETRY_SECONDS", 0.0)
        liar.change_metadata = lie
        page = await browser.navigate(server.origin + "/signin")
        assert page.status == 200
        assert "does not answer at the moment" in page.text
        assert "/signin/provider" not in page.text
        assert (await browser.navigate(server.origin + "/signin/provider")).status == 503
        assert (await browser.sign_in()).status == 303
        async with server.browser() as other:
            liar.change_metadata = lambda document: document
            page = await other.navigate(server.origin + "/signin")
            assert 'href="/signin/provider"' in page.text, "positive control"
            assert "Continue with &lt;Example &amp; &quot;Co&quot;&gt;" in page.text
            assert await is_accepted(liar, server, other)

    async def test_a_provider_that_says_nothing_does_not_hold_up_the_page(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(provider, "DISCOVERY_SECONDS", 0.2)

        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        issuer = f"http://localhost:{silent.sockets[0].getsockname()[1]}"
        oidc = OidcConfig(issuer=issuer, client_dir=tmp_path, name="Silence")
        async with silent, running_server(tmp_path, oidc=oidc) as server, server.browser() as browser:
            async with asyncio.timeout(30):
                page = await browser.navigate(server.origin + "/signin")
            assert "Silence does not answer at the moment" in page.text
            assert (await browser.sign_in()).status == 303

    async def test_a_provider_that_is_away_is_not_asked_by_every_visitor(
        self, liar: Liar, server: Harness, browser: Browser
    ) -> None:
        liar.change_metadata = lambda _: web.Response(status=500)
        for _ in range(10):
            await browser.navigate(server.origin + "/signin")
        assert liar.asked.count("discovery") == 1


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            pytest.param({}, 503, id="nothing"),
            pytest.param({"access_token": 1}, 503, id="no text"),
            pytest.param({"access_token": "opaque"}, 403, id="no ID token"),
        ],
    )
    async def test_the_token_endpoint(
        self, liar: Liar, server: Harness, browser: Browser, answer: dict[str, Any], status: int
    ) -> None:
        liar.change_answer = lambda _: answer
        assert (await sign_in(liar, server, browser)).status == status
        assert await who(server, browser) is None
        liar.change_answer = lambda honest: honest
        assert (await sign_in(liar, server, browser)).status == 303, "positive control"

    async def test_userinfo_about_somebody_else(self, liar: Liar, server: Harness, browser: Browser) -> None:
        liar.change_claims = lambda claims: {name: value for name, value in claims.items() if name != "groups"}
        liar.userinfo = {"sub": "1002", "groups": ["admins"]}
        assert not await is_accepted(liar, server, browser)
        liar.userinfo = {"sub": "1001", "groups": ["admins"], "preferred_username": "root"}
        assert await is_accepted(liar, server, browser)
        answer = (await browser.get(server.origin + "/api/v1/me")).json()
        assert answer == {**answer, "name": "oidc:ada", "groups": ["oidc:admins", "system:authenticated"]}

    async def test_more_groups_than_a_cookie_holds(self, liar: Liar, server: Harness, browser: Browser) -> None:
        liar.change_claims = lambda claims: {**claims, "groups": [f"group-{number:040}" for number in range(100)]}
        answer = await sign_in(liar, server, browser)
        assert answer.status == 403
        assert "more groups than a session can hold" in answer.text
        assert await who(server, browser) is None

    async def test_an_error_of_the_provider_is_not_repeated_on_the_page(
        self, liar: Liar, server: Harness, browser: Browser
    ) -> None:
        query = await begin(liar, server, browser)
        answer = await come_back(
            server, browser, error="<script>", error_description="call 0800-EVIL", state=query["state"]
        )
        assert answer.status == 403
        assert "EVIL" not in answer.text
        assert "<script>" not in answer.text

    async def test_the_log_has_reasons_and_no_secrets(
        self, liar: Liar, server: Harness, browser: Browser, capsys: pytest.CaptureFixture[str]
    ) -> None:
        logging.getLogger().setLevel(logging.INFO)
        liar.change_answer = lambda answer: {**answer, "refresh_token": "a-refresh-token"}
        liar.change_claims = lambda claims: {**claims, "aud": "another"}
        assert not await is_accepted(liar, server, browser)
        liar.change_claims = lambda claims: claims
        query = await begin(liar, server, browser)
        await come_back(server, browser, code="a-code", state=query["state"])
        written = "".join(capsys.readouterr())
        assert "it is made for another client" in written
        for secret in (CLIENT_SECRET, "opaque", "a-refresh-token", "a-code", query["state"], query["nonce"], "eyJ"):
            assert secret not in written, secret
