"""The decision at the door, row by row, and what must hold for every row that can exist."""

import itertools

import pytest

from devworkspace.core.access import (
    Door,
    Identity,
    Knock,
    SocketVerdict,
    Verdict,
    decide,
    decide_socket,
    has_right,
)

OWNER = Identity("li.wei", ("developers",))
OTHER = Identity("zhang.san", ("developers",))
OPEN = Door(owner="li.wei", phase="Running", reachable=True)
PAGE = Knock(navigation=True)
ASSET = Knock()
SOCKET = Knock(upgrade=True, same_origin=True)
FOREIGN_SOCKET = Knock(upgrade=True)
POST = Knock(safe_method=False, same_origin=True)
FOREIGN_POST = Knock(safe_method=False)

ROWS = {
    "the owner opens the page": (PAGE, OWNER, OPEN, False, Verdict.STREAM),
    "the owner's page loads a script": (ASSET, OWNER, OPEN, False, Verdict.STREAM),
    "the owner's page opens a socket": (SOCKET, OWNER, OPEN, False, Verdict.STREAM),
    "the owner's page posts": (POST, OWNER, OPEN, False, Verdict.STREAM),
    "a colleague with a grant opens the page": (PAGE, OTHER, OPEN, True, Verdict.STREAM),
    "a colleague without a grant": (PAGE, OTHER, OPEN, False, Verdict.NOT_FOUND),
    "nobody's environment and no grant": (PAGE, OWNER, OPEN._replace(owner=None), False, Verdict.NOT_FOUND),
    "nobody's environment with a grant": (PAGE, OWNER, OPEN._replace(owner=None), True, Verdict.STREAM),
    "an environment that does not exist": (PAGE, OWNER, None, False, Verdict.NOT_FOUND),
    "a script of an environment that does not exist": (ASSET, OWNER, None, False, Verdict.NOT_FOUND),
    "a stranger opens the page": (PAGE, None, OPEN, False, Verdict.SIGN_IN),
    "a stranger opens one that does not exist": (PAGE, None, None, False, Verdict.SIGN_IN),
    "a stranger's script": (ASSET, None, OPEN, False, Verdict.UNAUTHORIZED),
    "a stranger's socket": (SOCKET, None, OPEN, False, Verdict.UNAUTHORIZED),
    "a socket from another site": (FOREIGN_SOCKET, OWNER, OPEN, False, Verdict.FORBIDDEN),
    "a post from another site": (FOREIGN_POST, OWNER, OPEN, False, Verdict.FORBIDDEN),
    "a stranger's socket from another site": (FOREIGN_SOCKET, None, OPEN, False, Verdict.FORBIDDEN),
    "a socket from another site to nothing": (FOREIGN_SOCKET, OWNER, None, False, Verdict.FORBIDDEN),
    "waiting for resources": (PAGE, OWNER, OPEN._replace(phase="Pending"), False, Verdict.WAIT),
    "starting": (PAGE, OWNER, OPEN._replace(phase="Provisioning"), False, Verdict.WAIT),
    "not seen by the operator yet": (PAGE, OWNER, OPEN._replace(phase=None), False, Verdict.WAIT),
    "running, but its pod is not known here": (PAGE, OWNER, OPEN._replace(reachable=False), False, Verdict.WAIT),
    "stopping": (PAGE, OWNER, OPEN._replace(phase="Stopping"), False, Verdict.WAIT),
    "being deleted while running": (PAGE, OWNER, OPEN._replace(deleting=True), False, Verdict.WAIT),
    "stopped": (PAGE, OWNER, OPEN._replace(phase="Stopped"), False, Verdict.STOPPED),
    "failed": (PAGE, OWNER, OPEN._replace(phase="Failed"), False, Verdict.FAILED),
    "a socket of a stopped one": (SOCKET, OWNER, OPEN._replace(phase="Stopped"), False, Verdict.STOPPED),
}


