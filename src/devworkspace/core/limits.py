"""How much one person may have, and whether one more environment fits.

An admin sets the limits in one ConfigMap. They bound what is made and what starts, never what runs: who is past a limit
that was lowered keeps everything and starts nothing more. What cannot be read holds everything new back, because a
typing error must not lift a limit.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, Literal, get_args

from msgspec.structs import replace

from devworkspace.api import names, reasons
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.api.meta import Struct
from devworkspace.api.template import Resources, WorkspaceTemplate
from devworkspace.core.conditions import find_condition
from devworkspace.core.quantity import parse_quantity
from devworkspace.core.resolve import Refusal, effective_resources

Measure = Literal["environments", "running", "cpu", "memory", "storage"]
Amounts = Mapping[Measure, Decimal]

MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)
# More than a control plane of three small machines takes at once without falling behind.
DEFAULT_STARTS: Final = 300

_COUNTED: Final = frozenset({"environments", "running"})
_OWNER: Final = "owner."
_IN_CLUSTER: Final = "starts.cluster"
_IN_NAMESPACE: Final = "starts.namespace"
_KEYS: Final = (*(f"{_OWNER}{measure}" for measure in MEASURES), _IN_CLUSTER, _IN_NAMESPACE)
_UNITS: Final = tuple((f"{prefix}i", Decimal(1024) ** power) for power, prefix in ((4, "T"), (3, "G"), (2, "M")))
_FREED_BY_STOP: Final = frozenset({"running", "cpu", "memory"})
# The end of what is said about one that is held.
STARTS_BY_ITSELF: Final = "It starts by itself as soon as there is room."
_WORDS: Final[Mapping[str, str]] = {
    "environments": "environments",
    "running": "running environments",
    "cpu": "CPUs of running environments",
    "memory": "memory of running environments",
    "storage": "storage of all disks",
}
_TOLD: Final = re.compile(r"([A-Za-z ]+): (\S+) of (\S+) are taken, and this needs ([^\s;)]+)")


class Limits(Struct, frozen=True):
    """`owner` bounds what the environments of one person take together, in quantities as the admin wrote them.

    `starts` environments start at the same time at most, `starts_in_namespace` of them in one namespace. `problem` is
    what cannot be read.
    """

    owner: Mapping[Measure, str] = {}
    starts: int = DEFAULT_STARTS
    starts_in_namespace: int | None = None
    problem: str = ""


def read_limits(data: Mapping[str, str]) -> Limits:
    """The limits of a ConfigMap's data; an unknown name is a typing error, and so a problem."""
    owner: dict[Measure, str] = {}
    starts: dict[str, int] = {}
    problems: list[str] = []
    for key, text in sorted(data.items()):
        measure = next((found for found in MEASURES if key == f"{_OWNER}{found}"), None)
        try:
            if measure is not None:
                owner[measure] = _read_amount(measure, text.strip())
            elif key in (_IN_CLUSTER, _IN_NAMESPACE):
                starts[key] = _read_count(text.strip(), least=1)
            else:
                problems.append(f"{key[:80]!r} is none of {', '.join(_KEYS)}")
        except ValueError as error:
            problems.append(f"{key}: {error}")
    return Limits(
        owner=owner,
        starts=starts.get(_IN_CLUSTER, DEFAULT_STARTS),
        starts_in_namespace=starts.get(_IN_NAMESPACE),
        problem="; ".join(problems)[:500],
    )


def _read_amount(measure: Measure, text: str) -> str:
    if measure in _COUNTED:
        return str(_read_count(text, least=0))
    if parse_quantity(text) < 0:
        raise ValueError(f"{text!r} is below zero")
    return text


def _read_count(text: str, *, least: int) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) < least:
        raise ValueError(f"{text[:80]!r} is not a whole number from {least} on")
    return int(text)


class Member(Struct, frozen=True):
    """One environment among those of its owner.

    `order` is by age. `has_volume`: it has its disk already. `holds`: it runs or is on its way, and nobody takes that
    from it. `storage` is the size of its disk, or of the one that it would get.
    """

    order: tuple[str, str, str]
    has_volume: bool
    wants_to_run: bool
    holds: bool
    cpu: Decimal
    memory: Decimal
    storage: Decimal


class Shortage(Struct, frozen=True):
    """A limit that does not suffice: `used` and `needs` together are more than `limit`."""

    resource: str
    used: str
    needs: str
    limit: str


def share_of(owner: str | None, namespace: str) -> str:
    """Whose limits count. What belongs to nobody is bounded as well: as if one person had all of its namespace's."""
    return f"owner/{owner}" if owner else f"namespace/{namespace}"


def instance_share(instance: WorkspaceInstance) -> str:
    return share_of(instance.spec.owner, instance.metadata.namespace)


def volume_share(volume: PersistentVolumeClaim) -> str:
    return share_of(volume.metadata.annotations.get(names.ANNOTATION_OWNER), volume.metadata.namespace)


def make_member(
    instance: WorkspaceInstance,
    template: WorkspaceTemplate | None,
    *,
    volume: PersistentVolumeClaim | None,
    holds: bool = False,
) -> Member:
    """What an environment takes, by its limits, which are the size that people choose.

    Raises ValueError for what is no quantity.
    """
    base = template.spec.resources if template is not None else Resources()
    _, limits = effective_resources(base, instance.spec.overrides.resources)
    metadata = instance.metadata
    return Member(
        order=(metadata.creation_timestamp or "", metadata.namespace, metadata.name),
        has_volume=volume is not None,
        wants_to_run=instance.spec.running and metadata.deletion_timestamp is None,
        holds=holds,
        cpu=parse_quantity(limits.get("cpu", 0)),
        memory=parse_quantity(limits.get("memory", 0)),
        storage=_storage(instance, template, volume),
    )


