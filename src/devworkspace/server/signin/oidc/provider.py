"""Everything that is said to the provider: discovery, keys, codes, refresh tokens, userinfo.

No answer is followed elsewhere, none is read beyond its bound, and none that is unreadable counts as a yes.
"""

import asyncio
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote_plus, urlsplit

import aiohttp
import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, import_key

from devworkspace.core.access import Identity
from devworkspace.server.config import ConfigurationError, OidcConfig
from devworkspace.server.signin.oidc.people import has_all, read_identity
from devworkspace.server.signin.oidc.tokens import TokenError, UnknownKeyError, check_claims, read_signed

log = structlog.get_logger("devworkspace.server")

TIMEOUT_SECONDS: Final = 10.0
# The sign-in page waits for it.
DISCOVERY_SECONDS: Final = 3.0
MAX_ANSWER_BYTES: Final = 512 * 1024
MAX_AT_ONCE: Final = 16
METADATA_SECONDS: Final = 3600.0
KEYS_SECONDS: Final = 600.0
# How often a failed discovery, or keys for an unknown name, are asked for at most.
RETRY_SECONDS: Final = 5.0
# For a provider that says nothing about the lifetime of what it issues.
DEFAULT_LIFETIME: Final = 300.0

Value = TypeVar("Value")


class ProviderAwayError(Exception):
    """The provider does not answer, or not what it should; nothing is known about the person."""


class ProviderRefusedError(Exception):
    """The provider answered no; the message is its error code."""


