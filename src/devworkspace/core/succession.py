"""Which template to use instead of one that is deprecated or hidden.

A successor may have been replaced itself: people are offered the one at the end, and nothing where the way leads to no
template that they could use.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from devworkspace.api.template import WorkspaceTemplate


class Successor(NamedTuple):
    """The template at the end of the way, or the one at which it goes wrong and why."""

    name: str
    problem: Literal["Missing", "Hidden", "Circular"] | None = None


def find_successor(template: WorkspaceTemplate, lookup: Callable[[str], WorkspaceTemplate | None]) -> Successor | None:
    """The successor of a template, None where it names none; `lookup` finds a template by its name."""
    passed = {template.metadata.name}
    here = template
    while (name := here.spec.replaced_by) is not None:
        if name in passed:
            return Successor(name, "Circular")
        found = lookup(name)
        if found is None:
            return Successor(name, "Missing")
        passed.add(name)
        here = found
    if here is template:
        return None
    return Successor(here.metadata.name, "Hidden" if here.spec.state == "Hidden" else None)
