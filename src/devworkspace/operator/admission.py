"""Whether an environment may start now: within what its owner may have, and when it is its turn."""

import logging
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.api.surroundings import ConfigMap
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.adoption import wanted_volume
from devworkspace.core.limits import (
    STARTS_BY_ITSELF,
    Limits,
    Member,
    add_up,
    ahead_of,
    find_shortages,
    holds_share,
    instance_share,
    is_held_by_limit,
    make_member,
    needs_of,
    read_limits,
    refuse,
    starts_anew,
    volume_share,
    volume_size,
)
from devworkspace.core.pacing import Hold, starting_until
from devworkspace.core.world import World, own_volume
from devworkspace.kube.informer import Informer
from devworkspace.operator.startqueue import StartQueue
from devworkspace.operator.store import Store

logger = logging.getLogger(__name__)

BY_SHARE = "share"
BY_HELD = "held"
BY_UID = "instance-uid"


class Admission:
    """Asked before each start. `enqueue` is told who may try again.

    The stores have the indexes `BY_SHARE`, `BY_HELD` (instances) and `BY_SHARE`, `BY_UID` (volumes).
    """

    def __init__(
        self,
        *,
        instances: Store[WorkspaceInstance],
        templates: Store[WorkspaceTemplate],
        volumes: Informer[PersistentVolumeClaim],
        enqueue: Callable[[Key], None],
    ) -> None:
        self.limits = Limits()
        self.queue = StartQueue()
        self._instances = instances
        self._templates = templates
        self._volumes = volumes
        self._enqueue = enqueue
        # Let in by a round that has not ended, so that no status tells of it yet.
        self._let_in: set[str] = set()

    def ask(self, world: World, instance: WorkspaceInstance) -> Hold | None:
        """What holds the start back; None lets it in, for as long as `decided` is not told."""
        if not holds_share(instance) or starts_anew(instance):
            hold = self._check_share(world, instance)
            if hold is not None:
                return hold
        self._let_in.add(instance.metadata.uid)
        if world.write_refusal is not None and instance.status.phase == "Pending":
            # It had its turn, and what it needs was refused: it tries again at its own pace.
            return None
        return self.queue.ask(instance, self.limits, world.now)

    def decided(self, instance: WorkspaceInstance) -> None:
        """The round that asked is over: from here on only the statuses count.

        It wakes nobody: of two whose writes fail, each would wake the other for ever.
        """
        uid, known = instance.metadata.uid, self._instances.get(instance.metadata.key)
        self._let_in.discard(uid)
        self.queue.decided(uid)
        if known is not None and known.metadata.uid == uid:
            self.queue.see(known, self._until(known))
        else:
            self.queue.forget(uid)

    def instance_changed(self, old: WorkspaceInstance | None, new: WorkspaceInstance | None) -> None:
        """Follows the store of instances; who is let in, or goes, may make room for others."""
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self._let_in.discard(old.metadata.uid)
            self.queue.forget(old.metadata.uid)
        if new is not None:
            self.queue.see(new, self._until(new))
        self._wake_next()
        if old is not None and (new is None or _takes(old) != _takes(new)):
            self._wake_share(instance_share(old))

    def volume_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        if old is not None and (new is None or volume_share(new) != volume_share(old)):
            self._wake_share(volume_share(old))

    def limits_changed(self, _old: ConfigMap | None, new: ConfigMap | None) -> None:
        """Takes what the admin has written."""
        self.limits = read_limits(new.data) if new is not None else Limits()
        if self.limits.problem:
            logger.error("the limits cannot be read, nothing new is started: %s", self.limits.problem)
        else:
            logger.info("limits: %s", self.limits)
        for instance in self._instances.values():
            if is_held_by_limit(instance):
                self._enqueue(instance.metadata.key)
        self._wake_next()

    def _wake_next(self) -> None:
        for key in self.queue.next(self.limits):
            self._enqueue(key)

    def _wake_share(self, share: str) -> None:
        for instance in self._instances.by_index(BY_HELD, share):
            self._enqueue(instance.metadata.key)

    def _until(self, instance: WorkspaceInstance) -> datetime | None:
        return starting_until(instance, self._templates.get(Key("", instance.spec.template_ref)))

    def _check_share(self, world: World, instance: WorkspaceInstance) -> Hold | None:
        if not self.limits.owner and not self.limits.problem:
            return None
        share, own = instance_share(instance), own_volume(world, instance)
        member = make_member(instance, world.template, volume=own)
        others = [
            self._member(other)
            for other in self._instances.by_index(BY_SHARE, share)
            if other.metadata.uid != instance.metadata.uid
        ]
        used = add_up(ahead_of(member, others), kept=self._kept(share))
        needs = needs_of(member, adopts=wanted_volume(instance) is not None)
        refusal = refuse(self.limits, find_shortages(self.limits, used=used, needs=needs))
        if refusal is None:
            return None
        return Hold(refusal.reason, f"{refusal.message} {STARTS_BY_ITSELF}")

    def _member(self, instance: WorkspaceInstance) -> Member:
        return make_member(
            instance,
            self._templates.get(Key("", instance.spec.template_ref)),
            volume=next(iter(self._volumes.by_index(BY_UID, instance.metadata.uid)), None),
            holds=instance.metadata.uid in self._let_in or holds_share(instance),
        )

    def _kept(self, share: str) -> Decimal:
        """The storage of the disks that were left behind."""
        present = {instance.metadata.uid for instance in self._instances.by_index(BY_SHARE, share)}
        found = self._volumes.by_index(BY_SHARE, share)
        left = [volume for volume in found if volume.metadata.labels.get(names.LABEL_INSTANCE_UID) not in present]
        return sum((volume_size(volume) for volume in left), Decimal(0))


def _takes(instance: WorkspaceInstance) -> object:
    """What decides how much of the owner's limits an instance takes."""
    spec = instance.spec
    return holds_share(instance), spec.running, spec.overrides, spec.owner, instance.metadata.deletion_timestamp
