"""What was chosen at the first installation, so that a repeated one does not undo it."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from devworkspace.cli.deployment import DEFAULT_OPERATOR_REPLICAS, DEFAULT_SERVER_REPLICAS
from devworkspace.core.address import AddressMode
from devworkspace.server.starters import DEFAULT_IMAGE_PREFIX


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Options of an installation.

    `public_url` None means `http://localhost:<port>`. `operator_replicas` and `server_replicas` None mean one on the
    embedded cluster, which has one node, and two elsewhere; `blocked_networks` none the cluster's own networks, as
    found at each installation.
    `server_options` are passed to `devworkspace server`. `helm`: the charts as releases, instead of deploy/ by kubectl.
    """

    port: int = 8080
    public_url: str | None = None
    address_mode: AddressMode = "subdomain"
    image_prefix: str = DEFAULT_IMAGE_PREFIX
    operator_replicas: int | None = None
    server_replicas: int | None = None
    blocked_networks: tuple[str, ...] = ()
    server_options: tuple[str, ...] = ()
    helm: bool = False

    @property
    def address(self) -> str:
        """Where people reach the gateway."""
        return self.public_url or f"http://localhost:{self.port}"

    def operators(self, *, embedded: bool) -> int:
        """How many operators to run."""
        return self.operator_replicas or (1 if embedded else DEFAULT_OPERATOR_REPLICAS)

    def servers(self, *, embedded: bool) -> int:
        """How many servers to run."""
        return self.server_replicas or (1 if embedded else DEFAULT_SERVER_REPLICAS)


def recall(file: Path, **given: Any) -> Choices:
    """The choices kept in `file`, overruled by the options that were given (not None)."""
    kept = msgspec.json.decode(file.read_bytes(), type=Choices) if file.exists() else Choices()
    return replace(kept, **{name: value for name, value in given.items() if value is not None})


def remember(file: Path, choices: Choices) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.encode(asdict(choices)))
