"""The operator's rights to its Lease, in another namespace than that of an installation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

_MANIFEST: Final = Path(__file__).parents[2] / "deploy" / "rbac.yaml"
_PLURALS: Final = {"Role": "roles", "RoleBinding": "rolebindings"}


def lease_rights(namespace: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Role and binding as they are deployed, with the plurals under which they are created in `namespace`."""
    for document in yaml.safe_load_all(_MANIFEST.read_text(encoding="utf-8")):
        if (plural := _PLURALS.get(document["kind"])) is not None:
            yield plural, {**document, "metadata": {"name": document["metadata"]["name"], "namespace": namespace}}
