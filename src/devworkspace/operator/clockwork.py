"""Does what the clock asks for: stops, starts and deletes environments, and warns of it.

Each write holds for the very version of the instance that the decision was made from: work that was written meanwhile,
or any wish of a person, makes it a conflict, and it is decided anew.
"""

import logging
from datetime import datetime
from typing import Any, Final

from devworkspace.api import names, reasons
from devworkspace.api.children import Pod
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.core.idleness import stop_note
from devworkspace.core.plan import Act, Warn
from devworkspace.core.timestamps import format_timestamp
from devworkspace.core.transitions import Transition
from devworkspace.kinds import INSTANCES
from devworkspace.kube.client import Client
from devworkspace.kube.errors import Conflict, NotFound
from devworkspace.kube.resource import PODS
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.events import EventRecorder

logger = logging.getLogger(__name__)

_STARTED: Final = Transition("Normal", reasons.STARTED_SCHEDULE, "It is started because its hours begin.")
_DELETED: Final = Transition(
    "Normal", reasons.DELETED_AFTER_STOPPED, "It was deleted because it was stopped for so long; its disk is kept."
)


class Clockwork:
    """The writes that nobody asked for."""

    def __init__(self, *, client: Client, cluster: Cluster, events: EventRecorder) -> None:
        self._client = client
        self._cluster = cluster
        self._events = events

    async def act(self, instance: WorkspaceInstance, act: Act) -> None:
        """Raises `Conflict` where the instance has changed."""
        used = instance.status.last_activity
        logger.info("%s: %s (%s), last used %s", instance.metadata.key, act.verb, act.reason, used)
        try:
            match act.verb:
                case "stop":
                    note = stop_note(act.reason, generation=instance.metadata.generation + 1)
                    await self._patch(instance, {"running": False}, {names.ANNOTATION_STOPPED_FOR: note})
                case "start":
                    await self._patch(instance, {"running": True}, {})
                    self._events.record(instance.metadata, _STARTED)
                case "keep volume":
                    await self._patch(instance, {"dataPolicy": "Retain"}, {})
                case "delete":
                    await self._delete(instance)
        except NotFound:
            return

    async def _patch(self, instance: WorkspaceInstance, spec: dict[str, Any], annotations: dict[str, str]) -> None:
        metadata = instance.metadata
        patch = {
            "metadata": {
                "uid": metadata.uid,
                "resourceVersion": metadata.resource_version,
                "annotations": annotations,
            },
            "spec": spec,
        }
        self._cluster.instances.put(await self._client.merge_patch(INSTANCES, metadata.key, patch, WorkspaceInstance))

    async def _delete(self, instance: WorkspaceInstance) -> None:
        metadata = instance.metadata
        await self._client.delete(INSTANCES, metadata.key, uid=metadata.uid, resource_version=metadata.resource_version)
        self._events.record(metadata, _DELETED)

    def announce_clean_up(self, instance: WorkspaceInstance, at: datetime) -> None:
        """An Event for the owner, once for each time that is set."""
        announced = self._cluster.announced
        if announced.get(instance.metadata.uid) == at:
            return
        announced[instance.metadata.uid] = at
        message = f"It is deleted at {format_timestamp(at)} unless it is started before; its disk is kept."
        self._events.record(instance.metadata, Transition("Warning", reasons.DELETION_PLANNED, message))

    async def warn(self, key: Key, warn: Warn) -> None:
        """Tells the pod; one that has gone meanwhile needs no warning."""
        patch = {"metadata": {"uid": warn.uid, "annotations": {names.ANNOTATION_STOPS: warn.text}}}
        try:
            self._cluster.remember(await self._client.merge_patch(PODS, Key(key.namespace, warn.name), patch, Pod))
        except (NotFound, Conflict):
            return
