"""Seals, sessions and codes without a network."""

import msgspec
import pytest

from devworkspace.core.access import Identity
from devworkspace.server import codes, sessions
from devworkspace.server.codes import Codes
from devworkspace.server.seal import Sealer
from devworkspace.server.sessions import CookieNames, Session, Sessions, Vouch, sealed_until
from tests.server.support import Clock

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
PERSON = Identity("li.wei", ("a", "b"))
VALUE = Session(sid="s", name="n", groups=(), expires=1.0)


def make_sessions(clock: Clock, *keys: bytes) -> Sessions:
    return Sessions(keys or (KEY,), seconds=3600, clock=clock)


class TestSealer:
    def test_opens_what_it_sealed(self) -> None:
        sealer = Sealer([KEY], purpose="x")
        token = sealer.seal(VALUE)
        assert sealer.open(token, Session) == VALUE
        assert "li.wei" not in token

    @pytest.mark.parametrize("broken", ["", "x", "é", "gAAAAA", "\x00"])
    def test_nothing_else(self, broken: str) -> None:
        assert Sealer([KEY], purpose="x").open(broken, Session) is None

    def test_not_a_changed_token_and_not_for_another_purpose_or_key(self) -> None:
        token = Sealer([KEY], purpose="x").seal(VALUE)
        assert Sealer([KEY], purpose="y").open(token, Session) is None
        assert Sealer([OTHER_KEY], purpose="x").open(token, Session) is None
        middle = len(token) // 2
        changed = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
        assert Sealer([KEY], purpose="x").open(changed, Session) is None
        for variant in (f'"{token}"', token + "=", token + " ", token[:-1] + "/"):
            assert Sealer([KEY], purpose="x").open(variant, Session) is None

    def test_keys_can_be_rotated(self) -> None:
        old = Sealer([OTHER_KEY], purpose="x").seal(VALUE)
        both = Sealer([KEY, OTHER_KEY], purpose="x")
        assert both.open(old, Session) == VALUE
        assert Sealer([KEY], purpose="x").open(both.seal(VALUE), Session) == VALUE


class TestSessions:
    def test_a_session_is_read_until_it_expires(self) -> None:
        clock = Clock()
        made = make_sessions(clock)
        token, session = made.issue(PERSON)
        assert session.identity == PERSON
        assert made.read(token) == session
        assert make_sessions(clock).read(token) == session, "another replica reads it, too"
        clock.now += 3599
        assert made.read(token) == session
        assert made.remaining(session) == 1
        clock.now += 1
        assert made.read(token) is None

    def test_kinds_are_not_interchangeable(self) -> None:
        made = make_sessions(Clock())
        public, session = made.issue(PERSON)
        own = made.issue_for_environment(session, uid="u")
        assert made.read_for_environment(own, uid="u") is not None
        assert made.read_for_environment(own, uid="v") is None
        assert made.read_for_environment(own, uid="") is None
        assert made.read_for_environment(public, uid="") is None
        assert made.read(own) is None

    def test_revoking_ends_both_and_calls_back(self) -> None:
        made = make_sessions(Clock())
        ended: list[str] = []
        made.on_revoke(ended.append)
        token, session = made.issue(PERSON)
        own = made.issue_for_environment(session, uid="u")
        other, _ = made.issue(PERSON)
        made.revoke(session)
        assert made.read(token) is None
        assert made.read_for_environment(own, uid="u") is None
        assert made.read(other) is not None
        assert ended == [session.sid]

    def test_memory_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sessions, "MAX_REVOKED", 10)
        monkeypatch.setattr(sessions, "MAX_OPENED", 10)
        clock = Clock()
        made = make_sessions(clock)
        for _ in range(50):
            token, session = made.issue(PERSON)
            assert made.read(token) is not None
            made.revoke(session)
        assert len(made._revoked) == 10
        assert len(made._public._opened) == 10
        clock.now += 4000
        made.revoke(made.issue(PERSON)[1])
        assert len(made._revoked) == 1, "what has expired is forgotten"

    def test_a_providers_word_bounds_a_session_and_what_was_made_from_it(self) -> None:
        clock = Clock()
        words: dict[str, float] = {}
        made = Sessions(
            [KEY], seconds=3600, clock=clock, vouched_until=lambda item: words.get(item.sid, sealed_until(item))
        )
        vouch = Vouch(issuer="https://id.example.com", until=clock.now + 60, refresh="secret")
        token, session = made.issue(Identity("ada", (), "one"), vouch)
        child = made.issue_for_environment(session, uid="u")
        assert (session.identity.subject, made.read(token)) == ("one", session)
        clock.now += 60
        assert made.read(token) is None
        assert made.read_for_environment(child, uid="u") is None
        assert made.lapsed(token) == session
        assert made.lapsed(child) == msgspec.structs.replace(session, audience="u")
        words[session.sid] = clock.now + 60
        assert made.read(token) == session
        assert made.lapsed(token) is None
        made.revoke(session)
        assert made.read(token) is None
        words.clear()
        assert made.lapsed(token) is None, "no provider's word brings back what was signed out"
        other, _ = made.issue(Identity("ada"), vouch)
        clock.now += 3600
        assert made.lapsed(other) is None, "nor what has ended by itself"

    def test_https_protects_the_names(self) -> None:
        assert CookieNames.for_scheme(secure=True).session == "__Host-dw-session"
        assert CookieNames.for_scheme(secure=False).session == "dw-session"


class TestCodes:
    def test_every_binding_counts(self) -> None:
        clock = Clock()
        made = Codes([KEY], clock=clock)
        session = VALUE
        nonce = made.make_nonce("demo--team")
        hashed = made.hash_of_nonce(nonce, environment_id="demo--team")
        assert hashed is not None
        assert made.hash_of_nonce(nonce, environment_id="other--team") is None
        assert made.hash_of_nonce("x", environment_id="demo--team") is None
        assert made.hash_of_nonce(None, environment_id="demo--team") is None
        token = made.issue(session, uid="u", nonce_hash=hashed, path="/x")
        assert made.redeem(token, uid="v", nonce_hash=hashed) is None
        assert made.redeem(token, uid="", nonce_hash=hashed) is None
        assert made.redeem(token, uid="u", nonce_hash="0" * 64) is None
        assert made.redeem(token, uid="u", nonce_hash=None) is None
        assert made.redeem("x", uid="u", nonce_hash=hashed) is None
        code = made.redeem(token, uid="u", nonce_hash=hashed)
        assert code is not None
        assert (code.path, code.session) == ("/x", session)
        assert made.redeem(token, uid="u", nonce_hash=hashed) is None, "once"
        late = made.issue(session, uid="u", nonce_hash=hashed, path="/")
        clock.now += codes.CODE_SECONDS
        assert made.redeem(late, uid="u", nonce_hash=hashed) is None

    def test_memory_is_bounded(self) -> None:
        clock = Clock()
        made = Codes([KEY], clock=clock)
        for _ in range(20):
            token = made.issue(VALUE, uid="u", nonce_hash="h", path="/")
            assert made.redeem(token, uid="u", nonce_hash="h") is not None
            clock.now += 10
        assert len(made._redeemed) <= 4
