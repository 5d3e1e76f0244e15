"""Safe start: once, on the same disk, with the installation's own editor in place of what the template says.

An environment whose command or image is broken cannot be repaired from inside. A safe start gives it an editor that is
known to work: the image of the operator's option `--safe-image`, the operator's own command, none of the template's or
the owner's variables, no repository. Size, placement, user and home stay those of the template, so that nobody gets
more by it than the template gives, and the files are there with their owner.

It is asked for by an annotation with the value of `restartedAt`. Both are written together, so that it begins as a
restart does, and any later restart, by whomever, ends it without knowing of it. A stop ends it as well: the status
notes the value, and with that value no later start is a safe one.
"""

from typing import Final

from devworkspace.api import names
from devworkspace.api.children import Pod
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.template import Environment

# The bound of the status, which repeats it; a longer value asks for nothing.
_MAX_VALUE: Final = 64

RUNS_SAFELY: Final = (
    "The editor answers, in safe mode: the template's image and settings are not used. Restart it to leave safe mode."
)


def find_safe_start(instance: WorkspaceInstance) -> str | None:
    """The value by which the present start is to be a safe one; None for all others."""
    asked = _asked(instance)
    if asked is None or asked == instance.status.ended_safe_start:
        return None
    return asked if asked == instance.metadata.annotations.get(names.ANNOTATION_RESTARTED_AT) else None


def find_ended(instance: WorkspaceInstance) -> str | None:
    """The value that counts no more, for the status: while the environment is stopped, and from then on."""
    asked = _asked(instance)
    return asked if not instance.spec.running or asked == instance.status.ended_safe_start else None


def safe_start_annotations(at: str) -> dict[str, str]:
    """What asks for a safe start; never the value of a plain restart, even of one within the same second."""
    value = f"{at}-safe"
    return {names.ANNOTATION_RESTARTED_AT: value, names.ANNOTATION_SAFE_START: value}


def is_safe(pod: Pod) -> bool:
    """Whether the pod was made by a safe start."""
    return names.ANNOTATION_SAFE_START in pod.metadata.annotations


def safe_environment(environment: Environment, image: str) -> Environment:
    """What the container is made from. The Service leads to the port; the registry may ask for the pull secrets."""
    return Environment(
        image=image,
        image_pull_secrets=environment.image_pull_secrets,
        port=environment.port,
        home_path=environment.home_path,
        run_as_user=environment.run_as_user,
        run_as_group=environment.run_as_group,
    )


def _asked(instance: WorkspaceInstance) -> str | None:
    value = instance.metadata.annotations.get(names.ANNOTATION_SAFE_START, "")
    return value if 0 < len(value) <= _MAX_VALUE else None
