"""What a namespace looks like, without what differs from run to run."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tests.faults.direct import Object
from tests.faults.truth import Ledger

Snapshot = dict[str, Object]
"""`resource name` -> object, names and values without UIDs, versions and times."""

# Assigned by the API server or the volume's driver, different each time.
_DROPPED: Final = ("uid", "resourceVersion", "managedFields", "volumeName", "containerID")
_TIMES: Final = (
    "creationTimestamp",
    "deletionTimestamp",
    "lastTransitionTime",
    "lastProbeTime",
    "startedAt",
    "readyAt",
    "stoppedAt",
    "startTime",
    "finishedAt",
    "since",
    "months",
    "lastActivity",
    # The hours of a run begin and end soon after it does.
    "schedule",
    "devworkspace.kubesphere.io/retained-at",
    "devworkspace.kubesphere.io/claimed-at",
)
# The volume controller's own notes; some of them are left out when it is overtaken by the provisioner.
_NOTES: Final = ("volume.kubernetes.io/", "volume.beta.kubernetes.io/", "pv.kubernetes.io/")
# Digests over the instance's UID, the template's name, or the key of the run.
_HASHES: Final = (
    "devworkspace.kubesphere.io/claim",
    "devworkspace.kubesphere.io/credential-key",
    "devworkspace.kubesphere.io/inputs-hash",
    "devworkspace.kubesphere.io/pool",
    "devworkspace.kubesphere.io/pool-revision",
    "devworkspace.kubesphere.io/template-revision",
    "revision",
)
_LOCK: Final = "DEVWORKSPACE_LOCK"
_FREE: Final = re.compile(r"<free member \d+>")
# Where a pod runs on a real cluster is the scheduler's and the network's choice.
_PLACES: Final = ("podIP", "podIPs", "hostIP", "hostIPs", "clusterIP", "clusterIPs", "ip", "imageID")


def take_snapshot(ledger: Ledger) -> Snapshot:
    """All objects of the namespace; of Secrets the keys only. Events and the template's status are no part of it:

    Events are told with counts and times that depend on the order of retries, and the template is shared by whoever
    uses it. The secret oracle reads both.
    """
    rename = renamer(ledger)
    found: Snapshot = {}
    for (resource, name), item in ledger.objects.items():
        kept = {key: value for key, value in item.items() if key not in ("apiVersion", "kind")}
        if resource == "secrets":
            kept["data"] = dict.fromkeys(kept.get("data", {}), "<secret>")
        text = rename(json.dumps([f"{resource} {name}", _mask(kept, resource)], sort_keys=True))
        key, masked = json.loads(text)
        found[key] = masked
    return found


class renamer:  # noqa: N801  (a function with a memory)
    """Replaces the names that differ from run to run: namespace, template, and what contains an instance's UID.

    What was made in advance is named after who has it; which one that is, is chance. The rest of it has numbers.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._names = [*_member_names(ledger), (ledger.namespace, "<namespace>"), (ledger.template, "<template>")]
        for uid, name in ledger.instance_uids.items():
            self._names += [(uid, f"<uid of {name}>"), (uid.replace("-", "")[:8], f"<id of {name}>")]

    def __call__(self, text: str) -> str:
        for actual, general in self._names:
            text = text.replace(actual, general)
        return text


def _member_names(ledger: Ledger) -> Iterator[tuple[str, str]]:
    present = {name for _, name in ledger.objects}
    free = 0
    for member in sorted(ledger.members):
        owner = ledger.owner_of(member)
        free += owner is None and member in present
        general = f"free member {free}" if member in present else "free member"
        yield member, f"<{general if owner is None else f'member of {ledger.instance_uids[owner]}'}>"


def count_changes(ledger: Ledger) -> dict[str, tuple[int, int]]:
    """`resource name` -> how often it was created and deleted."""
    rename = renamer(ledger)
    created, deleted = (
        _add_up((_FREE.sub("<free member>", rename(" ".join(key))), count) for key, count in counter.items())
        for counter in (ledger.created, ledger.deleted)
    )
    return {key: (created[key], deleted[key]) for key in sorted(created | deleted)}


def _add_up(counts: Iterable[tuple[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for key, count in counts:
        total[key] += count
    return total


def differences(expected: Any, found: Any, path: str = "") -> list[str]:
    """Where two snapshots differ, one line for each place."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        lines = []
        for key in sorted(expected.keys() | found.keys(), key=str):
            below = f"{path}.{key}" if path else str(key)
            if key not in found:
                lines.append(f"{below} is missing, expected {_short(expected[key])}")
            elif key not in expected:
                lines.append(f"{below} is {_short(found[key])}, expected nothing")
            else:
                lines += differences(expected[key], found[key], below)
        return lines
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for number, (one, other) in pairs for line in differences(one, other, f"{path}[{number}]")]
    return [] if expected == found else [f"{path} is {_short(found)}, expected {_short(expected)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 200 else text[:200] + "…"


def _mask(value: Any, resource: str) -> Any:
    if isinstance(value, list):
        return [_mask(item, resource) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("name") == _LOCK:
        return {**value, "value": "<hash>"}
    masked = {}
    for key, item in value.items():
        if key in _DROPPED or key.startswith(_NOTES) or (key == "generation" and resource != "workspaceinstances"):
            continue
        if key in _TIMES:
            masked[key] = "<time>"
        elif key in _HASHES:
            masked[key] = "<hash>"
        elif key in _PLACES:
            masked[key] = "<place>"
        else:
            masked[key] = _mask(item, resource)
    return masked
