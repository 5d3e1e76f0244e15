"""Whether a node can be relied on."""

from devworkspace.api.meta import Struct
from devworkspace.api.surroundings import Node
from devworkspace.core.wording import clause


class NodeVerdict(Struct, frozen=True):
    """`exists` is False for a node that was deleted; `detail` has the cluster's words about one that is not ready."""

    ready: bool
    exists: bool = True
    detail: str = ""


def judge_node(node: Node | None) -> NodeVerdict:
    """The verdict on a node as it is in a complete copy of all nodes; None is one that is not there."""
    if node is None:
        return NodeVerdict(ready=False, exists=False, detail="it was removed from the cluster")
    ready = next((condition for condition in node.status.conditions if condition.type == "Ready"), None)
    if ready is None:
        return NodeVerdict(ready=False, detail="it has not reported yet")
    if ready.status == "True":
        return NodeVerdict(ready=True)
    return NodeVerdict(ready=False, detail=clause(ready.message) or "it does not report why")
