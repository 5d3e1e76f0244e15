"""Watches every write of every operator: what may be written, to what, and when. A violation is an AssertionError.

An operator reads, decides and writes, and the world moves between the two. So a fact that a decision rests on has to
have been true at some moment of its round, not at the moment of the write.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.credential import environment_credential
from devworkspace.core.duration import parse_duration
from devworkspace.core.timestamps import parse_timestamp
from devworkspace.kinds import CRDS, INSTANCE_CRD, INSTANCES, TEMPLATES
from devworkspace.kube import resource as kinds
from tests.operator.histories.server import POOLS, MemoryServer, Round, Write
from tests.support.builders import MASTER_KEY
from tests.support.fake_objects import Object
from tests.support.fake_routes import Target
from tests.support.fake_store import Change

_ALLOWED: Final = {
    ("apply", "workspaceinstances/status"),
    ("patch", "workspaceinstances"),
    ("patch", "workspaceinstances/status"),
    *(("apply", kind.plural) for kind in (kinds.PODS, kinds.PVCS, kinds.SECRETS, kinds.SERVICES)),
    ("apply", "networkpolicies"),
    ("patch", "persistentvolumeclaims"),
    ("patch", "pods"),
    *(("delete", plural) for plural in ("pods", "persistentvolumeclaims", "networkpolicies")),
}
_OF_POOLS: Final = {
    *((verb, kind.plural) for verb in ("create", "delete") for kind in (kinds.PODS, kinds.PVCS)),
    ("apply", "networkpolicies"),
}
_CONSENT: Final = (
    "the instance is being deleted",
    "status said Delete when the deletion was asked for",
    "spec still says Delete",
    "the namespace stays",
    "the definition stays",
)


class Judge:
    """`ours` are the UIDs of what operators made or took over; everything else is somebody else's."""

    def __init__(self, server: MemoryServer) -> None:
        self._server = server
        self.ours: set[str] = set()
        self._consented: set[str] = set()
        self._lifecycles: list[dict[str, str]] = []
        server.on_request = self.request
        server.on_write = self.write
        server.store.listeners.append(self._note_deletion)

    def _note_deletion(self, change: Change) -> None:
        """Consent is what stood in the status when the deletion was asked for."""
        if change.resource == TEMPLATES:
            self._lifecycles.append(change.new["spec"].get("lifecycle", {}))
        if change.resource != INSTANCES or change.old is None:
            return
        metadata = change.new["metadata"]
        asked = "deletionTimestamp" in metadata and "deletionTimestamp" not in change.old["metadata"]
        if asked and change.old.get("status", {}).get("dataPolicy") == "Delete":
            self._consented.add(metadata["uid"])

    def request(self, round: Round, target: Target) -> None:
        """Notes which conditions of a volume's deletion hold at this moment of a round."""
        if round.instance is None:
            return
        for name, holds in self._consent(round, round.instance.metadata.uid):
            round.consent[name] = round.consent.get(name, False) or holds

    def _consent(self, round: Round, uid: str) -> Iterator[tuple[str, bool]]:
        instance = self._server.find(INSTANCES, round.key)
        same = instance is not None and instance["metadata"]["uid"] == uid
        namespace = self._server.find(kinds.NAMESPACES, Key("", round.key.namespace))
        definition = self._server.find(CRDS, INSTANCE_CRD)
        facts = (
            same and "deletionTimestamp" in (instance or {})["metadata"],
            uid in self._consented,
            same and (instance or {})["spec"].get("dataPolicy") == "Delete",
            namespace is not None and "deletionTimestamp" not in namespace["metadata"],
            definition is not None and "deletionTimestamp" not in definition["metadata"],
        )
        yield from zip(_CONSENT, facts, strict=True)
        for volume in self._server.store.list(kinds.PVCS, round.key.namespace):
            name = volume["metadata"]["name"]
            yield f"{name} carries the UID", label(volume, names.LABEL_INSTANCE_UID) == uid
            yield f"nobody uses {name}", not self.users(round.key.namespace, name)

    def users(self, namespace: str, volume: str) -> list[Object]:
        """The live pods on a volume."""
        return [
            pod
            for pod in self._server.store.list(kinds.PODS, namespace)
            if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed") and volume in claims(pod)
        ]

    def write(self, write: Write) -> None:
        target, before, after = write.target, write.before, write.after
        what = f"{target.verb} {target.label} {target.key} in the round of {write.round.key}"
        if write.round.key == POOLS:
            self._check_pool(write, what)
            return
        assert (target.verb, target.label) in _ALLOWED, f"{what}: nothing of the operator's"
        assert target.key.namespace == write.round.key.namespace, f"{what}: outside the environment's namespace"
        self._check_pause(write, what)
        if before is None and after is not None:
            self.ours.add(after["metadata"]["uid"])
        if target.resource == INSTANCES:
            self._check_instance(write, what)
        elif before is not None and label(before, names.LABEL_POOL) is not None:
            self._check_claim(write, before, what)
        elif before is not None:
            self._check_owner(write, before, what)
        if target.resource == kinds.PVCS:
            self._check_volume(write, what)
        if target.resource == kinds.PODS and before is None and after is not None:
            self._check_new_pod(write, after, what)

    def _check_pool(self, write: Write, what: str) -> None:
        """Members are made where nothing was, and dropped only while they are nobody's."""
        target, before, after = write.target, write.before, write.after
        assert (target.verb, target.label) in _OF_POOLS, f"{what}: nothing of the pool's"
        if target.verb == "create":
            assert after is not None
            assert label(after, names.LABEL_POOL) is not None, f"{what}: not marked as the pool's"
            assert label(after, names.LABEL_INSTANCE_UID) is None, f"{what}: somebody's"
            self.ours.add(after["metadata"]["uid"])
        if target.verb != "delete":
            return
        assert before is not None
        assert is_member(before), f"{what}: it is somebody's"
        wanted = write.body.get("preconditions", {})
        seen = {"uid": before["metadata"]["uid"], "resourceVersion": before["metadata"]["resourceVersion"]}
        assert wanted == seen, f"{what}: in whatever state it is"
        if target.resource == kinds.PVCS:
            assert not self.users(target.key.namespace, target.key.name), f"{what}: under a pod"

    def _check_claim(self, write: Write, before: Object, what: str) -> None:
        """What was nobody's becomes somebody's: theirs by their status, and nobody else's at the same time."""
        known = write.round.instance
        assert known is not None
        assert is_member(before), f"{what}: it is somebody's already"
        version = write.body["metadata"].get("resourceVersion")
        assert version == before["metadata"]["resourceVersion"], f"{what}: in whatever state it is"
        if write.target.resource == kinds.PODS:
            (claim,) = claims(before)
            volume = self._server.find(kinds.PVCS, Key(write.target.key.namespace, claim))
            theirs = volume is not None and label(volume, names.LABEL_INSTANCE_UID) == known.metadata.uid
            assert theirs or volume is None or not is_marked(volume), f"{what}: opened before its volume is theirs"

    def _check_pause(self, write: Write, what: str) -> None:
        known = write.round.instance
        if known is not None and known.metadata.deletion_timestamp is None:
            assert known.metadata.annotations.get(names.ANNOTATION_PAUSED) != "true", f"{what}: it is paused"

    def _check_instance(self, write: Write, what: str) -> None:
        known, before, body = write.round.instance, write.before, write.body
        assert known is not None, f"{what}: there is no such instance"
        assert before is not None, f"{what}: it makes an instance"
        assert before["metadata"]["uid"] == known.metadata.uid, f"{what}: it is meant for a predecessor"
        text = msgspec.json.encode(body).decode()
        for secret in (environment_credential(MASTER_KEY, known.metadata.uid), MASTER_KEY.decode()):
            assert secret not in text, f"{what}: a secret in the open"
        if write.target.verb == "patch" and not write.target.subresource and "spec" in body:
            self._check_clock(write, before, what)
        elif write.target.verb == "patch" and not write.target.subresource:
            old, new = set(finalizers(before)), set(body["metadata"].get("finalizers", ()))
            assert set(body) == {"metadata"}, f"{what}: more than metadata"
            assert old ^ new <= {names.FINALIZER_DELETE_VOLUME}, f"{what}: somebody else's finalizer"
            assert not new - old or known.spec.data_policy == "Delete", f"{what}: held without being asked to"

    def _check_clock(self, write: Write, before: Object, what: str) -> None:
        """A stop that nobody asked for, by what stood at the API server and by its clock."""
        body = write.body
        assert body["spec"] == {"running": False}, f"{what}: no stop"
        assert body["metadata"].get("resourceVersion") == before["metadata"]["resourceVersion"], f"{what}: any version"
        reason = body["metadata"]["annotations"][names.ANNOTATION_STOPPED_FOR].partition("@")[0]
        field = {"MaxRunDuration": "maxRunDuration", "Idle": "idleTimeout"}[reason]
        # Which of the limits that there ever were the operator had heard of is not known here.
        limits = [parse_duration(limit[field]) for limit in self._lifecycles if field in limit]
        assert limits, f"{what}: {reason}, and there is no limit"
        status = before["status"]
        began = [status["startedAt"]] if reason == "MaxRunDuration" else [status["lastActivity"], status["readyAt"]]
        run = self._server.store.clock() - max(parse_timestamp(time) for time in began)
        assert run >= min(limits), f"{what}: {reason} after {run}"

    def _check_owner(self, write: Write, before: Object, what: str) -> None:
        if write.after is not None and write.after == before:
            return
        if is_marked(before):
            self.ours.add(before["metadata"]["uid"])
        assert before["metadata"]["uid"] in self.ours, f"{what}: the object is somebody else's"
        if write.target.resource == kinds.NETWORK_POLICIES:
            return
        if (known := write.round.instance) is None:
            assert write.target.label == "persistentvolumeclaims", f"{what}: nobody's"
            return
        if write.target.label != "persistentvolumeclaims" or write.target.verb != "patch":
            owner = label(before, names.LABEL_INSTANCE_UID)
            assert owner in (known.metadata.uid, None), f"{what}: another instance's"

    def _check_volume(self, write: Write, what: str) -> None:
        before, after = write.before, write.after
        if write.target.verb == "delete":
            self._check_end(write, what)
        elif before is not None and after is not None:
            assert request_of(after) >= request_of(before), f"{what}: a volume shrinks"
            old, new = label(before, names.LABEL_INSTANCE_UID), label(after, names.LABEL_INSTANCE_UID)
            if label(before, names.LABEL_POOL) is not None:
                return
            if old != new:
                self._check_adoption(write, before, what)
                self.ours.add(after["metadata"]["uid"])
            elif label(after, names.LABEL_RETAINED) and not label(before, names.LABEL_RETAINED):
                assert not self.exists(str(new)), f"{what}: retained while its instance exists"

    def _check_end(self, write: Write, what: str) -> None:
        before = write.before
        assert before is not None
        assert write.body.get("preconditions", {}).get("uid") == before["metadata"]["uid"], f"{what}: no precondition"
        assert write.round.instance is not None, f"{what}: without an instance"
        name = write.target.key.name
        wanted = (*_CONSENT, f"{name} carries the UID", f"nobody uses {name}")
        missing = [fact for fact in wanted if not write.round.consent.get(fact)]
        assert not missing, f"{what}: a volume is deleted although it is not so that {missing}"
        noted = before["metadata"].get("annotations", {}).get(names.ANNOTATION_DELETE_APPROVED)
        assert noted == label(before, names.LABEL_INSTANCE_UID), f"{what}: the consent is not noted on it"

    def _check_adoption(self, write: Write, before: Object, what: str) -> None:
        known = write.round.instance
        assert known is not None
        old = label(before, names.LABEL_INSTANCE_UID)
        assert not self.exists(str(old)), f"{what}: the volume is in use"
        owner = before["metadata"].get("annotations", {}).get(names.ANNOTATION_OWNER)
        assert owner == known.spec.owner, f"{what}: {known.spec.owner} takes over what is {owner}'s"
        wanted = known.metadata.annotations.get(names.ANNOTATION_ADOPT_VOLUME)
        assert wanted == write.target.key.name, f"{what}: nobody asked for it"

    def _check_new_pod(self, write: Write, pod: Object, what: str) -> None:
        for claim in claims(pod):
            users = self.users(write.target.key.namespace, claim)
            rivals = [user["metadata"]["name"] for user in users if user["metadata"]["uid"] != pod["metadata"]["uid"]]
            rivals = [name for name in rivals if not name.startswith("debug")]
            assert not rivals, f"{what}: a second live pod on volume {claim}, beside {rivals}"

    def exists(self, uid: str) -> bool:
        return any(instance["metadata"]["uid"] == uid for instance in self._server.store.list(INSTANCES, ""))


