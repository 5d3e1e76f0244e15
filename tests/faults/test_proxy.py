"""The proxy does what a plan says, and nothing else: our own client behind it, the fake API server before it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devworkspace.kube.client import Client
from devworkspace.kube.config import Endpoint
from devworkspace.kube.errors import Conflict, DecodeError, Gone, NotFound, TooManyRequests, Unreachable
from devworkspace.kube.resource import PODS
from devworkspace.kube.transport import RetryPolicy
from tests.faults.pki import Authority, make_authority
from tests.faults.plan import Action, Fault, Match, Plan, When
from tests.faults.proxy import FaultProxy
from tests.faults.worldclock import WorldClock
from tests.kube.kinds import Thing, key, thing
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fixtures import eventually

READ = Match(verb="get", resource="pods")
WRITE = Match(verb="apply", resource="pods")
BODY = thing("a")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return make_authority()


class Setting:
    def __init__(self, server: FakeApiServer, proxy: FaultProxy, client: Client, senders: "list[Sender]") -> None:
        self.server = server
        self.proxy = proxy
        self.client = client
        self.senders = senders

    async def read(self) -> Thing:
        return await self.client.get(PODS, key("a"), Thing)

    async def exists(self, name: str) -> bool:
        """Asks the API server itself."""
        async with Client(self.server.endpoint, field_manager="truth") as direct:
            try:
                await direct.get(PODS, key(name), Thing)
            except NotFound:
                return False
            return True


class Sender:
    """Our client in the place of an operator's process."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.paused: list[bool] = []

    async def kill(self) -> None:
        await self.client.__aexit__(None, None, None)

    def pause(self) -> None:
        self.paused.append(True)

    def resume(self) -> None:
        self.paused.append(False)


@asynccontextmanager
async def behind_proxy(
    authority: Authority, *faults: Fault, timeout: float = 30.0, clock: WorldClock | None = None
) -> AsyncIterator[Setting]:
    """With a second door, for `overtaking`."""
    senders: list[Sender] = []
    async with (
        FakeApiServer() as server,
        FaultProxy(
            server.endpoint,
            authority=authority,
            plan=Plan(id="test", faults=faults),
            namespace="team",
            template="base",
            operators=senders,
            doors=2,
            clock=clock,
        ) as proxy,
    ):
        server.put(PODS, BODY)
        context = ssl.create_default_context(cadata=authority.certificate.decode())
        clients = [
            Client(
                Endpoint(server=url, ssl=context),
                field_manager="test",
                retry=RetryPolicy(attempts=1),
                timeout=timeout,
            )
            for url in proxy.urls
        ]
        senders += [Sender(client) for client in clients]
        async with clients[0], clients[1]:
            yield Setting(server, proxy, clients[0], senders)


def fault(
    action: Action,
    *,
    when: When = "before_commit",
    match: Match = READ,
    status: int = 0,
    retry_after: int | None = None,
) -> Fault:
    return Fault(match=match, when=when, action=action, status=status, retry_after=retry_after)


async def test_without_a_fault_everything_passes(authority: Authority) -> None:
    async with behind_proxy(authority) as setting:
        assert (await setting.read()).metadata.name == "a"
        await setting.client.apply(PODS, thing("b"), Thing)
        assert await setting.exists("b")
        assert [str(write.request) for write in setting.proxy.writes] == ["apply pods b"]


async def test_only_its_own_namespace_is_seen(authority: Authority) -> None:
    async with behind_proxy(authority) as setting:
        setting.server.put(PODS, thing("foreign", namespace="other"))
        listing = await setting.client.list(PODS, Thing)
        assert [item.metadata.name for item in listing.items] == ["a"]


@pytest.mark.parametrize(
    ("status", "error"), [(409, Conflict), (410, Gone), (429, TooManyRequests)], ids=["409", "410", "429"]
)
async def test_a_refusal_comes_once(authority: Authority, status: int, error: type[Exception]) -> None:
    async with behind_proxy(authority, fault("status", status=status, retry_after=7)) as setting:
        with pytest.raises(error) as caught:
            await setting.read()
        assert getattr(caught.value, "retry_after", None) == 7
        await setting.read()


async def test_a_refused_write_never_reaches_the_api_server(authority: Authority) -> None:
    async with behind_proxy(authority, fault("status", match=WRITE, status=409)) as setting:
        with pytest.raises(Conflict):
            await setting.client.apply(PODS, thing("b"), Thing)
        assert not await setting.exists("b")


@pytest.mark.parametrize(("when", "committed"), [("before_commit", False), ("after_commit", True)])
async def test_a_dropped_connection_leaves_the_write_undone_or_done(
    authority: Authority, when: When, committed: bool
) -> None:
    async with behind_proxy(authority, fault("drop", match=WRITE, when=when)) as setting:
        with pytest.raises(Unreachable):
            await setting.client.apply(PODS, thing("b"), Thing)
        assert await setting.exists("b") is committed


@pytest.mark.parametrize(("when", "committed"), [("before_commit", False), ("after_commit", True)])
async def test_a_crash_comes_before_or_after_the_commit(authority: Authority, when: When, committed: bool) -> None:
    async with behind_proxy(authority, fault("kill", match=WRITE, when=when)) as setting:
        with pytest.raises((Unreachable, RuntimeError)):
            await setting.client.apply(PODS, thing("b"), Thing)
        assert await setting.exists("b") is committed
        assert not setting.proxy.trigger.missing


async def test_a_request_that_hangs_ends_by_the_clients_patience(authority: Authority) -> None:
    async with behind_proxy(authority, fault("hang"), timeout=2.0) as setting:
        with pytest.raises(Unreachable, match="no answer in time"):
            await setting.read()
        await setting.read()


