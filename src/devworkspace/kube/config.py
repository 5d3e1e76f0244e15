"""How to reach the API server: in a pod, or by a kubeconfig as kubectl reads it."""

import base64
import binascii
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec

from devworkspace.kube.bearer import bearer
from devworkspace.kube.credentials import (
    Anonymous,
    Credential,
    ExecPlugin,
    StaticHeader,
    TokenFile,
    load_certificate,
)
from devworkspace.kube.errors import ConfigError

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An API server and the right to talk to it.

    `server` is a URL without a slash at its end, `ssl` None for plain HTTP, `namespace` the default one of the
    source, `server_name` the name to expect in the certificate when it is not the URL's.
    """

    server: str
    ssl: SSLContext | None = None
    credential: Credential = field(default_factory=Anonymous, repr=False)
    namespace: str = "default"
    proxy: str | None = None
    server_name: str | None = None


def in_cluster(*, directory: Path = SERVICE_ACCOUNT, environment: Mapping[str, str] | None = None) -> Endpoint:
    """Return the endpoint of the pod that this process runs in; raises `ConfigError` outside of one."""
    environment = os.environ if environment is None else environment
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise ConfigError("not in a cluster: KUBERNETES_SERVICE_HOST is not set")
    token = directory / "token"
    if not token.is_file():
        raise ConfigError(f"not in a cluster: {token} does not exist; the pod has no service account token")
    namespace = directory / "namespace"
    return Endpoint(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ssl=_context(_read(directory / "ca.crt")),
        credential=TokenFile(token),
        namespace=namespace.read_text().strip() if namespace.is_file() else "default",
    )


def detect(*, environment: Mapping[str, str] | None = None, home: Path | None = None) -> Endpoint:
    """Return the endpoint of KUBECONFIG, else of the pod, else of ~/.kube/config; raises `ConfigError`."""
    environment = os.environ if environment is None else environment
    default = (home or Path.home()) / ".kube" / "config"
    if environment.get("KUBECONFIG"):
        return from_kubeconfig(environment=environment)
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(environment=environment)
    if default.is_file():
        return from_kubeconfig(default, environment=environment)
    raise ConfigError(
        f"no Kubernetes cluster is configured: KUBECONFIG is not set, this is no pod, and {default} does not exist"
    )


class _Kebab(msgspec.Struct, rename="kebab"):
    """Base of kubeconfig records: the file has dashes in most keys and camelCase in some; unknown keys are ignored."""


class _Cluster(_Kebab):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class _EnvironmentVariable(msgspec.Struct):
    name: str
    value: str = ""


class _Exec(msgspec.Struct, rename="camel"):
    command: str
    api_version: str
    args: list[str] | None = None
    env: list[_EnvironmentVariable] | None = None
    install_hint: str = ""
    provide_cluster_info: bool = False


class _User(_Kebab):
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    password: str = ""
    exec: _Exec | None = None
    auth_provider: dict[str, Any] | None = None
    impersonate: str = msgspec.field(default="", name="as")


class _Context(_Kebab):
    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(_Kebab):
    name: str
    cluster: _Cluster | None = None


class _NamedUser(_Kebab):
    name: str
    user: _User | None = None


class _NamedContext(_Kebab):
    name: str
    context: _Context | None = None


class _File(_Kebab):
    current_context: str = ""
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None


V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    """A record and the directory of its file, against which its relative paths count."""

    value: V
    directory: Path


@dataclass(slots=True)
class _Merged:
    """Several kubeconfig files as one: the first file that defines a name wins."""

    current_context: str = ""
    clusters: dict[str, _Entry[_Cluster]] = field(default_factory=dict)
    users: dict[str, _Entry[_User]] = field(default_factory=dict)
    contexts: dict[str, _Entry[_Context]] = field(default_factory=dict)

    def add(self, file: _File, directory: Path) -> None:
        self.current_context = self.current_context or file.current_context
        for cluster in file.clusters or ():
            self.clusters.setdefault(cluster.name, _Entry(cluster.cluster or _Cluster(), directory))
        for user in file.users or ():
            self.users.setdefault(user.name, _Entry(user.user or _User(), directory))
        for context in file.contexts or ():
            self.contexts.setdefault(context.name, _Entry(context.context or _Context(), directory))


def from_kubeconfig(
    path: Path | None = None, context: str | None = None, *, environment: Mapping[str, str] | None = None
) -> Endpoint:
    """Return the endpoint of a context.

    `path` is one file; without it KUBECONFIG counts (several files are merged, missing ones skipped), then
    ~/.kube/config. `context` defaults to the current one. Raises `ConfigError`, which names the file at fault.
    """
    environment = os.environ if environment is None else environment
    candidates = _candidates(path, environment)
    files = [candidate for candidate in candidates if candidate.is_file()]
    names = ", ".join(str(candidate) for candidate in candidates)
    if not files:
        raise ConfigError(f"no kubeconfig: {names} does not exist")
    merged = _Merged()
    for file in files:
        merged.add(_parse(file), file.absolute().parent)
    name = context or merged.current_context
    if not name:
        raise ConfigError(f"no context: {names} sets no current-context; known contexts: {_listed(merged.contexts)}")
    chosen = _find(merged.contexts, name, what="context", names=names).value
    cluster = _find(merged.clusters, chosen.cluster, what="cluster", names=names)
    user = _find(merged.users, chosen.user, what="user", names=names) if chosen.user else _Entry(_User(), Path())
    return _endpoint(cluster, user, namespace=chosen.namespace or "default")


def _candidates(path: Path | None, environment: Mapping[str, str]) -> list[Path]:
    if path is not None:
        return [path.expanduser()]
    listed = [Path(part) for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    return listed or [Path.home() / ".kube" / "config"]


def _parse(file: Path) -> _File:
    try:
        return msgspec.yaml.decode(_read(file), type=_File)
    except msgspec.MsgspecError as error:
        # The parser's text may quote the line at fault, which may hold a token: only our own schema errors are shown.
        detail = str(error) if isinstance(error, msgspec.ValidationError) else "it is no valid YAML"
        raise ConfigError(f"cannot read the kubeconfig {file}: {detail}") from None


def _find(entries: Mapping[str, _Entry[V]], name: str, *, what: str, names: str) -> _Entry[V]:
    if name not in entries:
        raise ConfigError(f"{what} {name!r} is not in {names}; known: {_listed(entries)}")
    return entries[name]


def _listed(entries: Mapping[str, object]) -> str:
    return ", ".join(sorted(entries)) or "none"


def _endpoint(cluster: _Entry[_Cluster], user: _Entry[_User], *, namespace: str) -> Endpoint:
    value = cluster.value
    scheme = urlsplit(value.server).scheme
    if scheme not in {"https", "http"} or not urlsplit(value.server).hostname:
        raise ConfigError(f"the server {value.server!r} of the kubeconfig is no http(s) URL")
    context: ssl.SSLContext | None = None
    if scheme == "https":
        authority = _material(value.certificate_authority_data, value.certificate_authority, cluster.directory)
        context = _context(authority, verify=not value.insecure_skip_tls_verify)
    return Endpoint(
        server=value.server.rstrip("/"),
        ssl=context,
        credential=_credential(user, cluster=cluster, context=context),
        namespace=namespace,
        proxy=value.proxy_url or None,
        server_name=value.tls_server_name or None,
    )


def _credential(user: _Entry[_User], *, cluster: _Entry[_Cluster], context: ssl.SSLContext | None) -> Credential:
    """Choose the credential in kubectl's order and load a client certificate into `context`."""
    value = user.value
    if value.impersonate:
        raise ConfigError("the kubeconfig impersonates a user (`as`), which is not supported; use that user's own")
    certificate = _material(value.client_certificate_data, value.client_certificate, user.directory)
    key = _material(value.client_key_data, value.client_key, user.directory)
    if bool(certificate) != bool(key):
        raise ConfigError("the kubeconfig has a client certificate without its key, or a key without its certificate")
    if certificate and key and context is not None:
        load_certificate(context, certificate=certificate, key=key)
    if value.token_file:
        return TokenFile(user.directory / value.token_file)
    if value.token:
        return StaticHeader(bearer(value.token, origin="the kubeconfig"))
    if value.username:
        return StaticHeader.basic(value.username, value.password)
    if value.exec is not None:
        return _exec_plugin(value.exec, directory=user.directory, cluster=cluster, context=context)
    if value.auth_provider is not None and not certificate:
        raise ConfigError("the kubeconfig uses an auth-provider, which Kubernetes has removed; use an exec plugin")
    return Anonymous()


