"""What an API server does with the content of objects: selectors, merge patch, server-side apply. Pure functions.

Server-side apply here knows no schema: maps are merged, every list is replaced as one value. Ownership is a mapping
from manager to the set of leaf paths it has applied.
"""

import copy
import re
from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]
Path = tuple[str, ...]
Managers = dict[str, set[Path]]

_IDENTITY = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}


class ApplyConflict(Exception):  # noqa: N818
    """Another manager owns fields whose value would change."""

    def __init__(self, fields: list[Path]) -> None:
        self.fields = fields
        super().__init__(", ".join(".".join(field) for field in fields))


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386; returns a new value."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def leaves(value: Mapping[str, Any], prefix: Path = ()) -> dict[Path, Any]:
    """Return every value below `value` that is no map; an empty map counts as a value."""
    found: dict[Path, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            found |= leaves(inner, (*prefix, key))
        else:
            found[*prefix, key] = inner
    return found


def _lookup(value: Any, path: Path) -> Any:
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def _remove(value: dict[str, Any], path: Path) -> None:
    """Remove a leaf and the maps that become empty by it."""
    if len(path) == 1:
        value.pop(path[0], None)
    elif isinstance(inner := value.get(path[0]), dict):
        _remove(inner, path[1:])
        if not inner:
            del value[path[0]]


def _overlay(target: Any, applied: Any) -> Any:
    if not isinstance(applied, Mapping) or not isinstance(target, Mapping):
        return copy.deepcopy(applied)
    return {**target, **{key: _overlay(target.get(key), value) for key, value in applied.items()}}


def apply(
    current: Object, applied: Object, *, manager: str, managers: Managers, force: bool
) -> tuple[Object, Managers]:
    """Return the object and the ownership after `manager` applied `applied`; raises `ApplyConflict`."""
    wanted = {path: value for path, value in leaves(applied).items() if path not in _IDENTITY}
    others = {path for name, paths in managers.items() if name != manager for path in paths}
    disputed = [path for path in wanted if path in others and _lookup(current, path) != wanted[path]]
    if disputed and not force:
        raise ApplyConflict(disputed)
    result = copy.deepcopy(current)
    for path in managers.get(manager, set()) - wanted.keys() - others:
        _remove(result, path)
    result = _overlay(result, applied)
    owned = {name: paths - set(disputed) for name, paths in managers.items() if name != manager}
    return result, owned | {manager: set(wanted)}


def matches_labels(selector: str, labels: Mapping[str, str]) -> bool:
    """Evaluate a label selector: `a=b`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x,y)`, `a`, `!a`."""
    return all(
        _matches_requirement(part.strip(), labels) for part in re.split(r",(?![^(]*\))", selector) if part.strip()
    )


def _matches_requirement(text: str, labels: Mapping[str, str]) -> bool:
    if found := re.fullmatch(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)", text):
        values = {value.strip() for value in found[3].split(",")}
        return (labels.get(found[1]) in values) == (found[2] == "in")
    if found := re.fullmatch(r"([^!=\s]+)\s*(!=|==?)\s*(\S*)", text):
        return (labels.get(found[1]) == found[3]) == (found[2] != "!=")
    if text.startswith("!"):
        return text[1:] not in labels
    return text in labels


def matches_fields(selector: str, obj: Object) -> bool:
    """Evaluate a field selector of equalities over dotted paths; an absent field equals the empty string."""
    for part in filter(None, selector.split(",")):
        found = re.fullmatch(r"([^!=]+)(!=|==?)(.*)", part)
        if found is None:
            raise ValueError(f"unsupported field selector {part!r}")
        value = _lookup(obj, tuple(found[1].split(".")))
        if (str(value if value is not None else "") == found[3]) != (found[2] != "!="):
            return False
    return True


def without_status(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key != "status"}


def desired_part(obj: Object) -> Object:
    """Return what counts for `metadata.generation`: everything but metadata and status."""
    return {key: value for key, value in obj.items() if key not in {"metadata", "status"}}
