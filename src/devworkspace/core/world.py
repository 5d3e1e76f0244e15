"""What a decision about one instance is made from."""

from collections.abc import Mapping
from datetime import datetime

from devworkspace.api.children import NetworkPolicy, PersistentVolumeClaim, Pod, Service
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key, Struct
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.resolve import Refusal


class Installation(Struct, frozen=True):
    """What the admin configured; the same for every decision.

    `gateway_url` is None where no gateway is installed, `master_key` is what credentials are derived from.
    """

    master_key: bytes
    server_namespace: str
    gateway_url: str | None = None


class World(Struct, frozen=True):
    """Everything known about one instance at one moment, from the caches.

    `instance` is None once it is gone. `volumes` are the instance's own, `left_volumes` those of earlier instances of
    the same name. `write_refusal` is why the API server refused the last write
    of a child, for as long as that write did not succeed.
    """

    key: Key
    now: datetime
    installation: Installation
    instance: WorkspaceInstance | None = None
    template: WorkspaceTemplate | None = None
    namespace_labels: Mapping[str, str] = {}
    pod: Pod | None = None
    volumes: tuple[PersistentVolumeClaim, ...] = ()
    left_volumes: tuple[PersistentVolumeClaim, ...] = ()
    service: Service | None = None
    policy: NetworkPolicy | None = None
    namespace_in_use: bool = True
    write_refusal: Refusal | None = None
