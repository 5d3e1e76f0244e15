"""WorkspaceTemplate: a catalogue entry, published by an admin. Defaults are those of the CRD."""

from typing import Literal

import msgspec

from devworkspace.api import names
from devworkspace.api.meta import Condition, ObjectMeta, Struct

Quantities = dict[str, str | int]


class EnvVar(Struct, frozen=True):
    name: str
    value: str = ""


class PullSecret(Struct, frozen=True):
    name: str


class Environment(Struct, frozen=True):
    image: str
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    image_pull_secrets: tuple[PullSecret, ...] = ()
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    working_dir: str | None = None
    ide: Literal["code-server", "custom"] = "code-server"
    port: int = 8080
    health_path: str = "/healthz"
    home_path: str = "/home/dev"
    run_as_user: int = 1000
    run_as_group: int = 1000


class Resources(Struct, frozen=True):
    requests: Quantities = {}
    limits: Quantities = {}


# A namespace with a ResourceQuota accepts only pods that state both sides.
DEFAULT_RESOURCES = Resources(requests={"cpu": "100m", "memory": "256Mi"}, limits={"cpu": "2", "memory": "2Gi"})


class Storage(Struct, frozen=True):
    size: str | int = "10Gi"
    storage_class_name: str | None = None
    access_mode: Literal["ReadWriteOnce", "ReadWriteOncePod"] = "ReadWriteOnce"


class Port(Struct, frozen=True):
    name: str
    container_port: int
    protocol: Literal["TCP"] = "TCP"
    display_name: str | None = None


class AllowedOverrides(Struct, frozen=True):
    """What an instance may change.

    An absent bound on resources or storage leaves them to the namespace's quota; other images and own variables are
    allowed only where the template says so.
    """

    max_resources: Quantities | None = None
    max_storage: str | int | None = None
    images: tuple[str, ...] = ()
    env: bool = False


Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


class ScheduleRule(Struct, frozen=True):
    """Times of a week, `HH:MM` by the clocks of `time_zone`. `except_` are local dates on which it does not hold."""

    time_zone: str
    days: tuple[Day, ...] = ()
    start: str | None = None
    stop: str | None = None
    except_: tuple[str, ...] = msgspec.field(default=(), name="except")


class Lifecycle(Struct, frozen=True):
    start_timeout: str = "5m"
    idle_timeout: str | None = None
    max_run_duration: str | None = None
    max_keep_awake: str = "8h"
    schedule: tuple[ScheduleRule, ...] = ()
    delete_after_stopped: str | None = None


class Toleration(Struct, frozen=True):
    key: str | None = None
    operator: Literal["Exists", "Equal"] | None = None
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None


class Scheduling(Struct, frozen=True):
    node_selector: dict[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()
    runtime_class_name: str | None = None
    priority_class_name: str | None = None
    topology_spread: bool = False


class SelectorRequirement(Struct, frozen=True):
    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()


class LabelSelector(Struct, frozen=True):
    match_labels: dict[str, str] = {}
    match_expressions: tuple[SelectorRequirement, ...] = ()


class Access(Struct, frozen=True):
    namespace_selector: LabelSelector | None = None


class RepositoryRules(Struct, frozen=True):
    """Hosts that repositories may be cloned from, `*.example.com` for all below one; none: any."""

    allowed_hosts: tuple[str, ...] = ()


class PoolSize(Struct, frozen=True):
    """How many ready environments are kept in a namespace."""

    namespace: str
    replicas: int


class PoolHours(Struct, frozen=True):
    """Hours of a day, `HH:MM` by the clocks of `time_zone`. `except_` are local dates on which they do not hold."""

    time_zone: str
    from_: str = msgspec.field(name="from")
    to: str
    days: tuple[Day, ...] = ()
    except_: tuple[str, ...] = msgspec.field(default=(), name="except")


class WarmPool(Struct, frozen=True):
    """Ready environments that belong to nobody. Without `hours` they are kept always."""

    per_namespace: tuple[PoolSize, ...] = ()
    hours: tuple[PoolHours, ...] = ()


class Translation(Struct, frozen=True):
    """Texts in one language; what is absent is shown untranslated."""

    display_name: str | None = None
    description: str | None = None


class TemplateSpec(Struct, frozen=True):
    """`translations` are by the tag of their language."""

    display_name: str
    environment: Environment
    description: str = ""
    translations: dict[str, Translation] = {}
    icon: str | None = None
    tags: tuple[str, ...] = ()
    state: Literal["Active", "Deprecated", "Hidden"] = "Active"
    state_message: str | None = None
    replaced_by: str | None = None
    pre_pull: bool = False
    resources: Resources = DEFAULT_RESOURCES
    storage: Storage = Storage()
    ports: tuple[Port, ...] = ()
    overrides: AllowedOverrides = AllowedOverrides()
    lifecycle: Lifecycle = Lifecycle()
    scheduling: Scheduling = Scheduling()
    access: Access = Access()
    git: RepositoryRules = RepositoryRules()
    warm_pool: WarmPool = WarmPool()


class PoolStatus(Struct, frozen=True):
    """The pool of one namespace. `message` says why there are fewer than the template wants."""

    namespace: str
    wanted: int = 0
    ready: int = 0
    starting: int = 0
    message: str = ""


class PrePullStatus(Struct, frozen=True, omit_defaults=False):
    """On how many nodes the image is, and on how many it should be; 0 of 0 while that is not known.

    `message` says what keeps it from the others.
    """

    ready: int = 0
    wanted: int = 0
    message: str = ""


class TemplateStatus(Struct, frozen=True, omit_defaults=False):
    """Zeros are written out: a count that is absent would be one that nobody has made yet."""

    instances: int = 0
    running: int = 0
    outdated: int = 0
    warm: int = 0
    pools: tuple[PoolStatus, ...] = ()
    conditions: tuple[Condition, ...] = ()
    observed_generation: int = 0
    pre_pull: PrePullStatus | None = None


class ManagedFields(Struct, frozen=True):
    """When and with what somebody last wrote their part; `subresource` is `status` for the operator's."""

    manager: str = ""
    time: str = ""
    subresource: str = ""


class TemplateMeta(ObjectMeta, frozen=True):
    managed_fields: tuple[ManagedFields, ...] = ()

    @property
    def changed_at(self) -> str | None:
        """When the template itself was last written, by whomever."""
        return max((field.time for field in self._writes), default=self.creation_timestamp)

    @property
    def changed_by(self) -> str | None:
        """The person for whom the server did that; None where it was not the server, which knows nothing of others."""
        writers = {field.manager for field in self._writes if field.time == self.changed_at}
        return self.annotations.get(names.ANNOTATION_CHANGED_BY) if writers == {names.SERVER_FIELD_MANAGER} else None

    @property
    def _writes(self) -> tuple[ManagedFields, ...]:
        return tuple(field for field in self.managed_fields if field.time and not field.subresource)


class WorkspaceTemplate(Struct, frozen=True):
    metadata: TemplateMeta
    spec: TemplateSpec
    status: TemplateStatus = TemplateStatus()
