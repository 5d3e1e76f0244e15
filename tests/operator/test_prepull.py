"""Images on the nodes, in front of the API server: few writes, whatever goes wrong, and nothing left behind."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from devworkspace.api import names, reasons
from devworkspace.api.meta import Key
from devworkspace.core.prepull import PulledImage
from devworkspace.kube.resource import DAEMON_SETS, DEPLOYMENTS, EVENTS, PODS
from devworkspace.operator import template_status
from tests.operator.running import put_operator_deployment, put_template, running_operator
from tests.support.fake_apiserver import TEMPLATES, FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fake_objects import Object
from tests.support.fixtures import eventually

PYTHON = Key("", "python")
IMAGE = "localhost/devworkspace/python:0.1.0"
HOME = names.SYSTEM_NAMESPACE


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done after a second is done after a tenth of one."""
    monkeypatch.setattr(template_status, "DELAY_SECONDS", 0.1)


async def quiet() -> None:
    """Time for a write that should not come."""
    await asyncio.sleep(0.4)


def told(server: FakeApiServer, key: Key = PYTHON) -> dict[str, Any] | None:
    template = server.get(TEMPLATES, key) or {}
    found: dict[str, Any] | None = template.get("status", {}).get("prePull")
    return found


def is_told(server: FakeApiServer, key: Key) -> bool:
    return "status" in (server.get(TEMPLATES, key) or {})


def images(server: FakeApiServer) -> list[set[str]]:
    """What each DaemonSet holds."""
    specs = [found["spec"]["template"]["spec"] for found in server.objects(DAEMON_SETS)]
    return [{container["image"] for container in spec["containers"]} for spec in specs]


def writes(server: FakeApiServer) -> list[str]:
    """Those of DaemonSets."""
    return [write.verb for write in server.writes if write.resource == DAEMON_SETS.plural]


def schedule(server: FakeApiServer, *nodes: str) -> None:
    """Plays Kubernetes: the one DaemonSet has a pod on each of these nodes, whose containers are being made."""
    (daemon_set,) = server.objects(DAEMON_SETS)
    metadata, template = daemon_set["metadata"], daemon_set["spec"]["template"]
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": metadata["name"], "uid": metadata["uid"]}
    for node in nodes:
        pod = {"name": f"{metadata['name']}-{node}", "namespace": HOME, "ownerReferences": [owner]}
        server.put(PODS, {"metadata": {**pod, **template["metadata"]}, "spec": {"nodeName": node}})
    server.set_status(
        DAEMON_SETS,
        Key(HOME, metadata["name"]),
        {"desiredNumberScheduled": len(nodes), "observedGeneration": metadata["generation"]},
    )


def let_pull(server: FakeApiServer, node: str, *, image: str = IMAGE, **state: Any) -> None:
    """The container of an image runs, or is in another state."""
    (pod,) = [found for found in server.objects(PODS, HOME) if found["spec"]["nodeName"] == node]
    container = {"name": PulledImage(image).container, "image": image, "state": state or {"running": {}}}
    server.set_status(PODS, Key(HOME, pod["metadata"]["name"]), {"containerStatuses": [container]})


def events(server: FakeApiServer) -> dict[str, Object]:
    return {event["reason"]: event for event in server.objects(EVENTS)}


