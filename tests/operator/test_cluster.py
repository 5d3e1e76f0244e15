"""Whom a change wakes, and how soon."""

from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.api.children import Pod
from devworkspace.api.meta import Key
from devworkspace.operator.cluster import Cluster
from tests.support.builders import INSTALLATION, make_instance, make_pod, make_volume, running_status
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fixtures import client_of


def at_version(pod: Pod, version: str) -> Pod:
    return replace(pod, metadata=replace(pod.metadata, resource_version=version))


async def test_news_of_a_pod_is_urgent_and_a_new_pod_is_not() -> None:
    woken: list[tuple[str, bool]] = []

    def enqueue(key: Key, *, urgent: bool = False) -> None:
        woken.append((str(key), urgent))

    async with FakeApiServer() as server, client_of(server) as client:
        pods = Cluster(client, INSTALLATION, enqueue).pods
        made = at_version(make_pod(), "1")
        pods.remember(made)
        pods.remember(at_version(make_pod(**running_status()), "2"))
        pods.forget(made.metadata.key, made.metadata.uid)
    assert woken == [("team/demo", False), ("team/demo", True), ("team/demo", True)]


async def test_the_end_of_a_pod_wakes_who_waits_for_its_volume() -> None:
    woken: list[str] = []

    def enqueue(key: Key, *, urgent: bool = False) -> None:
        woken.append(str(key))

    async with FakeApiServer() as server, client_of(server) as client:
        cluster = Cluster(client, INSTALLATION, enqueue)
        pod, volume = make_pod(), make_volume(retained=True)
        cluster.pods.remember(pod)
        cluster.volumes.remember(volume)
        wish = {names.ANNOTATION_ADOPT_VOLUME: volume.metadata.name}
        cluster.instances.put(make_instance("heir", metadata={"uid": "heir-uid", "annotations": wish}))
        woken.clear()
        cluster.pods.forget(pod.metadata.key, pod.metadata.uid)
    assert woken == ["team/demo", "team/heir"]
