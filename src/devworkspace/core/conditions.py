"""`metav1.Condition` lists: what changes when a new finding meets an old one."""

from collections.abc import Iterable

from msgspec.structs import replace

from devworkspace.api.meta import Condition


def merge_conditions(old: Iterable[Condition], new: Iterable[Condition], *, timestamp: str) -> tuple[Condition, ...]:
    """The new conditions; one whose status did not change keeps the time of its last transition."""
    known = {condition.type: condition for condition in old}
    return tuple(
        replace(condition, last_transition_time=_transition_time(known.get(condition.type), condition, timestamp))
        for condition in new
    )


def _transition_time(old: Condition | None, new: Condition, timestamp: str) -> str:
    return old.last_transition_time if old is not None and old.status == new.status else timestamp


def find_condition(conditions: Iterable[Condition], type_: str) -> Condition | None:
    return next((condition for condition in conditions if condition.type == type_), None)