def _storage(
    instance: WorkspaceInstance, template: WorkspaceTemplate | None, volume: PersistentVolumeClaim | None
) -> Decimal:
    if volume is not None:
        return volume_size(volume)
    given = template.spec.storage.size if template is not None else 0
    return parse_quantity(instance.spec.overrides.storage.size or given)


def volume_size(volume: PersistentVolumeClaim) -> Decimal:
    return parse_quantity(volume.spec.resources.requests.get("storage", "0"))


def is_held_by_limit(instance: WorkspaceInstance) -> bool:
    """Whether its status says that a limit of its owner holds it back."""
    ready = find_condition(instance.status.conditions, "Ready")
    return (
        instance.spec.running
        and instance.status.phase == "Pending"
        and ready is not None
        and ready.reason in (reasons.OWNER_LIMIT_REACHED, reasons.LIMITS_UNREADABLE)
    )


def holds_share(instance: WorkspaceInstance) -> bool:
    """Whether it has been let in: it runs, starts, waits for its turn, or fails with a pod."""
    status = instance.status
    let_in = status.phase in ("Provisioning", "Running", "Failed")
    waits = status.phase == "Pending" and (status.pod_name is not None or is_queued(status))
    return instance.spec.running and instance.metadata.deletion_timestamp is None and (let_in or waits)


def is_queued(status: InstanceStatus) -> bool:
    """Whether its status says that it waits for its turn to start."""
    ready = find_condition(status.conditions, "Ready")
    return status.phase == "Pending" and ready is not None and ready.reason == reasons.START_QUEUED


def starts_anew(instance: WorkspaceInstance) -> bool:
    """Of one without a pod: whether its status still tells of the pod before, which was stopped on purpose."""
    return instance.status.phase == "Provisioning" and instance.status.node_name is not None


def ahead_of(member: Member, others: Iterable[Member]) -> list[Member]:
    """What counts before `member`: whoever has it already, and among those that wait whoever is older."""
    return [
        replace(other, wants_to_run=other.wants_to_run and (other.holds or other.order < member.order))
        for other in others
        if other.has_volume or other.holds or other.order < member.order
    ]


def add_up(members: Iterable[Member], *, kept: Decimal = Decimal(0)) -> Amounts:
    """What environments take together; `kept` is the storage of disks that environments have left behind."""
    found = list(members)
    running = [member for member in found if member.wants_to_run]
    return {
        "environments": Decimal(len(found)),
        "running": Decimal(len(running)),
        "cpu": sum((member.cpu for member in running), Decimal(0)),
        "memory": sum((member.memory for member in running), Decimal(0)),
        "storage": sum((member.storage for member in found), kept),
    }


def needs_of(member: Member, *, adopts: bool = False) -> Amounts:
    """What `member` takes beside the others; with its disk, or one that it takes over, it has its storage already."""
    runs = member.wants_to_run
    return {
        "environments": Decimal(0 if member.has_volume else 1),
        "running": Decimal(runs),
        "cpu": member.cpu if runs else Decimal(0),
        "memory": member.memory if runs else Decimal(0),
        "storage": Decimal(0) if member.has_volume or adopts else member.storage,
    }


def find_shortages(limits: Limits, *, used: Amounts, needs: Amounts) -> tuple[Shortage, ...]:
    """The limits that are too small for `needs`; what nothing more is needed of is short for nobody."""
    return tuple(
        Shortage(
            resource=measure,
            used=format_amount(measure, used[measure]),
            needs=format_amount(measure, needs[measure]),
            limit=limits.owner[measure],
        )
        for measure in MEASURES
        if measure in limits.owner
        and needs[measure] > 0
        and used[measure] + needs[measure] > parse_quantity(limits.owner[measure])
    )


def refuse(limits: Limits, shortages: tuple[Shortage, ...]) -> Refusal | None:
    """The reason and the sentence for what does not fit."""
    if limits.problem:
        message = (
            "The limits of this installation cannot be read, so that nothing new is started: "
            f"{limits.problem}. Ask an admin to correct ConfigMap {names.LIMITS_CONFIG_MAP}."
        )
        return Refusal(reasons.LIMITS_UNREADABLE, message)
    if not shortages:
        return None
    found = "; ".join(
        f"{_WORDS[short.resource]}: {short.used} of {short.limit} are taken, and this needs {short.needs}"
        for short in shortages
    )
    to_stop = any(is_freed_by_stop(short) for short in shortages)
    remedy = "Stop another one of yours" if to_stop else "Delete an environment or a kept disk of yours"
    message = f"The limit for one person is reached ({found}). {remedy}, or ask an admin for more."
    return Refusal(reasons.OWNER_LIMIT_REACHED, message)


def read_refusal(message: str) -> tuple[Shortage, ...]:
    """The numbers in a sentence of `refuse`, for those who tell them in another language."""
    measures = {words: measure for measure, words in _WORDS.items()}
    return tuple(
        Shortage(resource=measures[words.strip()], used=used, needs=needs, limit=limit)
        for words, used, limit, needs in _TOLD.findall(message)
        if words.strip() in measures
    )


def is_freed_by_stop(shortage: Shortage) -> bool:
    """Whether an environment that stops gives some of it back."""
    return shortage.resource in _FREED_BY_STOP


def format_amount(measure: Measure, value: Decimal) -> str:
    """A count, cores, or bytes in the largest unit that fits, to two places."""
    if measure in ("memory", "storage"):
        for unit, factor in _UNITS:
            if value >= factor:
                return f"{_short(value / factor)}{unit}"
    return _short(value)


def _short(value: Decimal) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
