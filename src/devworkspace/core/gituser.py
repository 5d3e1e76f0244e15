"""As whom Git commits in an environment: `Name <e-mail>` on the instance, a file of Git's settings in its pod."""

import re
from typing import Final

from devworkspace.api.meta import Struct

# Git itself knows no name or address with these in it.
NAME_PATTERN: Final = r"^[^\s<>\x00-\x1f\x7f][^<>\x00-\x1f\x7f]*$"
EMAIL_PATTERN: Final = r"^[^\s<>\x00-\x1f\x7f]+$"
_IDENTITY: Final = re.compile(r"([^<>\x00-\x1f\x7f]+) <([^<>\s\x00-\x1f\x7f]+)>")


class GitUser(Struct, frozen=True):
    """Author and committer of what is committed."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


def parse_git_user(text: str) -> GitUser | None:
    """None where it is not in Git's own form."""
    found = _IDENTITY.fullmatch(text)
    return GitUser(found[1], found[2]) if found is not None else None


def git_settings(user: GitUser) -> str:
    """A file that Git includes; what somebody sets themselves goes before it."""
    return f"[user]\n\tname = {_quoted(user.name)}\n\temail = {_quoted(user.email)}\n"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