async def test_half_an_answer_is_no_json(authority: Authority) -> None:
    async with behind_proxy(authority, fault("truncate", when="on_reply")) as setting:
        with pytest.raises(DecodeError):
            await setting.read()
        await setting.read()


async def names_from_watch(setting: Setting, version: str, *, count: int) -> list[str]:
    events = setting.client.watch(PODS, Thing, resource_version=version)
    found: list[str] = []
    async with aclosing(events), asyncio.timeout(30):
        async for event in events:
            if event.kind != "BOOKMARK":
                found.append(event.metadata.name)
            if len(found) == count:
                break
    return found


async def list_then_put(setting: Setting, *names: str) -> str:
    version = (await setting.client.list(PODS, Thing)).resource_version
    for name in names:
        setting.server.put(PODS, thing(name))
    return version


WATCH = Match(verb="watch", resource="pods")


@pytest.mark.parametrize(("action", "seen"), [("drop_line", ["b", "d"]), ("replay_line", ["b", "c", "b", "c", "d"])])
async def test_a_watch_line_is_lost_or_comes_again(authority: Authority, action: Action, seen: list[str]) -> None:
    second = Fault(match=WATCH, when="on_watch_line", action=action, line=2)
    async with behind_proxy(authority, second) as setting:
        version = await list_then_put(setting, "b", "c", "d")
        assert await names_from_watch(setting, version, count=len(seen)) == seen
        assert not setting.proxy.trigger.missing


async def test_half_a_watch_line_ends_the_watch(authority: Authority) -> None:
    second = Fault(match=WATCH, when="on_watch_line", action="truncate", line=2)
    async with behind_proxy(authority, second) as setting:
        version = await list_then_put(setting, "b", "c")
        assert await names_from_watch(setting, version, count=2) == ["b"]


async def trigger_while_watching(setting: Setting) -> list[str]:
    """The names that a watch sees around a write which the fault waits for."""
    version = (await setting.client.list(PODS, Thing)).resource_version
    watching = asyncio.create_task(names_from_watch(setting, version, count=2))
    async with asyncio.timeout(30):
        while not setting.proxy.watching:
            await asyncio.sleep(0.01)
    await setting.client.apply(PODS, thing("b"), Thing)
    setting.server.put(PODS, thing("c"))
    return await watching


@pytest.mark.parametrize(("action", "error"), [("cut", Unreachable), ("gone", Gone)])
async def test_a_write_ends_the_open_watches(authority: Authority, action: Action, error: type[Exception]) -> None:
    ending = Fault(match=WRITE, when="before_commit", action=action, target="pods")
    async with behind_proxy(authority, ending) as setting:
        with pytest.raises(error):
            await trigger_while_watching(setting)


async def test_a_frozen_watch_stays_open_and_says_nothing(authority: Authority) -> None:
    freezing = Fault(match=WRITE, when="before_commit", action="freeze", target="*")
    async with behind_proxy(authority, freezing) as setting:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await trigger_while_watching(setting)


async def test_a_held_watch_says_everything_later(authority: Authority) -> None:
    holding = Fault(match=WRITE, when="before_commit", action="hold", target="pods", seconds=0.2)
    async with behind_proxy(authority, holding) as setting:
        assert await trigger_while_watching(setting) == ["b", "c"]


async def test_a_stale_list_shows_what_was_there_before_the_write(authority: Authority) -> None:
    stale = Fault(match=WRITE, when="after_commit", action="stale", target="pods")
    async with behind_proxy(authority, stale) as setting:
        await setting.client.list(PODS, Thing)
        await setting.client.apply(PODS, thing("b"), Thing)
        await setting.client.list(PODS, Thing, metadata_only=True)
        names = [[item.metadata.name for item in (await setting.client.list(PODS, Thing)).items] for _ in range(2)]
        assert names == [["a"], ["a", "b"]], "the list of metadata has not taken the old answer"


async def test_a_wrong_clock_is_the_operators_and_becomes_right_again(authority: Authority, tmp_path: Path) -> None:
    clock, jump = (
        WorldClock(tmp_path / "clock"),
        Fault(match=WRITE, when="after_commit", action="clock", seconds=3600, lasting=0.2),
    )
    async with behind_proxy(authority, jump, clock=clock) as setting:
        await setting.client.apply(PODS, thing("b"), Thing)
        assert float((tmp_path / "clock").read_text()) == 3600
        told = setting.client.server_time()
        assert told is not None
        assert abs(told - datetime.now(UTC)) < timedelta(minutes=1)
        await eventually(lambda: float((tmp_path / "clock").read_text()) == 0)


async def test_the_worlds_time_stands_in_every_answer(authority: Authority) -> None:
    clock = WorldClock()
    async with behind_proxy(authority, clock=clock) as setting:
        await clock.advance(datetime.now(UTC) + timedelta(hours=6))
        await setting.client.apply(PODS, thing("b"), Thing)
        told, made = setting.client.server_time(), (await setting.client.get(PODS, key("b"), Thing)).metadata
    assert told is not None
    assert told - datetime.now(UTC) > timedelta(hours=5)
    assert datetime.fromisoformat(made.creation_timestamp or "") - datetime.now(UTC) > timedelta(hours=5)


async def test_a_request_waits_with_its_paused_sender_until_another_one_has_done_the_same(authority: Authority) -> None:
    overtaking = Fault(match=WRITE, when="before_commit", action="overtake")
    async with behind_proxy(authority, overtaking) as setting:
        first, second = setting.senders
        late = asyncio.create_task(first.client.apply(PODS, thing("b"), Thing))
        await eventually(lambda: first.paused == [True])
        assert not await setting.exists("b")
        await second.client.apply(PODS, thing("b"), Thing)
        await late
        assert (first.paused, second.paused) == ([True, False], [])