@pytest.mark.parametrize(("knock", "identity", "door", "granted", "verdict"), ROWS.values(), ids=ROWS.keys())
def test_decide(knock: Knock, identity: Identity | None, door: Door | None, granted: bool, verdict: Verdict) -> None:
    assert decide(knock, identity=identity, door=door, granted=granted) is verdict


KNOCKS = [Knock(*flags) for flags in itertools.product((False, True), repeat=4)]
PHASES = ("Pending", "Provisioning", "Running", "Stopping", "Stopped", "Failed", None)
DOORS = [
    Door(owner, phase, reachable, deleting)  # type: ignore[arg-type]
    for owner, phase, reachable, deleting in itertools.product(("li.wei", None), PHASES, (False, True), (False, True))
]


def test_only_people_with_the_right_get_a_stream() -> None:
    for knock, identity, door, granted in itertools.product(
        KNOCKS, (OWNER, OTHER, None), [*DOORS, None], (False, True)
    ):
        verdict = decide(knock, identity=identity, door=door, granted=granted)
        if verdict is Verdict.STREAM:
            assert identity is not None and door is not None
            assert granted or identity.name == door.owner
            assert door.reachable and door.phase == "Running" and not door.deleting
            assert knock.same_origin or (knock.safe_method and not knock.upgrade)


def test_strangers_and_the_unentitled_cannot_tell_what_exists() -> None:
    for knock, door, granted in itertools.product(KNOCKS, DOORS, (False, True)):
        assert decide(knock, identity=None, door=door, granted=granted) is decide(
            knock, identity=None, door=None, granted=False
        )
        assert decide(knock, identity=OTHER, door=door, granted=False) is decide(
            knock, identity=OTHER, door=None, granted=False
        )


SOCKET_ROWS = {
    "the owner stays": (OWNER, OPEN, False, True, SocketVerdict.KEEP),
    "a colleague with a grant stays": (OTHER, OPEN, True, True, SocketVerdict.KEEP),
    "the session ended": (None, OPEN, True, True, SocketVerdict.REVOKED),
    "the grant was withdrawn": (OTHER, OPEN, False, True, SocketVerdict.REVOKED),
    "the environment is gone": (OWNER, None, False, True, SocketVerdict.GONE),
    "another pod took its place": (OWNER, OPEN, False, False, SocketVerdict.GONE),
    "a phase alone closes nothing": (OWNER, OPEN._replace(phase="Failed"), False, True, SocketVerdict.KEEP),
}


@pytest.mark.parametrize(
    ("identity", "door", "granted", "same_pod", "verdict"), SOCKET_ROWS.values(), ids=SOCKET_ROWS.keys()
)
def test_decide_socket(
    identity: Identity | None, door: Door | None, granted: bool, same_pod: bool, verdict: SocketVerdict
) -> None:
    assert decide_socket(identity, door=door, granted=granted, same_pod=same_pod) is verdict


def test_a_name_must_match_whole() -> None:
    assert has_right(OWNER, OPEN, granted=False)
    assert not has_right(OWNER, OPEN._replace(owner="li.wei2"), granted=False)
    assert not has_right(Identity(""), OPEN._replace(owner=None), granted=False)


@pytest.mark.parametrize(
    ("made_by", "asks", "theirs"),
    [
        pytest.param("", "", True, id="made without a provider, asked without one"),
        pytest.param("", "one", True, id="made on the command line, asked through the provider"),
        pytest.param("one", "one", True, id="the account that made it"),
        pytest.param("one", "two", False, id="the name was given out again"),
        pytest.param("one", "", False, id="the name without an account"),
    ],
)
def test_an_owner_is_an_account_and_not_only_a_name(made_by: str, asks: str, theirs: bool) -> None:
    identity, door = OWNER._replace(subject=asks), OPEN._replace(owner_subject=made_by)
    assert has_right(identity, door, granted=False) is theirs
    assert has_right(identity, door, granted=True), "RBAC knows names only"