async def test_from_the_wish_to_the_last_node_and_back(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_operator_deployment(server)
        put_template(server, prePull=True)
        await eventually(lambda: images(server) == [{IMAGE}])
        await eventually(lambda: told(server) == {"ready": 0, "wanted": 0, "message": ""})
        schedule(server, "n-1", "n-2")
        let_pull(server, "n-1")
        await eventually(lambda: told(server) == {"ready": 1, "wanted": 2, "message": ""})
        let_pull(server, "n-2")
        await eventually(lambda: told(server) == {"ready": 2, "wanted": 2, "message": ""})
        await eventually(lambda: reasons.PRE_PULLED in events(server))
        about = events(server)[reasons.PRE_PULLED]["involvedObject"]
        assert (about["kind"], about["name"]) == ("WorkspaceTemplate", "python")
        assert events(server)[reasons.PRE_PULLED]["metadata"]["namespace"] == "default"
        server.patch(TEMPLATES, PYTHON, {"spec": {"prePull": False}})
        await eventually(lambda: not server.objects(DAEMON_SETS))
        await eventually(lambda: told(server) is None)
        assert writes(server) == ["apply", "delete"]


async def test_why_an_image_is_not_there_is_told_and_keeps_no_other_back(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_operator_deployment(server)
        put_template(server, prePull=True)
        put_template(server, "bad", prePull=True, environment={"image": "bad:1"})
        await eventually(lambda: images(server) == [{IMAGE, "bad:1"}])
        schedule(server, "n-1")
        good = {"name": PulledImage(IMAGE).container, "state": {"running": {}}}
        state = {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}
        bad = {"name": PulledImage("bad:1").container, "image": "bad:1", "state": state}
        (pod,) = server.objects(PODS, HOME)
        server.set_status(PODS, Key(HOME, pod["metadata"]["name"]), {"containerStatuses": [good, bad]})
        await eventually(lambda: told(server) == {"ready": 1, "wanted": 1, "message": ""})
        await eventually(lambda: "bad:1" in (told(server, Key("", "bad")) or {}).get("message", ""))
        await eventually(lambda: reasons.PRE_PULL_FAILED in events(server))
        assert events(server)[reasons.PRE_PULL_FAILED]["involvedObject"]["name"] == "bad"


async def test_the_set_follows_the_templates_in_one_write_each(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_operator_deployment(server)
        put_template(server, prePull=True)
        await eventually(lambda: images(server) == [{IMAGE}])
        put_template(server, "go", prePull=True, environment={"image": "go:1"})
        await eventually(lambda: images(server) == [{IMAGE, "go:1"}])
        server.remove(TEMPLATES, PYTHON)
        await eventually(lambda: images(server) == [{"go:1"}])
        server.patch(TEMPLATES, Key("", "go"), {"spec": {"environment": {"image": "go:2"}}})
        await eventually(lambda: images(server) == [{"go:2"}])
        server.patch(TEMPLATES, Key("", "go"), {"spec": {"displayName": "Go"}})
        put_template(server, "again", prePull=True, environment={"image": "go:2"})
        await quiet()
        assert writes(server) == ["apply"] * 4


async def test_a_restarted_operator_writes_nothing_and_clears_up_what_is_no_longer_wanted(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        put_operator_deployment(server)
        put_template(server, prePull=True)
        async with running_operator(server, tmp_path):
            await eventually(lambda: images(server) == [{IMAGE}])
            schedule(server, "n-1")
            let_pull(server, "n-1")
            await eventually(lambda: (told(server) or {}).get("ready") == 1)
            await eventually(lambda: reasons.PRE_PULLED in events(server))
        before = len(server.writes)
        async with running_operator(server, tmp_path):
            await quiet()
        of_lease = {"leases"}
        assert [write for write in server.writes[before:] if write.resource not in of_lease] == []
        server.remove(TEMPLATES, PYTHON)
        async with running_operator(server, tmp_path):
            await eventually(lambda: not server.objects(DAEMON_SETS))


async def test_one_that_is_deleted_is_deleted_once_though_the_watch_is_silent(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_operator_deployment(server)
        put_template(server, prePull=True)
        await eventually(lambda: images(server) == [{IMAGE}])
        await quiet()
        for stream in server.streams:
            stream.frozen = stream.frozen or stream.resource == DAEMON_SETS.plural
        server.remove(TEMPLATES, PYTHON)
        await eventually(lambda: not server.objects(DAEMON_SETS))
        for key in (Key("", "one"), Key("", "two")):
            put_template(server, key.name)
            # One look at all templates each.
            await eventually(partial(is_told, server, key))
        assert writes(server) == ["apply", "delete"]


@pytest.mark.parametrize("drop", ["before", "after"])
async def test_a_write_whose_answer_is_lost_is_made_once(tmp_path: Path, drop: Any) -> None:
    async with FakeApiServer() as server:
        put_operator_deployment(server)
        for verb in ("apply", "delete"):
            server.faults.append(Fault(verb=verb, resource=DAEMON_SETS.plural, drop=drop))
        async with running_operator(server, tmp_path):
            put_template(server, prePull=True)
            await eventually(lambda: images(server) == [{IMAGE}], within=15)
            (made,) = server.objects(DAEMON_SETS)
            await quiet()
            assert [found["metadata"]["uid"] for found in server.objects(DAEMON_SETS)] == [made["metadata"]["uid"]]
            assert made["metadata"]["generation"] == 1
            server.remove(TEMPLATES, PYTHON)
            await eventually(lambda: not server.objects(DAEMON_SETS), within=15)
            await quiet()
            assert server.objects(DAEMON_SETS) == []
        assert all(fault.times == 0 for fault in server.faults)


@pytest.mark.parametrize("verb", ["apply", "delete"])
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_an_operator_that_is_killed_at_a_write_is_followed_by_one_that_ends_it(
    tmp_path: Path, verb: str, moment: str
) -> None:
    """The first one's write hangs before it is done, or is done and never heard of; then the process is gone."""
    async with FakeApiServer() as server:
        put_operator_deployment(server)
        put_template(server, prePull=True)
        if verb == "delete":
            async with running_operator(server, tmp_path):
                await eventually(lambda: images(server) == [{IMAGE}])
            server.remove(TEMPLATES, PYTHON)
        cut = {"drop": "after"} if moment == "after" else {"hang": True}
        server.faults.append(Fault(verb=verb, resource=DAEMON_SETS.plural, **cut))
        (fault,) = server.faults
        async with running_operator(server, tmp_path, identity="killed"):
            await eventually(lambda: fault.times == 0)
        wanted = [{IMAGE}] if verb == "apply" else []
        async with running_operator(server, tmp_path, identity="next"):
            await eventually(lambda: images(server) == wanted)
            await quiet()
            assert images(server) == wanted


async def test_two_operators_make_one(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        put_operator_deployment(server)
        async with (
            running_operator(server, tmp_path),
            running_operator(server, tmp_path, identity="operator_2", leads=False),
        ):
            put_template(server, prePull=True)
            await eventually(lambda: images(server) == [{IMAGE}])
            await quiet()
        assert writes(server) == ["apply"]


async def test_an_operator_without_the_right_says_so_and_does_everything_else(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        put_operator_deployment(server)
        fault = Fault(verb="apply", resource=DAEMON_SETS.plural, times=None, status=403, reason="Forbidden")
        server.faults.append(fault)
        async with running_operator(server, tmp_path):
            put_template(server, prePull=True)
            put_template(server, "plain")
            await eventually(lambda: "cannot be put on the nodes" in (told(server) or {}).get("message", ""))
            assert (server.get(TEMPLATES, Key("", "plain")) or {})["status"]["instances"] == 0
            server.faults.clear()
            await eventually(lambda: told(server) == {"ready": 0, "wanted": 0, "message": ""}, within=15)
            assert images(server) == [{IMAGE}]


async def test_an_operator_that_may_not_look_leaves_everything_as_it_is(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        put_operator_deployment(server)
        faults = [
            Fault(verb=verb, resource=DAEMON_SETS.plural, times=None, status=403, reason="Forbidden")
            for verb in ("list", "watch")
        ]
        server.faults += faults
        async with running_operator(server, tmp_path):
            put_template(server, prePull=True)
            await eventually(lambda: (server.get(TEMPLATES, PYTHON) or {}).get("status"))
            await quiet()
            assert (told(server), writes(server)) == (None, [])


async def test_an_operator_without_a_deployment_says_that_it_needs_one(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        with capture_logs():
            put_template(server, prePull=True)
            await eventually(lambda: names.OPERATOR_DEPLOYMENT in (told(server) or {}).get("message", ""))
        put_operator_deployment(server)
        await eventually(lambda: images(server) == [{IMAGE}], within=15)


async def test_a_new_version_of_the_operator_brings_its_program(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        put_operator_deployment(server)
        put_template(server, prePull=True)
        async with running_operator(server, tmp_path):
            await eventually(lambda: images(server) == [{IMAGE}])
        containers = [{"name": names.OPERATOR_CONTAINER, "image": "own:2"}]
        changed = {"spec": {"template": {"spec": {"containers": containers}}}}
        server.patch(DEPLOYMENTS, Key(HOME, names.OPERATOR_DEPLOYMENT), changed)
        async with running_operator(server, tmp_path):
            await eventually(lambda: program_of(server) == ["own:2"])


def program_of(server: FakeApiServer) -> list[str]:
    specs = [found["spec"]["template"]["spec"] for found in server.objects(DAEMON_SETS)]
    return [spec["initContainers"][0]["image"] for spec in specs]
