"""Seals, sessions and codes without a network."""

import asyncio
from typing import Any

import msgspec
import pytest

from devworkspace.api.meta import Key
from devworkspace.core.access import Identity
from devworkspace.kube.errors import Unreachable
from devworkspace.server import codes, sessions
from devworkspace.server.codes import Codes
from devworkspace.server.limits import LimitedError, Limiter
from devworkspace.server.revocations import OBJECT_NAME, SKEW_SECONDS, Revocations
from devworkspace.server.seal import Sealer
from devworkspace.server.sessions import CookieNames, Session, Sessions, Vouch, sealed_until
from devworkspace.server.shared import SharedRecord
from tests.server.fakes import Record, Shelf
from tests.server.support import Clock

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
PERSON = Identity("li.wei", ("a", "b"))
VALUE = Session(sid="s", name="n", groups=(), expires=1.0)


def make_sessions(clock: Clock, *keys: bytes, record: Record | None = None, **options: Any) -> Sessions:
    record = record or Record()
    revocations = Revocations(record, Key("system", OBJECT_NAME), clock=clock)
    record.follow(revocations)
    return Sessions(keys or (KEY,), seconds=3600, revocations=revocations, clock=clock, **options)


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
    async def test_a_session_is_read_until_it_expires(self) -> None:
        clock = Clock()
        made = make_sessions(clock)
        token, session = await made.begin(PERSON)
        assert session.identity == PERSON
        assert made.read(token) == session
        assert make_sessions(clock).read(token) == session, "another replica reads it, too"
        clock.now += 3599
        assert made.read(token) == session
        assert made.remaining(session) == 1
        clock.now += 1
        assert made.read(token) is None

    async def test_kinds_are_not_interchangeable(self) -> None:
        made = make_sessions(Clock())
        public, session = await made.begin(PERSON)
        own = made.issue_for_environment(session, uid="u")
        assert made.read_for_environment(own, uid="u") is not None
        assert made.read_for_environment(own, uid="v") is None
        assert made.read_for_environment(own, uid="") is None
        assert made.read_for_environment(public, uid="") is None
        assert made.read(own) is None

    async def test_revoking_ends_both_kinds_on_every_replica(self) -> None:
        clock, record = Clock(), Record()
        made, replica = make_sessions(clock, record=record), make_sessions(clock, record=record)
        calls: list[bool] = []
        token, session = await made.begin(PERSON)
        replica.on_revoke(lambda: calls.append(replica.is_valid(session)))
        own = made.issue_for_environment(session, uid="u")
        other, _ = await made.begin(PERSON)
        assert replica.read(token) == session
        await made.revoke(session)
        for one in (made, replica):
            assert one.read(token) is None
            assert one.read_for_environment(own, uid="u") is None
            assert one.read(other) is not None
        assert calls[-1] is False
        assert session.sid not in str(record.data), "the record tells no session id"

    async def test_everything_of_a_person_ends_and_nothing_of_others(self) -> None:
        clock, record = Clock(), Record()
        made, replica = make_sessions(clock, record=record), make_sessions(clock, record=record)
        first, _ = await made.begin(PERSON)
        clock.now += SKEW_SECONDS - 1
        second, _ = await replica.begin(PERSON)
        foreign, _ = await made.begin(Identity("zhang"))
        clock.now -= SKEW_SECONDS - 1
        await made.revoke_all(PERSON.name)
        assert [replica.read(token) for token in (first, second)] == [None, None], "a fast clock does not save one"
        assert replica.read(foreign) is not None
        for one in (made, replica):
            token, _ = await one.begin(PERSON)
            assert made.read(token) is not None, "signing in again works at once"
            assert replica.read(token) is not None
        await replica.revoke_all(PERSON.name)
        assert made.read(token) is None

    async def test_while_the_record_cannot_be_reached_nothing_begins_and_nothing_ends(self) -> None:
        record = Record()
        made = make_sessions(Clock(), record=record)
        token, session = await made.begin(PERSON)
        record.broken = True
        for refused in (made.begin(PERSON), made.revoke(session), made.revoke_all(PERSON.name)):
            with pytest.raises(Unreachable):
                await refused
        assert made.read(token) == session
        record.broken = False
        await made.revoke(session)
        assert made.read(token) is None

    async def test_opened_tokens_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sessions, "MAX_OPENED", 10)
        made = make_sessions(Clock())
        for _ in range(50):
            token, _ = await made.begin(PERSON)
            assert made.read(token) is not None
        assert len(made._public._opened) == 10

    async def test_a_providers_word_bounds_a_session_and_what_was_made_from_it(self) -> None:
        clock = Clock()
        words: dict[str, float] = {}
        made = make_sessions(clock, vouched_until=lambda item: words.get(item.sid, sealed_until(item)))
        vouch = Vouch(issuer="https://id.example.com", until=clock.now + 60, refresh="secret")
        token, session = await made.begin(Identity("ada", (), "one"), vouch)
        child = made.issue_for_environment(session, uid="u")
        assert (session.identity.subject, made.read(token)) == ("one", session)
        clock.now += 60
        assert made.read(token) is None
        assert made.read_for_environment(child, uid="u") is None
        assert made.lapsed(token) == session
        assert made.lapsed(child) is None
        assert made.lapsed_for_environment(child) == msgspec.structs.replace(session, audience="u")
        words[session.sid] = clock.now + 60
        assert made.read(token) == session
        assert made.lapsed(token) is None
        await made.revoke(session)
        assert made.read(token) is None
        words.clear()
        assert made.lapsed(token) is None, "no provider's word brings back what was signed out"
        other, _ = await made.begin(Identity("ada"), vouch)
        clock.now += 3600
        assert made.lapsed(other) is None, "nor what has ended by itself"

    def test_https_protects_the_names(self) -> None:
        assert CookieNames.for_scheme(secure=True).session == "__Host-dw-session"
        assert CookieNames.for_scheme(secure=False).session == "dw-session"


