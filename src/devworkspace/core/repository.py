"""The Git repository of an environment: where it may come from, what its pod is told, and what the pod says of it.

The rules for its parts are in the CRD. The pod clones it (images/base/rootfs/usr/local/bin/devworkspace-repository).
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from devworkspace.api.instance import Repository
from devworkspace.api.meta import Struct
from devworkspace.core.timestamps import format_timestamp

State = Literal["cloning", "cloned", "failed"]
FailureReason = Literal[
    "login-required", "not-found", "unreachable", "ref-not-found", "disk-full", "directory-exists", "other"
]
# What the pod writes: a message of 500 bytes, a branch of 250, and escapes.
MAX_STATE_BYTES: Final = 4096
_NO_PART_OF_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_DIRECTORY: Final = 64
_UNNAMED: Final = "repository"


class RepositoryState(Struct, frozen=True):
    """What a pod says of its repository. Counts end at 1000; None: not known. `as_of` is when it looked."""

    state: State
    as_of: str
    reason: FailureReason | None = None
    message: str = ""
    branch: str | None = None
    changed_files: int | None = None
    unpushed_commits: int | None = None


class _Told(Struct, frozen=True):
    """The pod's own words: it is its user's, who may send what they like."""

    state: State
    as_of: Annotated[int, Meta(ge=0, le=9_999_999_999)]
    reason: FailureReason | None = None
    message: Annotated[str, Meta(max_length=500)] = ""
    branch: Annotated[str, Meta(max_length=250)] | None = None
    changed_files: Annotated[int, Meta(ge=0, le=1000)] | None = None
    unpushed_commits: Annotated[int, Meta(ge=0, le=1000)] | None = None


def directory_of(repository: Repository) -> str:
    """The name of its folder below the home: as wished, else the last part of the address."""
    if repository.directory is not None:
        return repository.directory
    last = urlsplit(repository.repository).path.rstrip("/").rpartition("/")[2].removesuffix(".git")
    name = _NO_PART_OF_A_NAME.sub("-", last).lstrip(".-")[:_MAX_DIRECTORY]
    return name or _UNNAMED


def is_host_allowed(repository: str, allowed: tuple[str, ...]) -> bool:
    """Whether the address is on one of the hosts; `*.example.com` are all below that, and not itself."""
    host = host_of(repository)
    return not allowed or any(
        host.endswith(pattern.removeprefix("*")) if pattern.startswith("*.") else host == pattern for pattern in allowed
    )


def host_of(repository: str) -> str:
    """In lower case, without the port."""
    return urlsplit(repository).hostname or ""


def repository_file(repository: Repository) -> str:
    """What the pod is told: JSON on one line, in which no value needs an escape."""
    told = Repository(repository.repository, repository.ref, directory_of(repository))
    return msgspec.json.encode(told).decode()


def parse_repository_state(body: bytes) -> RepositoryState | None:
    """None for anything but what the program in our images writes."""
    try:
        told = msgspec.json.decode(body, type=_Told)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return RepositoryState(
        state=told.state,
        as_of=format_timestamp(datetime.fromtimestamp(told.as_of, UTC)),
        reason=(told.reason or "other") if told.state == "failed" else None,
        message=told.message,
        branch=told.branch,
        changed_files=told.changed_files,
        unpushed_commits=told.unpushed_commits,
    )
