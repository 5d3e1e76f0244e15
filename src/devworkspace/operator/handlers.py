"""Kopf's handlers on our two kinds. They store and enqueue: they never fail, wait, or call the API server.

`on.event` writes nothing of Kopf's own to the objects; `on.create` and its kin would add 2 to 6 writes for each.
"""

import logging
from typing import Any, TypeVar

import kopf
import msgspec

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.store import Store, template_named_by

logger = logging.getLogger(__name__)


class NullDiffBase(kopf.DiffBaseStorage):
    """Keeps nothing: no handler of ours asks what changed, and the default deep-copies every event to find out."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        return None


class NullProgress(kopf.ProgressStorage):
    """Keeps nothing: no handler of ours has progress."""

    def fetch(self, **_: Any) -> kopf.ProgressRecord | None:
        return None

    def store(self, **_: Any) -> None:
        return None

    def purge(self, **_: Any) -> None:
        return None

    def touch(self, **_: Any) -> None:
        return None

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


def make_registry(cluster: Cluster) -> kopf.OperatorRegistry:
    """The handlers, bound to the stores that they fill."""
    registry = kopf.OperatorRegistry()

    @kopf.on.event(names.GROUP, names.VERSION, names.INSTANCE_PLURAL, registry=registry)
    async def on_instance(event: kopf.RawEvent, **_: Any) -> None:
        take_instance(cluster, event)

    @kopf.on.event(names.GROUP, names.VERSION, names.TEMPLATE_PLURAL, registry=registry)
    async def on_template(event: kopf.RawEvent, **_: Any) -> None:
        take_template(cluster, event)

    return registry


def take_instance(cluster: Cluster, event: kopf.RawEvent) -> None:
    """Stores what a watch reported of an instance, and queues it unless a list told it before."""
    instance = _decode(event, WorkspaceInstance, cluster.instances)
    if instance is None:
        return
    key = instance.metadata.key
    if event["type"] == "DELETED":
        cluster.forget_instance(key, instance.metadata.uid)
    elif not cluster.instances.hear(instance):
        return
    cluster.instance_changed(key)


def take_template(cluster: Cluster, event: kopf.RawEvent) -> None:
    """Stores what a watch or a list reported of a template; the store tells whom it concerns."""
    template = _decode(event, WorkspaceTemplate, cluster.templates)
    if template is None:
        return
    if event["type"] == "DELETED":
        cluster.templates.drop(Key("", template.metadata.name), template.metadata.uid)
    else:
        cluster.templates.hear(template)


T = TypeVar("T", WorkspaceInstance, WorkspaceTemplate)


def _decode(event: kopf.RawEvent, type_: type[T], store: Store[T]) -> T | None:
    try:
        return msgspec.convert(event["object"], type_)
    except msgspec.ValidationError as error:
        # The CRD's schema admits only what the structs can hold; an object stored under an older schema might differ.
        metadata = msgspec.convert(event["object"]["metadata"], ObjectMeta)
        if event["type"] == "DELETED":
            store.drop(metadata.key, metadata.uid)
            return None
        logger.error("%s %s is not readable and is left alone: %s", type_.__name__, metadata.key, error)
        store.skip(metadata, template=template_named_by(event["object"]))
        return None


def make_settings() -> kopf.OperatorSettings:
    """Kopf's settings for a level-triggered operator (measurements: docs/ARCHITECTURE.md)."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.watching.chunk_size = 100
    settings.watching.server_timeout = 300
    settings.queueing.idle_timeout = 0.5
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = (0.5, 1, 2, 4)
    settings.persistence.diffbase_storage = NullDiffBase()
    settings.persistence.progress_storage = NullProgress()
    settings.posting.enabled = False
    # Kopf would kill the process ten minutes after it was told to end; here it may end and start again.
    settings.process.ultimate_exiting_timeout = None
    return settings
