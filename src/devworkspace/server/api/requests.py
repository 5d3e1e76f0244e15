"""What people send to make or change an environment, and the instance that it becomes."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from devworkspace.api import names
from devworkspace.api.instance import DataPolicy
from devworkspace.api.template import ScheduleRule
from devworkspace.core.gituser import EMAIL_PATTERN, NAME_PATTERN, GitUser

Quantity = Annotated[str, Meta(min_length=1, max_length=32)]
Text = Annotated[str, Meta(max_length=253)]
DisplayName = Annotated[str, Meta(min_length=1, max_length=64)]
Description = Annotated[str, Meta(max_length=1024)]
Image = Annotated[str, Meta(min_length=1, max_length=512)]
Duration = Annotated[str, Meta(min_length=2, max_length=32)]
MAX_VARIABLES: Final = 64
MAX_RULES: Final = 16


class Variable(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    value: Annotated[str, Meta(max_length=4096)] = ""


class Hours(ScheduleRule, frozen=True, forbid_unknown_fields=True):
    """Times of a week at which it is started and stopped, `HH:MM` by the clocks of `timeZone`."""


Schedule = Annotated[tuple[Hours, ...], Meta(max_length=MAX_RULES)]


class GitUserRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Author and committer of what is committed in it, unless its owner sets others there."""

    name: Annotated[str, Meta(max_length=128, pattern=NAME_PATTERN)]
    email: Annotated[str, Meta(max_length=254, pattern=EMAIL_PATTERN)]


class GitRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """What is cloned into its home, by https or http and without a password; `directory` is the folder's name there."""

    repository: Annotated[str, Meta(min_length=1, max_length=512)]
    ref: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    directory: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


class EnvironmentRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A new environment. The cluster's own rules check it; what is left out is the template's."""

    name: Annotated[str, Meta(min_length=1, max_length=63)]
    template: Annotated[str, Meta(min_length=1, max_length=63)]
    display_name: DisplayName | None = None
    description: Description | None = None
    owner: Annotated[str, Meta(min_length=1, max_length=253)] | None = None
    cpu: Quantity | None = None
    memory: Quantity | None = None
    storage: Quantity | None = None
    image: Image | None = None
    variables: Annotated[tuple[Variable, ...], Meta(max_length=MAX_VARIABLES)] = ()
    idle_timeout: Duration | None = None
    max_run_duration: Duration | None = None
    schedule: Schedule | None = None
    data_policy: DataPolicy = "Retain"
    adopt_volume: Text | None = None
    git_user: GitUserRequest | None = None
    git: GitRequest | None = None
    running: bool = True


class EnvironmentPatch(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What is to change; what is left out stays, null goes back to the template's. Disks only grow.

    Size, image and variables take effect at the next start; nothing that runs is disturbed.
    """

    display_name: DisplayName | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    cpu: Quantity | UnsetType | None = UNSET
    memory: Quantity | UnsetType | None = UNSET
    storage: Quantity | UnsetType = UNSET
    image: Image | UnsetType | None = UNSET
    variables: Annotated[tuple[Variable, ...], Meta(max_length=MAX_VARIABLES)] | UnsetType = UNSET
    idle_timeout: Duration | UnsetType | None = UNSET
    max_run_duration: Duration | UnsetType | None = UNSET
    schedule: Schedule | UnsetType | None = UNSET
    data_policy: DataPolicy | UnsetType = UNSET
    paused: bool | UnsetType = UNSET


# Where a field of a request stands in the spec of an instance.
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "display_name": ("displayName",),
    "description": ("description",),
    "data_policy": ("dataPolicy",),
    "cpu": ("overrides", "resources", "limits", "cpu"),
    "memory": ("overrides", "resources", "limits", "memory"),
    "storage": ("overrides", "storage", "size"),
    "image": ("overrides", "image"),
    "idle_timeout": ("lifecycle", "idleTimeout"),
    "max_run_duration": ("lifecycle", "maxRunDuration"),
    "schedule": ("lifecycle", "schedule"),
}


def instance_body(wanted: EnvironmentRequest, *, namespace: str, owner: str, subject: str) -> dict[str, Any]:
    """The instance that a request asks for; `owner` and the owner's account `subject` are decided by then."""
    spec: dict[str, Any] = {"templateRef": wanted.template, "owner": owner, "running": wanted.running}
    for field, place in _PLACES.items():
        value = getattr(wanted, field)
        if value is not None:
            _put(spec, place, msgspec.to_builtins(value))
    if wanted.variables:
        _put(spec, ("overrides", "env"), _variables(wanted.variables))
    if wanted.git is not None:
        spec["git"] = msgspec.to_builtins(wanted.git)
    annotations = {
        **({names.ANNOTATION_ADOPT_VOLUME: wanted.adopt_volume} if wanted.adopt_volume else {}),
        **({names.ANNOTATION_OWNER_SUBJECT: subject} if subject else {}),
        **({names.ANNOTATION_GIT_USER: _identity(wanted.git_user)} if wanted.git_user is not None else {}),
    }
    return {"metadata": {"name": wanted.name, "namespace": namespace, "annotations": annotations}, "spec": spec}


def instance_patch(wanted: EnvironmentPatch) -> dict[str, Any]:
    """A JSON merge patch; empty if nothing is to change."""
    spec: dict[str, Any] = {}
    for field, place in _PLACES.items():
        value = getattr(wanted, field)
        if value is not UNSET:
            _put(spec, place, msgspec.to_builtins(value))
    if wanted.variables is not UNSET:
        _put(spec, ("overrides", "env"), _variables(wanted.variables) or None)
    patch: dict[str, Any] = {"spec": spec} if spec else {}
    if wanted.paused is not UNSET:
        patch["metadata"] = {"annotations": {names.ANNOTATION_PAUSED: "true" if wanted.paused else None}}
    return patch


def merged(value: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7396), as the API server will do it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), change)
    return result


def touched(patch: Mapping[str, Any], *, prefix: str = "") -> frozenset[str]:
    """Paths of what a patch changes, as `spec.overrides.image`; a list is one value."""
    paths: set[str] = set()
    for name, change in patch.items():
        path = f"{prefix}{name}"
        paths |= touched(change, prefix=f"{path}.") if isinstance(change, dict) else {path}
    return frozenset(paths)


def _identity(user: GitUserRequest) -> str:
    # The patterns let a line end through at the end.
    return str(GitUser(user.name.strip(), user.email.strip()))


def _variables(wanted: Sequence[Variable]) -> list[dict[str, str]]:
    return [{"name": variable.name, "value": variable.value} for variable in wanted]


def _put(target: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for name in place[:-1]:
        target = target.setdefault(name, {})
    target[place[-1]] = value
