"""WorkspaceInstance: one person's environment. Defaults are those of the CRD."""

from typing import Literal

from devworkspace.api.meta import Condition, ObjectMeta, Struct
from devworkspace.api.template import EnvVar, Resources, ScheduleRule

Phase = Literal["Pending", "Provisioning", "Running", "Stopping", "Stopped", "Failed"]
DataPolicy = Literal["Retain", "Delete"]


class StorageOverride(Struct, frozen=True):
    size: str | int | None = None


class Overrides(Struct, frozen=True):
    resources: Resources = Resources()
    storage: StorageOverride = StorageOverride()
    image: str | None = None
    env: tuple[EnvVar, ...] = ()


class LifecycleOverride(Struct, frozen=True):
    idle_timeout: str | None = None
    max_run_duration: str | None = None
    schedule: tuple[ScheduleRule, ...] = ()
    keep_awake_until: str | None = None


class Repository(Struct, frozen=True):
    """What is cloned into the home; the rules of the CRD hold for each part."""

    repository: str
    ref: str | None = None
    directory: str | None = None


class InstanceSpec(Struct, frozen=True):
    template_ref: str
    running: bool = True
    owner: str | None = None
    overrides: Overrides = Overrides()
    lifecycle: LifecycleOverride = LifecycleOverride()
    git: Repository | None = None
    data_policy: DataPolicy = "Retain"
    display_name: str | None = None
    description: str | None = None


class TemplateUse(Struct, frozen=True):
    """What the running pod was built from."""

    name: str
    revision: str = ""


class UsageNow(Struct, frozen=True, omit_defaults=False):
    """What an environment takes of the cluster: by its pod's requests while that is on a node, by its volume's always.

    Whole millicores and MiB, rounded up, so that sums over time are exact.
    """

    running: bool = False
    cpu_millicores: int = 0
    memory_mebibytes: int = 0
    storage_mebibytes: int = 0


class MonthUsage(Struct, frozen=True, omit_defaults=False):
    """What came together in one month, `YYYY-MM` by UTC."""

    month: str
    running_seconds: int = 0
    cpu_millicore_seconds: int = 0
    memory_mebibyte_seconds: int = 0
    storage_mebibyte_seconds: int = 0


class Usage(Struct, frozen=True, omit_defaults=False):
    """`months` are complete up to `since`, newest first; `now` is what is taken from then on."""

    since: str
    now: UsageNow = UsageNow()
    months: tuple[MonthUsage, ...] = ()


class InstanceStatus(Struct, frozen=True):
    phase: Phase | None = None
    message: str | None = None
    url: str | None = None
    pod_name: str | None = None
    pvc_name: str | None = None
    service_name: str | None = None
    node_name: str | None = None
    started_at: str | None = None
    ready_at: str | None = None
    stopped_at: str | None = None
    last_activity: str | None = None
    stop_reason: str | None = None
    data_policy: DataPolicy | None = None
    restarts: int | None = None
    safe_mode: bool | None = None
    ended_safe_start: str | None = None
    template: TemplateUse | None = None
    usage: Usage | None = None
    conditions: tuple[Condition, ...] = ()
    observed_generation: int | None = None


class WorkspaceInstance(Struct, frozen=True):
    metadata: ObjectMeta
    spec: InstanceSpec
    status: InstanceStatus = InstanceStatus()