class Metadata(msgspec.Struct, frozen=True):
    """The part of the discovery document that is used here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] | None = None
    authorization_response_iss_parameter_supported: bool | None = None

    @property
    def endpoints(self) -> tuple[str, ...]:
        optional = (self.userinfo_endpoint, self.end_session_endpoint)
        return (
            self.authorization_endpoint,
            self.token_endpoint,
            self.jwks_uri,
            *(endpoint for endpoint in optional if endpoint),
        )


class TokenSet(msgspec.Struct, frozen=True):
    """The answer of the token endpoint."""

    access_token: str
    id_token: str | None = None
    refresh_token: str | None = None
    expires_in: float | None = None


class Word(NamedTuple):
    """What the provider says: who it is, until when that counts (Unix time), and how to ask again."""

    identity: Identity
    until: float
    refresh: str


class _Keys(msgspec.Struct, frozen=True):
    keys: tuple[dict[str, Any], ...]


class _Refusal(msgspec.Struct, frozen=True):
    error: str = "unknown"


class Client(NamedTuple):
    """How we are known to the provider; `secret` is empty for a public client."""

    id: str
    secret: str


class Provider:
    """One provider. `clock` is Unix time, `monotonic` seconds of the process."""

    def __init__(
        self, config: OidcConfig, *, clock: Callable[[], float], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        check_address(config.issuer, config)
        self.config = config
        self.clock = clock
        self._monotonic = monotonic
        self._tls = _trust(config)
        self._http: aiohttp.ClientSession | None = None
        self._at_once = asyncio.Semaphore(MAX_AT_ONCE)
        self._lock = asyncio.Lock()
        self._metadata: Metadata | None = None
        self._metadata_at = self._failed_at = -METADATA_SECONDS
        self._failure = ""
        self._keys = KeySet([])
        self._keys_at = self._missed_at = -KEYS_SECONDS

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    def client(self) -> Client:
        """From the mounted Secret, read anew each time, so that it can be exchanged."""
        folder = self.config.client_dir
        try:
            identifier = (folder / "client-id").read_text(encoding="utf-8").strip()
            secret_file = folder / "client-secret"
            secret = secret_file.read_text(encoding="utf-8").strip() if secret_file.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise ProviderAwayError(f"the client's files in {folder} cannot be read: {error}") from None
        if not identifier:
            raise ProviderAwayError(f"{folder / 'client-id'} is empty")
        return Client(identifier, secret)

    async def metadata(self) -> Metadata:
        """The discovery document, an hour old at most unless the provider is away since. Raises ProviderAwayError."""
        async with self._lock:
            now = self._monotonic()
            if self._metadata is not None and now - self._metadata_at < METADATA_SECONDS:
                return self._metadata
            if now - self._failed_at >= RETRY_SECONDS:
                try:
                    self._metadata = await self._discover()
                    self._metadata_at = now
                except ProviderAwayError as error:
                    self._failed_at, self._failure = self._monotonic(), str(error)
                    log.warning("identity provider not available", issuer=self.config.issuer, error=str(error))
            if self._metadata is None:
                raise ProviderAwayError(self._failure)
            return self._metadata

    async def redeem(self, code: str, *, verifier: str, redirect_uri: str, nonce: str) -> Word:
        """Exchanges a code. Raises ProviderAwayError, ProviderRefusedError, TokenError or ClaimsError."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        tokens = await self._ask_tokens(form)
        if not tokens.id_token:
            raise TokenError("the provider sent none")
        return await self._word(tokens, nonce=nonce)

    async def renew(self, refresh: str) -> Word:
        """Asks again whether the person may stay, and who it is. Raises as `redeem`."""
        tokens = await self._ask_tokens({"grant_type": "refresh_token", "refresh_token": refresh})
        if tokens.refresh_token is None:
            tokens = msgspec.structs.replace(tokens, refresh_token=refresh)
        return await self._word(tokens, nonce=None)

    async def _word(self, tokens: TokenSet, *, nonce: str | None) -> Word:
        """The ID token says who it is; userinfo adds what is missing there, or stands for one after a refresh."""
        claims = await self._verify(tokens.id_token, nonce=nonce) if tokens.id_token else {}
        if not claims or not has_all(claims, self.config):
            more = await self._userinfo(tokens.access_token, optional=bool(claims))
            if claims and more and more.get("sub") != claims["sub"]:
                raise TokenError("userinfo is about somebody else")
            claims = {**more, **claims}
        lifetime = tokens.expires_in
        until = self.clock() + lifetime if lifetime else float(claims.get("exp", self.clock() + DEFAULT_LIFETIME))
        return Word(read_identity(claims, self.config), until, tokens.refresh_token or "")

    async def _verify(self, token: str, *, nonce: str | None) -> dict[str, Any]:
        try:
            claims = read_signed(token, await self._known_keys())
        except UnknownKeyError:
            claims = read_signed(token, await self._newest_keys())
        check_claims(claims, issuer=self.config.issuer, client_id=self.client().id, nonce=nonce, now=self.clock())
        return claims

    async def _known_keys(self) -> KeySet:
        if self._monotonic() - self._keys_at >= KEYS_SECONDS:
            await self._fetch_keys()
        return self._keys

    async def _newest_keys(self) -> KeySet:
        """For a token of an unknown key: after a restart many providers have new ones."""
        if self._monotonic() - self._missed_at >= RETRY_SECONDS:
            self._missed_at = self._monotonic()
            await self._fetch_keys()
        return self._keys

    async def _fetch_keys(self) -> None:
        document = await self._get((await self.metadata()).jwks_uri, _Keys)
        found = []
        for key in document.keys:
            # Others, of kinds that we take no signatures from, are of no use and no reason to fail.
            if key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig":
                try:
                    found.append(import_key(key))
                except (JoseError, ValueError, TypeError):
                    log.warning("a key of the identity provider cannot be read", issuer=self.config.issuer)
        self._keys, self._keys_at = KeySet(found), self._monotonic()

    async def _discover(self) -> Metadata:
        address = self.config.issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            async with asyncio.timeout(DISCOVERY_SECONDS):
                found = await self._get(address, Metadata)
        except TimeoutError:
            raise ProviderAwayError(f"{address} did not answer within {DISCOVERY_SECONDS:.0f} s") from None
        if found.issuer != self.config.issuer:
            raise ProviderAwayError(f"it calls itself {found.issuer[:200]!r}, not as configured")
        for endpoint in found.endpoints:
            try:
                check_address(endpoint, self.config)
            except ConfigurationError as error:
                raise ProviderAwayError(str(error)) from None
        return found

    async def _userinfo(self, access_token: str, *, optional: bool = False) -> dict[str, Any]:
        endpoint = (await self.metadata()).userinfo_endpoint
        if not endpoint:
            if optional:
                return {}
            raise ProviderAwayError("it sends no ID token with a refresh and has no userinfo")
        status, body = await self._request("GET", endpoint, headers={"Authorization": f"Bearer {access_token}"})
        if status in (400, 401, 403):
            raise ProviderRefusedError("userinfo refused")
        claims = _decode(body, dict[str, Any]) if status == 200 else None
        if claims is None or not isinstance(claims.get("sub"), str):
            raise ProviderAwayError(f"userinfo answered {status}, or nothing readable")
        return claims

    async def _ask_tokens(self, form: Mapping[str, str]) -> TokenSet:
        metadata, client = await self.metadata(), self.client()
        methods = metadata.token_endpoint_auth_methods_supported or ("client_secret_basic",)
        headers, data = {}, {**form, "client_id": client.id}
        if client.secret and "client_secret_post" in methods:
            data["client_secret"] = client.secret
        elif client.secret:
            pair = f"{quote_plus(client.id)}:{quote_plus(client.secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        status, body = await self._request("POST", metadata.token_endpoint, headers=headers, data=data)
        if 400 <= status < 500 and status not in (408, 429):
            refusal = _decode(body, _Refusal) or _Refusal()
            raise ProviderRefusedError(ascii(refusal.error[:100]))
        tokens = _decode(body, TokenSet) if status == 200 else None
        if tokens is None:
            raise ProviderAwayError(f"the token endpoint answered {status}, or nothing readable")
        return tokens

    async def _get(self, address: str, kind: type[Value]) -> Value:
        status, body = await self._request("GET", address)
        value = _decode(body, kind) if status == 200 else None
        if value is None:
            raise ProviderAwayError(f"{address} answered {status}, or nothing readable")
        return value

    async def _request(self, method: str, address: str, **options: Any) -> tuple[int, bytes]:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS), cookie_jar=aiohttp.DummyCookieJar()
            )
        options["headers"] = {"Accept": "application/json", **options.get("headers", {})}
        try:
            async with (
                self._at_once,
                self._http.request(method, address, ssl=self._tls, allow_redirects=False, **options) as response,
            ):
                body = bytearray()
                async for chunk in response.content.iter_chunked(64 * 1024):
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise ProviderAwayError(f"{address} answered with more than {MAX_ANSWER_BYTES} bytes")
                return response.status, bytes(body)
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError, OSError) as error:
            raise ProviderAwayError(f"{address} cannot be reached: {type(error).__name__}: {error}") from None


def check_address(address: str, config: OidcConfig) -> None:
    """Raises ConfigurationError for an address that would send secrets over plain http, unless that is allowed."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https") or parts.username or parts.fragment:
        raise ConfigurationError(f"the provider's address {address[:200]!r} must look like https://id.example.com")
    local = host in ("localhost", "127.0.0.1", "::1")
    if parts.scheme == "http" and not (local or config.allow_http):
        raise ConfigurationError(
            f"the provider's address {address[:200]!r} is plain http: codes, tokens and the client's secret could be "
            "read on the way; use https, or accept that with --oidc-allow-http"
        )


def _trust(config: OidcConfig) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(config.ca_file) if config.ca_file else None)
    except OSError as error:
        raise ConfigurationError(f"the provider's certificates {config.ca_file} cannot be read: {error}") from error


def _decode(body: bytes, kind: type[Value]) -> Value | None:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
