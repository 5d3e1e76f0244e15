"""How long the list of environments takes with thousands of them, for people who may see all, few, or some.

`python -m bench.api_list`; the server is a process of its own, the API server a fake in this one, whose answers to
reviews take `--review-ms` each, as a real one's do over a network.
"""

import argparse
import asyncio
import logging
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from tests.server.process import Process, put_environment, put_record, running_process
from tests.support.fake_apiserver import INSTANCES, TEMPLATES, FakeApiServer

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kube.resource import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS

ROUNDS = 21
FEW = 5
PEOPLE = ("everything", "few, bound nowhere", "few, bound in one namespace", "rights in half of the namespaces")


class Slow(FakeApiServer):
    """Reviews take as long as over a network."""

    seconds = 0.0

    async def _review(self, request: Any, kind: Any) -> Any:
        await asyncio.sleep(self.seconds)
        return await super()._review(request, kind)


def _may(spec: Mapping[str, Any], namespaces: int) -> bool:
    user, attributes = spec["user"], spec["resourceAttributes"]
    place = attributes["namespace"]
    match PEOPLE.index(user):
        case 0:
            return True
        case 2:
            return bool(place == "ns-0")
        case 3:
            return place.startswith("ns-") and int(place[3:]) < namespaces // 2
    return False


def _fill(api: FakeApiServer, *, environments: int, namespaces: int) -> None:
    spec = {"displayName": "Python", "environment": {"image": "python:1"}}
    api.put(TEMPLATES, {"metadata": {"name": "python"}, "spec": spec})
    for number in range(environments):
        name, namespace = f"env-{number}", f"ns-{number % namespaces}"
        owner = PEOPLE[number % len(PEOPLE)] if number < FEW * len(PEOPLE) else f"person-{number}"
        put_environment(api, name, owner=owner, port=8080, namespace=namespace)
    rule = {"apiGroups": [names.GROUP], "resources": ["*"], "verbs": ["*"]}
    api.put(CLUSTER_ROLES, {"metadata": {"name": "all"}, "rules": [rule]})
    reference = {"kind": "ClusterRole", "name": "all"}
    everything = {"roleRef": reference, "subjects": [{"kind": "User", "name": PEOPLE[0]}]}
    api.put(CLUSTER_ROLE_BINDINGS, {"metadata": {"name": "all"}, **everything})
    for number in range(namespaces):
        bound = [PEOPLE[2]] if number == 0 else []
        bound += [PEOPLE[3]] if number < namespaces // 2 else []
        subjects = [{"kind": "User", "name": name} for name in bound]
        body = {"metadata": {"name": "some", "namespace": f"ns-{number}"}, "roleRef": reference, "subjects": subjects}
        api.put(ROLE_BINDINGS, body)


def _cpu_ms(pid: int) -> float:
    """Processor time of a process, which other work on the machine does not lengthen."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def _measure(process: Process, person: str, api: FakeApiServer) -> str:
    origin, pid = process.config.public_url, process.process.pid
    headers = {"Authorization": f"Bearer {PEOPLE.index(person)}"}
    times: list[float] = []
    cpu = 0.0
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(f"{origin}/api/v1/me") as answer:
            assert answer.status == 200, await answer.text()
        before = len(api.reviews)
        for number in range(ROUNDS):
            if number == 1:
                cpu = _cpu_ms(pid)
            began = time.perf_counter()
            async with session.get(f"{origin}/api/v1/environments?limit=500") as answer:
                body = await answer.read()
                assert answer.status == 200, body
            times.append((time.perf_counter() - began) * 1000)
            total = int((await answer.json())["total"])
    cpu = (_cpu_ms(pid) - cpu) / (ROUNDS - 1)
    reviews = len(api.reviews) - before
    warm = sorted(times[1:])
    row = (
        person,
        total,
        f"{times[0]:.0f}",
        f"{warm[len(warm) // 2]:.0f}",
        f"{warm[-1]:.0f}",
        f"{cpu:.0f}",
        reviews,
        len(body) // 1024,
    )
    assert total, f"{person} sees nothing"
    return "| " + " | ".join(str(cell) for cell in row) + " |"


async def run(*, environments: int, namespaces: int, review_ms: float) -> None:
    def identify(spec: Mapping[str, Any]) -> dict[str, Any]:
        user = {"username": PEOPLE[int(spec["token"])], "groups": []}
        return {"authenticated": True, "user": user, "audiences": ["devworkspace"]}

    api = Slow(authorize=lambda spec: _may(spec, namespaces), identify=identify)
    api.seconds = review_ms / 1000
    async with api:
        _fill(api, environments=environments, namespaces=namespaces)
        put_record(api)
        assert api.get(INSTANCES, Key("ns-0", "env-0")) is not None
        with tempfile.TemporaryDirectory() as directory:
            async with running_process(Path(directory), api, activity_seconds=3600.0) as process:
                await process.ready(seconds=120)
                await asyncio.sleep(2)
                print(f"{environments} environments in {namespaces} namespaces, a review takes {review_ms:g} ms\n")
                print("| person | sees | first ms | then ms (median) | most ms | CPU ms | reviews in all | KiB |")
                print("| --- | --- | --- | --- | --- | --- | --- | --- |")
                for person in PEOPLE:
                    print(await _measure(process, person, api), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=int, default=2000)
    parser.add_argument("--namespaces", type=int, default=400)
    parser.add_argument("--review-ms", type=float, default=2.0)
    chosen = parser.parse_args()
    logging.disable()
    asyncio.run(run(environments=chosen.environments, namespaces=chosen.namespaces, review_ms=chosen.review_ms))


if __name__ == "__main__":
    main()
