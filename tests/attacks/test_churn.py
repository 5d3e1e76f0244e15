"""N33: one person's floods of requests, sockets and environments, at the deployed server, operator and real pods.

What is one person's to use up is bounded; somebody else does the same things meanwhile, which is the control.
"""

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from devworkspace.kube.resource import PODS
from devworkspace.server.limits import API_ALLOWANCE, CHANGE_ALLOWANCE, SOCKETS_PER_PERSON
from tests.attacks.costs import MEBIBYTES, Crowd, note_figure, resident_mebibytes
from tests.attacks.scene import Person, Scene, Wire, apply, home_of, instance
from tests.attacks.witness import HANDSHAKE, Witness, status_of
from tests.support.live import INSTANCES, Anything, Live

pytestmark = pytest.mark.cluster

REQUESTS = 1000
AT_ONCE = 50
OTHERS = 40
# Environments that are made and deleted at once, and how many times over.
NAMES = [f"churn-{number}" for number in range(6)]
ROUNDS = 3


@pytest.fixture
def mallory(scene: Scene, live: Live) -> Person:
    """Somebody with a namespace and with limits that nobody else uses up."""
    person = Person(live.namespace, "mallory")
    apply(scene.surroundings, *home_of(person))
    return person


class Flood(NamedTuple):
    """Its answers, those that somebody else got meanwhile, how long these took, and how long all of it."""

    answers: Sequence[bytes]
    others: Sequence[str]
    times: Sequence[float]
    seconds: float

    @property
    def statuses(self) -> Counter[str]:
        return Counter(status_of(answer) for answer in self.answers)


async def flood(wire: Wire, requests: Sequence[bytes], *, other: bytes) -> Flood:
    """Sends requests as fast as they are answered, and `other` one after the other."""
    slots, began = asyncio.Semaphore(AT_ONCE), time.perf_counter()

    async def send(request: bytes) -> bytes:
        async with slots:
            return await wire.ask(request)

    sending = asyncio.gather(*(send(request) for request in requests))
    others, times = [], []
    for _ in range(OTHERS):
        started = time.perf_counter()
        others.append(status_of(await wire.ask(other)))
        times.append(time.perf_counter() - started)
    return Flood(await sending, others, times, time.perf_counter() - began)


async def cost_of(scene: Scene, wire: Wire, requests: Sequence[bytes], *, other: bytes, what: str) -> Flood:
    """The flood; others are answered meanwhile, and the server's memory stays what it was."""
    before = await asyncio.to_thread(resident_mebibytes, scene.surroundings)
    done = await flood(wire, requests, other=other)
    grown = await asyncio.to_thread(resident_mebibytes, scene.surroundings) - before
    rate = len(requests) / done.seconds
    note_figure(
        f"| {len(requests)} requests, {rate:.0f}/s: {what} | +{grown:.0f} MiB "
        f"| {statistics.median(done.times):.3f} s, {max(done.times):.3f} s |"
    )
    assert set(done.others) == {"200"}, "positive control: others are served"
    assert grown < MEBIBYTES
    return done


def api_request(scene: Scene, token: str) -> bytes:
    head = ["GET /api/v1/me HTTP/1.1", f"Host: {scene.host}", f"Authorization: Bearer {token}", "Connection: close"]
    return "\r\n".join([*head, "", ""]).encode()


async def test_a_flood_of_the_api_gets_what_one_person_may(scene: Scene, wire: Wire, mallory: Person) -> None:
    asking = api_request(scene, scene.token(mallory))
    done = await cost_of(
        scene, wire, [asking] * REQUESTS, other=api_request(scene, scene.token(scene.bob)), what="the API, one person"
    )
    assert set(done.statuses) == {"200", "429"}
    assert done.statuses["200"] <= API_ALLOWANCE.burst + API_ALLOWANCE.rate * done.seconds + 1
    refused = [answer for answer in done.answers if status_of(answer) == "429"]
    assert all(b"\r\nRetry-After: " in answer for answer in refused)
    await answered(wire, asking, "200")


async def test_a_flood_of_made_up_tokens_lets_nobody_in(scene: Scene, wire: Wire) -> None:
    """Each of them is one question to the API server, for which only strangers wait."""
    made_up = [api_request(scene, f"{scene.token(scene.bob)}{number}") for number in range(REQUESTS)]
    done = await cost_of(
        scene, wire, made_up, other=api_request(scene, scene.token(scene.bob)), what="the API, made-up tokens"
    )
    assert set(done.statuses) == {"401"}


async def test_a_flood_at_one_environment_is_its_own_affair(scene: Scene, witness: Witness, wire: Wire) -> None:
    key, host = scene.key_of(scene.two), witness.host_in(scene.two)
    request = witness.request("/quick", key=key, host=host)
    done = await cost_of(scene, wire, [request] * REQUESTS, other=witness.request("/quick"), what="an environment")
    assert set(done.statuses) == {"200"}


