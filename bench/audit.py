"""The operator's writes as the API server's audit log has them: nobody counts for himself here."""

import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devworkspace.api import names

_OPERATOR: Final = f"system:serviceaccount:{names.SYSTEM_NAMESPACE}:devworkspace-operator"
_WRITES: Final = ("create", "update", "patch", "delete", "deletecollection")
# Renewals of the Lease and Kubernetes Events are written at their own pace and change no environment.
_NOT_COUNTED: Final = ("leases", "events")
_CHILDREN: Final = ("pods", "persistentvolumeclaims", "services", "secrets", "networkpolicies")
# One policy for a namespace, one status for a template, whatever the number of environments.
_SHARED: Final = ("networkpolicies", "ideworkspacetemplates/status")


@dataclass(frozen=True)
class Write:
    """One answered write of the operator; `resource` is `pods`, `workspaceinstances/status` and so on."""

    verb: str
    resource: str
    namespace: str
    name: str

    @property
    def is_to_child(self) -> bool:
        """Whether it changed what an environment is made of, and not only what is told about it."""
        return self.resource.partition("/")[0] in _CHILDREN

    @property
    def is_shared(self) -> bool:
        """Whether it was for no single environment."""
        return self.resource in _SHARED


class AuditLog:
    """The operator's writes, from the API server's own record. `mark` sets the point from which `writes` counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.mark()

    def mark(self) -> None:
        stat = self._path.stat()
        self._inode, self._offset = stat.st_ino, stat.st_size

    def writes(self) -> list[Write]:
        """What the operator wrote since the mark; refused writes are not counted, Lease and Events neither."""
        return [write for line in self._lines() if (write := _write(line)) is not None]

    def _lines(self) -> Iterator[bytes]:
        # The API server sets a full log aside under a name with the time in it.
        files = [*sorted(self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}")), self._path]
        inodes = [file.stat().st_ino for file in files]
        if self._inode not in inodes:
            raise RuntimeError("the audit log was rotated away; the writes cannot be counted")
        first = inodes.index(self._inode)
        for number, file in enumerate(files[first:]):
            with file.open("rb") as lines:
                lines.seek(self._offset if number == 0 else 0)
                yield from lines


def _write(line: bytes) -> Write | None:
    # The last line may be under way.
    if _OPERATOR.encode() not in line or not line.endswith(b"\n"):
        return None
    event = json.loads(line)
    target, verb = event.get("objectRef", {}), event["verb"]
    if event["user"]["username"] != _OPERATOR or verb not in _WRITES or event["stage"] != "ResponseComplete":
        return None
    if target["resource"] in _NOT_COUNTED or event["responseStatus"]["code"] >= 300:
        return None
    resource = "/".join(part for part in (target["resource"], target.get("subresource")) if part)
    return Write(verb, resource, target.get("namespace", ""), target.get("name", ""))


def count(writes: Collection[Write]) -> dict[str, int]:
    """How many there are of each verb and resource."""
    return dict(sorted(Counter(f"{write.verb} {write.resource}" for write in writes).items()))
