"""What stands around instances: Warning Events, nodes, ConfigMaps; trimmed to what the product reads."""

from devworkspace.api.meta import ObjectMeta, Struct


class InvolvedObject(Struct, frozen=True):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""


class EventSeries(Struct, frozen=True):
    count: int = 0
    last_observed_time: str | None = None


class Event(Struct, frozen=True):
    """An Event of the core API. Which of its times are set depends on the library that sent it."""

    metadata: ObjectMeta
    involved_object: InvolvedObject = InvolvedObject()
    type: str = "Normal"
    reason: str = ""
    message: str = ""
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: EventSeries | None = None


class NodeCondition(Struct, frozen=True):
    type: str
    status: str
    message: str = ""


class NodeStatus(Struct, frozen=True):
    conditions: tuple[NodeCondition, ...] = ()


class Node(Struct, frozen=True):
    metadata: ObjectMeta
    status: NodeStatus = NodeStatus()


class ConfigMap(Struct, frozen=True):
    metadata: ObjectMeta
    data: dict[str, str] = {}
