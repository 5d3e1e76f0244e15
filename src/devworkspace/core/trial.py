"""A template that is tried before it is published: how it is marked, and what of a draft is tried."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from devworkspace.api import names
from devworkspace.api.meta import ObjectMeta
from devworkspace.core.timestamps import parse_timestamp

LIFETIME: Final = timedelta(hours=1)
# Between a template and its environment lies one request; the rest is for clocks that differ.
ORPHAN_AGE: Final = timedelta(minutes=2)
NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
# What would bring the template to people or nodes that have no part in the trial, or end it before its time.
_LEFT_OUT: Final = frozenset({"state", "stateMessage", "replacedBy", "access", "warmPool", "prePull"})
_LEFT_OUT_OF_LIFECYCLE: Final = frozenset({"schedule", "deleteAfterStopped"})


def is_trial(metadata: ObjectMeta) -> bool:
    return metadata.labels.get(names.LABEL_TRIAL) == "true"


def is_over(metadata: ObjectMeta, age: timedelta, *, now: datetime) -> bool:
    """Whether what is not being deleted yet has been there for longer than `age`."""
    made = metadata.creation_timestamp
    return metadata.deletion_timestamp is None and made is not None and now - parse_timestamp(made) > age


def trial_spec(spec: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """The draft as it is tried: it makes the same pod, and nobody outside of the namespace can use it."""
    kept = {field: value for field, value in spec.items() if field not in _LEFT_OUT}
    lifecycle = kept.get("lifecycle")
    if isinstance(lifecycle, dict):
        kept["lifecycle"] = {field: value for field, value in lifecycle.items() if field not in _LEFT_OUT_OF_LIFECYCLE}
    return {**kept, "access": {"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: namespace}}}}