async def answered(wire: Wire, request: bytes, status: str) -> None:
    """Waits until a request is answered so, for a little while."""
    for _ in range(100):
        if (last := status_of(await wire.answer(request))) == status:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"answered with {last} and not with {status}")


async def test_nobody_takes_all_sockets(scene: Scene, witness: Witness, wire: Wire) -> None:
    own = f"Origin: http://{witness.host}"
    bobs = witness.request("/idle", *HANDSHAKE, own)
    host = witness.host_in(scene.two)
    alices = witness.request("/idle", *HANDSHAKE, f"Origin: http://{host}", key=scene.key_of(scene.two), host=host)
    before, crowd = await asyncio.to_thread(resident_mebibytes, scene.surroundings), Crowd(wire)
    try:
        heads: list[bytes] = []
        while len(heads) < SOCKETS_PER_PERSON + AT_ONCE:
            heads += await asyncio.gather(*(crowd.knock(bobs) for _ in range(AT_ONCE)))
        statuses = Counter(status_of(head) for head in heads)
        assert status_of(await crowd.knock(alices)) == "101", "positive control: somebody else opens one"
        grown = await asyncio.to_thread(resident_mebibytes, scene.surroundings) - before
    finally:
        crowd.leave()
    note_figure(f"| {len(heads)} sockets of one person, {statuses['101']} of them opened | +{grown:.0f} MiB | – |")
    assert set(statuses) == {"101", "429"}
    assert statuses["101"] <= SOCKETS_PER_PERSON
    assert grown < MEBIBYTES
    await answered(wire, bobs, "101")


def create_request(scene: Scene, person: Person, name: str, *, query: str = "") -> bytes:
    body = json.dumps({"name": name, "template": "base", "running": False}).encode()
    head = [
        f"POST /api/v1/namespaces/{person.namespace}/environments{query} HTTP/1.1", f"Host: {scene.host}",
        f"Authorization: Bearer {scene.token(person)}", "Content-Type: application/json",
        f"Content-Length: {len(body)}", "Connection: close", "", "",
    ]  # fmt: skip
    return "\r\n".join(head).encode() + body


async def test_a_flood_of_environments_gets_what_one_person_may(
    scene: Scene, wire: Wire, live: Live, mallory: Person
) -> None:
    wanted, began = 2 * CHANGE_ALLOWANCE.burst, time.perf_counter()
    requests = [create_request(scene, mallory, f"flood-{number}") for number in range(wanted)]
    answers = await asyncio.gather(*(wire.ask(request) for request in requests))
    most = CHANGE_ALLOWANCE.burst + CHANGE_ALLOWANCE.rate * (time.perf_counter() - began) + 1
    statuses = Counter(status_of(answer) for answer in answers)
    assert set(statuses) == {"201", "429"}
    assert statuses["201"] <= most
    made = await live.client.list(INSTANCES, Anything, namespace=live.namespace)
    assert len(made.items) == statuses["201"], "what was refused was not made"
    bobs = await wire.ask(create_request(scene, scene.bob, "dry", query="?dryRun=true"))
    assert status_of(bobs) == "201", "positive control: somebody else may"


async def test_environments_that_come_and_go_do_not_hold_up_others(scene: Scene, live: Live, mallory: Person) -> None:
    """Past the server, by kubectl, where the cluster's own limits are the only ones: the operator must bear it."""
    before = await asyncio.to_thread(resident_mebibytes, scene.surroundings, "operator")
    churning = asyncio.create_task(asyncio.to_thread(churn, scene, mallory))
    await live.create("others", template="base")
    await live.wait_phase("Running", "others")
    await churning
    await gone(live, but="others")
    grown = await asyncio.to_thread(resident_mebibytes, scene.surroundings, "operator") - before
    note_figure(f"| {ROUNDS * len(NAMES)} environments made and deleted at once | +{grown:.0f} MiB | – |")
    assert grown < MEBIBYTES


def churn(scene: Scene, person: Person) -> None:
    """The same names again and again, each deleted as soon as it is there."""
    bodies = [instance(person, name, template="base") for name in NAMES]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
    place = f"--namespace={person.namespace}"
    for _ in range(ROUNDS):
        assert scene.kubectl_as(person, "create", "--filename=-", input_text=listed)[0] == 0
        code, words = scene.kubectl_as(person, "delete", "wsi", *NAMES, place, "--timeout=60s")
        assert code == 0, words


async def gone(live: Live, *, but: str) -> None:
    """Waits until no instance and no pod is there but one."""
    async with asyncio.timeout(90):
        for resource in (INSTANCES, PODS):
            while [
                item.metadata.name
                for item in (await live.client.list(resource, Anything, namespace=live.namespace)).items
                if not item.metadata.name.startswith(but)
            ]:
                await asyncio.sleep(0.2)