def make_codes(shelf: Shelf, clock: Clock) -> Codes:
    record = SharedRecord(shelf, Key("system", codes.RECORD_NAME), clock=clock)
    return Codes([KEY], record=record, limiter=Limiter(codes.OPEN_ALLOWANCE, monotonic=clock), clock=clock)


class TestCodes:
    async def test_every_binding_counts(self) -> None:
        clock = Clock()
        made = make_codes(Shelf(), clock)
        session = VALUE
        nonce = made.make_nonce("demo--team")
        hashed = made.hash_of_nonce(nonce, environment_id="demo--team")
        assert hashed is not None
        assert made.hash_of_nonce(nonce, environment_id="other--team") is None
        assert made.hash_of_nonce("x", environment_id="demo--team") is None
        assert made.hash_of_nonce(None, environment_id="demo--team") is None
        token = made.issue(session, uid="u", nonce_hash=hashed, path="/x")
        assert await made.redeem(token, uid="v", nonce_hash=hashed) is None
        assert await made.redeem(token, uid="", nonce_hash=hashed) is None
        assert await made.redeem(token, uid="u", nonce_hash="0" * 64) is None
        assert await made.redeem(token, uid="u", nonce_hash=None) is None
        assert await made.redeem("x", uid="u", nonce_hash=hashed) is None
        code = await made.redeem(token, uid="u", nonce_hash=hashed)
        assert code is not None
        assert (code.path, code.session) == ("/x", session)
        assert await made.redeem(token, uid="u", nonce_hash=hashed) is None, "once"
        late = made.issue(session, uid="u", nonce_hash=hashed, path="/")
        clock.now += codes.CODE_SECONDS
        assert await made.redeem(late, uid="u", nonce_hash=hashed) is None

    async def test_memory_is_bounded(self) -> None:
        clock = Clock()
        made = make_codes(Shelf(), clock)
        for _ in range(20):
            token = made.issue(VALUE, uid="u", nonce_hash="h", path="/")
            assert await made.redeem(token, uid="u", nonce_hash="h") is not None
            clock.now += 10
        assert len(made._redeemed) <= 4

    async def test_a_code_works_at_one_of_all_replicas(self) -> None:
        clock, shelf = Clock(), Shelf()
        first, second = make_codes(shelf, clock), make_codes(shelf, clock)
        for _ in range(10):
            token = first.issue(VALUE, uid="u", nonce_hash="h", path="/")
            taken = await asyncio.gather(*(made.redeem(token, uid="u", nonce_hash="h") for made in (first, second)))
            assert sorted(code is None for code in taken) == [False, True]
            ticket = second.issue_ticket(VALUE, uid="u")
            taken = await asyncio.gather(*(made.redeem_ticket(ticket, uid="u") for made in (first, second)))
            assert sorted(code is None for code in taken) == [False, True]

    async def test_without_the_api_server_a_code_is_for_its_browser_and_a_ticket_for_nobody(self) -> None:
        shelf = Shelf()
        made = make_codes(shelf, Clock())
        token, ticket = made.issue(VALUE, uid="u", nonce_hash="h", path="/"), made.issue_ticket(VALUE, uid="u")
        shelf.broken = True
        assert await made.redeem(token, uid="u", nonce_hash="other") is None
        assert await made.redeem(token, uid="u", nonce_hash="h") is not None
        assert await made.redeem(token, uid="u", nonce_hash="h") is None, "once"
        with pytest.raises(Unreachable):
            await made.redeem_ticket(ticket, uid="u")

    async def test_nobody_opens_any_number_of_them(self) -> None:
        made = make_codes(Shelf(), Clock())

        async def redeem() -> None:
            token = made.issue(VALUE, uid="u", nonce_hash="h", path="/")
            assert await made.redeem(token, uid="u", nonce_hash="h") is not None

        for _ in range(codes.OPEN_ALLOWANCE.burst):
            await redeem()
        with pytest.raises(LimitedError):
            await redeem()
