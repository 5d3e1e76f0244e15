"""Settings of the server. The command line fills them; nothing else reads arguments or the environment."""

import dataclasses
from pathlib import Path
from urllib.parse import urlsplit

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.address import AddressMode, Gateway, editor_addresses, environment_url
from devworkspace.core.credential import KEY_SECONDS
from devworkspace.core.prices import Prices
from devworkspace.server.limits import API_ALLOWANCE, CHANGE_ALLOWANCE, SOCKETS_PER_PERSON, Allowance
from devworkspace.server.starters import DEFAULT_IMAGE_PREFIX


class ConfigurationError(Exception):
    """A setting cannot work; the message says which, why and what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OidcConfig:
    """An OpenID Connect provider.

    `issuer` is its address as it says it itself, `name` what the button says. `client_dir` is a mounted Secret with the
    files `client-id` and, unless the client is public, `client-secret`. The user name is taken from `username_claim`;
    empty: `preferred_username`, and `sub` where there is none. `prefix` stands before names and groups, so that they
    are nobody else's. `ca_file` has the certificates that the provider is trusted by; None: those of the system.
    `single_use_refresh`: each refresh token works once, so that replicas must share the newest one.
    """

    issuer: str
    client_dir: Path
    name: str = "single sign-on"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    username_claim: str = ""
    groups_claim: str = "groups"
    prefix: str = "oidc:"
    ca_file: Path | None = None
    allow_http: bool = False
    single_use_refresh: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class KubeSphereConfig:
    """Where ks-apiserver answers, and the name by which its ReverseProxy calls us.

    `host` is what stands in `Host` of its requests, `ca_file` has the certificates that it is trusted by.
    """

    url: str
    host: str = "devworkspace-server.devworkspace-system.svc"
    ca_file: Path | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """Addresses, files and limits. Times are seconds, sizes bytes.

    `public_url` is what people type, e.g. `http://localhost:8080`; environments live at `<id>.` before its host,
    or, with `address_mode` path, at `/w/<namespace>/<name>/` behind it.
    `master_key_file` holds at least 32 bytes, used as they are; keys of a rotation stand beside it (`Keyring`), read
    again every `key_seconds`. `admin_dir` is a mounted Secret with the files
    `username` and `password-hash` (argon2); None means no local account. `oidc` None means no identity provider.
    With `kubesphere`, people come through KubeSphere's console with its tokens.
    `kubeconfig` None means the pod's own service account. `namespace` is the server's own, where it keeps what
    replicas share.
    Each environment is asked once in `activity_seconds` whether it is used, which must be below 100.
    `api_audience` is what the tokens of programs must be made for; empty means the API server's own tokens.
    Whoever connects from one of `trusted_proxies` (networks) is believed whom it forwards for. Each person may send
    `api_allowance` requests to the API, change (create, start, stop, restart, delete) as `change_allowance` says, and
    have `sockets_per_person` open, 0 for no limit; these and the limits of sign-in are for all of `replicas` together,
    each of which grants its share. With `prices`, what was requested is also told in money.
    `image_prefix` is what stands before `/<name>:<version>` of the images of the starter templates. `safe_start`: the
    operator has an image for safe starts.
    """

    public_url: str
    address_mode: AddressMode = "subdomain"
    master_key_file: Path
    admin_dir: Path | None = None
    oidc: OidcConfig | None = None
    kubesphere: KubeSphereConfig | None = None
    listen_host: str = "0.0.0.0"  # noqa: S104 - a pod is reached by its own address
    listen_port: int = 8080
    internal_port: int = 9090
    kubeconfig: Path | None = None
    namespace: str = names.SYSTEM_NAMESPACE
    api_audience: str = "devworkspace"
    recheck_seconds: float = 60.0
    activity_seconds: float = 60.0
    session_seconds: float = 12 * 3600.0
    idle_seconds: float = 75.0
    drain_seconds: float = 15.0
    max_connections: int = 10_000
    key_seconds: float = KEY_SECONDS
    stale_seconds: float = 300.0
    leave_seconds: float = 3.0
    trusted_proxies: tuple[str, ...] = ()
    api_allowance: Allowance = API_ALLOWANCE
    change_allowance: Allowance = CHANGE_ALLOWANCE
    sockets_per_person: int = SOCKETS_PER_PERSON
    replicas: int = 1
    prices: Prices | None = None
    image_prefix: str = DEFAULT_IMAGE_PREFIX
    safe_start: bool = True


@dataclasses.dataclass(frozen=True)
class PublicAddress:
    """The public URL taken apart. `netloc` is what a browser puts into `Host`: no port where it is the scheme's own."""

    scheme: str
    host: str
    netloc: str
    mode: AddressMode = "subdomain"

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    def environment_host(self, label: str) -> str:
        """What a browser puts into `Host` for an environment, or for one of its ports, by their label."""
        return self.netloc if self.mode == "path" else f"{label}.{self.netloc}"

    def environment_origin(self, label: str) -> str:
        """The origin of an environment, or of one of its ports, by the label of its host."""
        return f"{self.scheme}://{self.environment_host(label)}"

    def environment_url(self, key: Key, port: int | str | None = None) -> str:
        """The address of an environment, or of one of its ports; `port` may be a placeholder."""
        return environment_url(key, Gateway(self.origin, self.mode), port=port)

    def editor_addresses(self, key: Key) -> dict[str, str]:
        """What the editor of an environment that was started before it was anybody's must be told."""
        return editor_addresses(key, Gateway(self.origin, self.mode))


def parse_public_url(url: str, mode: AddressMode = "subdomain") -> PublicAddress:
    """Raises ConfigurationError if `url` is not just scheme, host and port, or would send sessions over plain http."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"the public URL {url!r} has no valid port: {error}") from error
    plain = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise ConfigurationError(
            f"the public URL {url!r} must look like https://dev.example.com or http://localhost:8080"
        )
    local = parts.hostname == "localhost" or parts.hostname.endswith(".localhost")
    if parts.scheme == "http" and not local:
        raise ConfigurationError(
            f"the public URL {url!r} is plain http: sessions could be read on the way and editors do not work fully; "
            "use https, or http://localhost:<port> through a port-forward"
        )
    default = {"http": 80, "https": 443}[parts.scheme]
    netloc = parts.hostname if port in (None, default) else f"{parts.hostname}:{port}"
    return PublicAddress(scheme=parts.scheme, host=parts.hostname, netloc=netloc, mode=mode)


def check_ways_in(config: ServerConfig) -> None:
    """Raises ConfigurationError if nobody could sign in, or two people could be one."""
    if config.admin_dir is None and config.oidc is None and config.kubesphere is None:
        raise ConfigurationError("nobody could sign in: set --admin-dir for a local account, --oidc-issuer, or both")
    unprefixed = config.kubesphere is not None or (config.oidc is not None and not config.oidc.prefix)
    if unprefixed and config.admin_dir is not None:
        raise ConfigurationError(
            "the local account and a user of KubeSphere or of a provider without a prefix could have the same name and "
            "would be one person; add --no-local-account, or set --oidc-prefix"
        )
    if config.oidc is not None and "openid" not in config.oidc.scopes:
        raise ConfigurationError("the scopes must contain 'openid', or the provider says nothing about the person")