def label(obj: Object, name: str) -> str | None:
    found: str | None = obj["metadata"].get("labels", {}).get(name)
    return found


def finalizers(obj: Object) -> list[str]:
    found: list[str] = obj["metadata"].get("finalizers", [])
    return found


def claims(pod: Object) -> set[str]:
    volumes: list[dict[str, Any]] = pod.get("spec", {}).get("volumes", [])
    return {one["persistentVolumeClaim"]["claimName"] for one in volumes if "persistentVolumeClaim" in one}


def is_member(obj: Object) -> bool:
    """Whether it is the pool's and nobody's."""
    return label(obj, names.LABEL_POOL) is not None and label(obj, names.LABEL_INSTANCE_UID) is None


def is_marked(obj: Object) -> bool:
    """Whether an object carries all marks of somebody's child; a copy of all of them is as good as the original."""
    uid, metadata = label(obj, names.LABEL_INSTANCE_UID), obj["metadata"]
    if label(obj, names.LABEL_MANAGED_BY) != names.MANAGED_BY:
        return False
    if obj["kind"] == kinds.NETWORK_POLICIES.kind:
        # It belongs to no single instance, so there is nothing else to tell it by.
        return True
    if uid is None:
        return False
    if obj["kind"] == kinds.PVCS.kind:
        return names.ANNOTATION_INSTANCE in metadata.get("annotations", {}) or metadata["name"].endswith(uid[:8])
    return any(owner["uid"] == uid for owner in metadata.get("ownerReferences") or ())


def request_of(volume: Object) -> int:
    """Gibibytes asked for."""
    return int(str(volume["spec"]["resources"]["requests"]["storage"]).removesuffix("Gi"))