def _exec_plugin(
    plugin: _Exec, *, directory: Path, cluster: _Entry[_Cluster], context: ssl.SSLContext | None
) -> ExecPlugin:
    has_folder = os.sep in plugin.command
    info: dict[str, object] | None = None
    if plugin.provide_cluster_info:
        value = cluster.value
        authority = _material(value.certificate_authority_data, value.certificate_authority, cluster.directory)
        info = {"server": value.server, "insecure-skip-tls-verify": value.insecure_skip_tls_verify}
        if authority:
            info["certificate-authority-data"] = base64.b64encode(authority).decode()
    return ExecPlugin(
        (str(directory / plugin.command) if has_folder else plugin.command, *(plugin.args or ())),
        api_version=plugin.api_version,
        environment={variable.name: variable.value for variable in plugin.env or ()},
        context=context,
        cluster_info=info,
        install_hint=plugin.install_hint,
    )


def _context(authority: bytes | None, *, verify: bool = True) -> ssl.SSLContext:
    if not verify:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        return ssl.create_default_context(cadata=authority.decode() if authority else None)
    except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"the certificate authority of the API server is no PEM certificate: {error}") from error


def _material(data: str, file: str, directory: Path) -> bytes | None:
    """Return inline base64 `data`, which wins as in kubectl, or the content of `file`."""
    if data:
        try:
            return base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise ConfigError(f"inline data in the kubeconfig is no base64: {error}") from error
    return _read(directory / file) if file else None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror or error}") from error
