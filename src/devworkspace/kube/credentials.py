"""Where the Authorization header comes from, and when to fetch it again.

A credential is asked before every request. `expire()` is called when the server answered 401, so that the next
`header()` reads or runs its source again instead of trusting its copy.
"""

import asyncio
import base64
import contextlib
import json
import os
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec

from devworkspace.kube.bearer import bearer
from devworkspace.kube.clock import now
from devworkspace.kube.clock import parse_timestamp as parse
from devworkspace.kube.errors import ConfigError, clean

# Kubelet replaces a projected token at 80 % of its hour; reading once a minute is early enough and free.
TOKEN_FILE_MAX_AGE: Final = 60.0
EXEC_API_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_EXPIRY_MARGIN_SECONDS: Final = 30.0


class Credential(Protocol):
    """Source of the Authorization header."""

    async def header(self) -> str | None:
        """Return the header's value, or None to send none; raises `ConfigError`."""

    def expire(self) -> None:
        """Forget the copy: the server did not accept it."""


class Anonymous:
    """No header: client certificates, or a server that asks for nothing."""

    async def header(self) -> str | None:
        return None

    def expire(self) -> None:
        """Nothing to forget."""


class StaticHeader:
    """A header that never changes: a token or basic authentication from a kubeconfig."""

    def __init__(self, value: str) -> None:
        self._value = value

    @classmethod
    def basic(cls, username: str, password: str) -> "StaticHeader":
        return cls("Basic " + base64.b64encode(f"{username}:{password}".encode()).decode())

    async def header(self) -> str | None:
        return self._value

    def expire(self) -> None:
        """There is no fresher value."""


class TokenFile:
    """A token in a file that somebody rotates; read at most once in `max_age` seconds, and after a 401."""

    def __init__(
        self, path: Path, *, max_age: float = TOKEN_FILE_MAX_AGE, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._max_age = max_age
        self._monotonic = monotonic
        self._value: str | None = None
        self._read_at = 0.0

    async def header(self) -> str | None:
        if self._value is None or self._monotonic() - self._read_at >= self._max_age:
            try:
                # A projected token is a few hundred bytes in memory (tmpfs): no thread is worth it.
                text = self._path.read_text()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"cannot read the token file {self._path}: {error}") from error
            self._value = bearer(text, origin=str(self._path))
            self._read_at = self._monotonic()
        return self._value

    def expire(self) -> None:
        self._value = None


def load_certificate(context: ssl.SSLContext, *, certificate: bytes, key: bytes) -> None:
    """Put a PEM certificate and key into `context`; Python reads them from files only, so they exist for a moment."""
    with tempfile.TemporaryDirectory(prefix="devworkspace-") as directory:  # mode 0700
        certificate_file, key_file = Path(directory, "tls.crt"), Path(directory, "tls.key")
        certificate_file.write_bytes(certificate)
        key_file.write_bytes(key)
        try:
            context.load_cert_chain(certificate_file, key_file)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(f"the client certificate and key do not fit together or are no PEM: {error}") from error


class _ExecStatus(msgspec.Struct, rename="camel"):
    token: str | None = None
    expiration_timestamp: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    status: _ExecStatus | None = None


class ExecPlugin:
    """A credential plugin of a kubeconfig: a program that prints an `ExecCredential`.

    Runs `argv` without a shell and without a terminal, ends it after `timeout` seconds, keeps what it printed until
    it expires. Concurrent requests share one run. A certificate that it prints goes into `context`.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        api_version: str,
        environment: Mapping[str, str],
        context: ssl.SSLContext | None,
        cluster_info: Mapping[str, object] | None = None,
        install_hint: str = "",
        timeout: float = 30.0,
        clock: Callable[[], datetime] = now,
    ) -> None:
        if api_version not in EXEC_API_VERSIONS:
            raise ConfigError(
                f"exec plugin {argv[0]!r} speaks {api_version!r}; known are {', '.join(EXEC_API_VERSIONS)}"
            )
        self._argv = tuple(argv)
        self._api_version = api_version
        self._environment = dict(environment)
        self._context = context
        self._cluster_info = cluster_info
        self._install_hint = install_hint
        self._timeout = timeout
        self._clock = clock
        self._lock = asyncio.Lock()
        self._fresh = False
        self._value: str | None = None
        self._expires: datetime | None = None

    async def header(self) -> str | None:
        async with self._lock:
            if not self._is_fresh():
                self._accept(await self._run())
            return self._value

    def expire(self) -> None:
        self._fresh = False

    def _is_fresh(self) -> bool:
        if not self._fresh:
            return False
        return self._expires is None or (self._expires - self._clock()).total_seconds() > _EXPIRY_MARGIN_SECONDS

    async def _run(self) -> bytes:
        spec: dict[str, object] = {"interactive": False}
        if self._cluster_info is not None:
            spec["cluster"] = self._cluster_info
        request = {"apiVersion": self._api_version, "kind": "ExecCredential", "spec": spec}
        environment = {**os.environ, **self._environment, "KUBERNETES_EXEC_INFO": json.dumps(request)}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
            )
        except OSError as error:
            hint = f"; {clean(self._install_hint)}" if self._install_hint else ""
            raise ConfigError(f"cannot run the exec plugin {self._argv[0]!r}: {error}{hint}") from error
        try:
            async with asyncio.timeout(self._timeout):
                output, complaint = await process.communicate()
        except TimeoutError as error:
            raise ConfigError(f"the exec plugin {self._argv[0]!r} did not end within {self._timeout:g} s") from error
        finally:
            # Also when we are cancelled: a plugin must not outlive the question.
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode != 0:
            text = clean(complaint.decode(errors="replace"))
            raise ConfigError(f"the exec plugin {self._argv[0]!r} failed with code {process.returncode}: {text}")
        return output

    def _accept(self, output: bytes) -> None:
        name = self._argv[0]
        try:
            answer = msgspec.json.decode(output, type=_ExecCredential)
        except msgspec.MsgspecError as error:
            raise ConfigError(f"the exec plugin {name!r} printed no ExecCredential: {error}") from error
        if answer.api_version != self._api_version or answer.kind != "ExecCredential" or answer.status is None:
            raise ConfigError(f"the exec plugin {name!r} answered in {answer.api_version!r}, not {self._api_version!r}")
        status = answer.status
        if status.client_certificate_data and status.client_key_data and self._context is not None:
            load_certificate(
                self._context,
                certificate=status.client_certificate_data.encode(),
                key=status.client_key_data.encode(),
            )
        elif not status.token:
            raise ConfigError(f"the exec plugin {name!r} printed neither a token nor a certificate that can be used")
        self._value = bearer(status.token, origin=f"exec plugin {name!r}") if status.token else None
        try:
            self._expires = parse(status.expiration_timestamp) if status.expiration_timestamp else None
        except ValueError as error:
            raise ConfigError(f"the exec plugin {name!r} printed an expiry that is no time") from error
        self._fresh = True
