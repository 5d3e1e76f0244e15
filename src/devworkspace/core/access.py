"""Who gets through the door: one decision for HTTP, WebSocket, the list and the re-check of open sockets.

Facts come in as values: who asks, how the request looks, what the environment is, and what the API server said about
the person's rights. The order of the checks is the security argument:

1. a request that another site made the browser send is refused before anything about the environment is looked at;
2. a stranger learns only that signing in is necessary, whether the environment exists or not;
3. a person without the right gets the same answer as for an environment that does not exist;
4. only then does the phase decide.
"""

import enum
from typing import NamedTuple, Protocol

from devworkspace.api.instance import Phase


class Secret(str):
    """A text that is not shown when a value that holds it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"


class Identity(NamedTuple):
    """A signed-in person as Kubernetes' RBAC sees them.

    `subject` stands for the account at the identity provider, which a user name that is given out again does not;
    empty for accounts without one. `token` is the person's own, with which KubeSphere is asked what they may do.
    """

    name: str
    groups: tuple[str, ...] = ()
    subject: str = ""
    token: Secret = Secret("")


class Knock(NamedTuple):
    """How a request looks, as far as it matters for access.

    `navigation`: a page is opened at the top level. `deliberate`: by a person who typed, reloaded or clicked on a page
    of ours, so that it may cost something. `same_origin`: the request provably comes from a page of the very host it
    goes to; only asked of upgrades and of methods that change something.
    """

    navigation: bool = False
    deliberate: bool = False
    upgrade: bool = False
    safe_method: bool = True
    same_origin: bool = False


class Door(NamedTuple):
    """What the decision needs to know about an environment. `reachable`: its pod's address and port are known."""

    owner: str | None
    phase: Phase | None
    reachable: bool
    deleting: bool = False
    owner_subject: str = ""


class Owned(Protocol):
    """What belongs to somebody: a user name and, if it was made through an identity provider, the account there."""

    @property
    def owner(self) -> str | None: ...
    @property
    def owner_subject(self) -> str: ...


class Verdict(enum.Enum):
    STREAM = "stream"
    FORBIDDEN = "forbidden"
    SIGN_IN = "sign-in"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not-found"
    WAIT = "wait"
    START = "start"
    STOPPED = "stopped"
    FAILED = "failed"


class SocketVerdict(enum.Enum):
    KEEP = "keep"
    REVOKED = "revoked"
    GONE = "gone"


def has_right(identity: Identity, owned: Owned, *, granted: bool) -> bool:
    """The owner has every right, others have those that RBAC grants for this one environment."""
    return granted or is_owner(identity, owned)


def is_owner(identity: Identity, owned: Owned) -> bool:
    """Whether it is theirs. The same name on another account is another person: names are given out again."""
    if owned.owner is None or owned.owner != identity.name:
        return False
    return owned.owner_subject in ("", identity.subject)


def decide(
    knock: Knock, *, identity: Identity | None, door: Door | None, granted: bool, may_manage: bool = False
) -> Verdict:
    """What to do with a request for an environment.

    `identity` is None for strangers, `door` is None when no such environment exists, `granted` is RBAC's answer (False
    if it was not asked or could not answer). `may_manage`: the person may start it, see `asks_to_start`.
    """
    if (knock.upgrade or not knock.safe_method) and not knock.same_origin:
        return Verdict.FORBIDDEN
    if identity is None:
        return Verdict.SIGN_IN if knock.navigation else Verdict.UNAUTHORIZED
    if door is None or not has_right(identity, door, granted=granted):
        return Verdict.NOT_FOUND
    if may_manage and asks_to_start(knock, door):
        return Verdict.START
    return _by_phase(door)


def asks_to_start(knock: Knock, door: Door | None) -> bool:
    """Whether a request would start a stopped environment, if its sender may.

    Only a person's deliberate opening does: tabs that were left open, sockets that dial again, prefetching browsers and
    pages of other sites would otherwise keep an environment running that nobody uses.
    """
    return door is not None and door.phase == "Stopped" and not door.deleting and knock.deliberate


def _by_phase(door: Door) -> Verdict:
    if door.deleting:
        return Verdict.WAIT
    if door.phase == "Running":
        return Verdict.STREAM if door.reachable else Verdict.WAIT
    if door.phase == "Stopped":
        return Verdict.STOPPED
    if door.phase == "Failed":
        return Verdict.FAILED
    return Verdict.WAIT


def decide_socket(identity: Identity | None, *, door: Door | None, granted: bool, same_pod: bool) -> SocketVerdict:
    """Whether an open socket may stay open; `identity` is None once its session ended or was revoked.

    A socket outlives a phase change to Failed or Stopping as long as its pod answers: the pod's end closes it.
    """
    if identity is None:
        return SocketVerdict.REVOKED
    if door is None or not same_pod:
        return SocketVerdict.GONE
    if not has_right(identity, door, granted=granted):
        return SocketVerdict.REVOKED
    return SocketVerdict.KEEP
