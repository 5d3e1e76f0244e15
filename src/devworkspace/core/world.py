"""What a decision about one instance is made from."""

from collections.abc import Mapping
from datetime import datetime

from devworkspace.api import names
from devworkspace.api.children import NetworkPolicy, PersistentVolumeClaim, Pod, Service
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key, Struct
from devworkspace.api.surroundings import Event
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.address import Gateway
from devworkspace.core.credential import Keyring
from devworkspace.core.deletion import DeletionFacts
from devworkspace.core.member import Member
from devworkspace.core.nodestate import NodeVerdict
from devworkspace.core.ownership import is_own_volume
from devworkspace.core.pacing import Hold
from devworkspace.core.render.common import child_name
from devworkspace.core.resolve import Refusal


class Installation(Struct, frozen=True):
    """What the admin configured; the same for every decision.

    `gateway` is None where none is installed, `keys` are what credentials are derived from.
    `blocked_networks` are the networks, as CIDR, that environments do not reach. `safe_image` is the editor of a safe
    start; None: there is none.
    """

    keys: Keyring
    server_namespace: str
    gateway: Gateway | None = None
    blocked_networks: tuple[str, ...] = ()
    safe_image: str | None = None


class World(Struct, frozen=True):
    """Everything known about one instance at one moment, from the caches.

    `instance` is None once it is gone. `volumes` are the instance's own, `left_volumes` those of earlier instances of
    the same name. `adoptable` is the volume that the instance asks to take over, `adoptable_in_use` whether the
    instance that it was made for still exists. `write_refusal` is why the API server refused the last write of a child,
    for as long as that write did not succeed. `hold` is why it does not start yet, though it could. `policies` are the
    namespace's own by name. `replacements` counts the pods that lately failed and were replaced.
    `warnings` are Events about pod and volumes, `node` is the verdict on the pod's node; both may be unknown.
    `known_until` is up to when the servers say that all work was written; it is there only where the time for something
    has come. `server_now` is the time by the API server's clock, None as long as nobody knows.
    `pool` are members of pools that the instance may take, oldest first, and those that it has begun to take.
    `deletion` is there only while the instance is being deleted and its volume might go with it.
    """

    key: Key
    now: datetime
    installation: Installation
    instance: WorkspaceInstance | None = None
    template: WorkspaceTemplate | None = None
    namespace_labels: Mapping[str, str] = {}
    namespace_terminating: bool = False
    pod: Pod | None = None
    volumes: tuple[PersistentVolumeClaim, ...] = ()
    left_volumes: tuple[PersistentVolumeClaim, ...] = ()
    service: Service | None = None
    policies: Mapping[str, NetworkPolicy] = {}
    namespace_in_use: bool = True
    adoptable: PersistentVolumeClaim | None = None
    adoptable_in_use: bool = False
    write_refusal: Refusal | None = None
    hold: Hold | None = None
    replacements: int = 0
    warnings: tuple[Event, ...] = ()
    node: NodeVerdict | None = None
    known_until: datetime | None = None
    server_now: datetime | None = None
    pool: tuple[Member, ...] = ()
    deletion: DeletionFacts | None = None

    @property
    def earliest(self) -> datetime:
        """Of two clocks that differ one is wrong: what takes too long does so by both."""
        return min(self.now, self.server_now or self.now)

    @property
    def latest(self) -> datetime:
        """What happens now is noted as late as either says, so that nothing that follows from it comes early."""
        return max(self.now, self.server_now or self.now)


def own_volume(world: World, instance: WorkspaceInstance) -> PersistentVolumeClaim | None:
    """The instance's volume: the one that status names, that it asked to take over, or that was made for it.

    No other one is taken, whatever its labels and annotations say: a copy of a volume's manifest has all of them.
    """
    own = {volume.metadata.name: volume for volume in world.volumes if is_own_volume(volume.metadata, instance)}
    wanted = instance.metadata.annotations.get(names.ANNOTATION_ADOPT_VOLUME)
    for name in (instance.status.pvc_name, wanted, child_name(instance)):
        if name is not None and name in own:
            return own[name]
    return None
