"""What an environment says of itself, in the language of the shell."""

from devworkspace.api.instance import InstanceStatus
from devworkspace.cli.language import language
from devworkspace.core.conditions import find_condition
from devworkspace.server.pages.texts import reason_title, status_sentence


def told(status: InstanceStatus) -> str | None:
    """The operator's sentence; None where it has said none yet."""
    if status.message is None:
        return None
    ready = find_condition(status.conditions, "Ready")
    return told_reason(ready.reason if ready is not None else "", status.message)


def told_reason(reason: str, message: str) -> str:
    """The sentence; in Chinese the catalogue's, or its title before details that exist in English only."""
    sentence = status_sentence(reason, message, language())
    title = reason_title(reason, language())
    return sentence if language() == "en" or sentence != message or title is None else f"{title}：{sentence}"
