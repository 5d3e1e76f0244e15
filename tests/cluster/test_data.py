"""Whose data stays and whose goes: data policy, adoption and growth, on real volumes."""

import asyncio
import time

import pytest

from devworkspace.api import names, reasons
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.core.conditions import find_condition
from devworkspace.kube.resource import NAMESPACES, PODS, PVCS
from tests.support.live import INSTANCES, Anything, Live

pytestmark = pytest.mark.cluster

_ASKED_LATE = "tests.devworkspace.kubesphere.io/hold"


async def _running(live: Live, name: str = "demo", *, adopt: str | None = None, **spec: object) -> InstanceStatus:
    annotations = {names.ANNOTATION_ADOPT_VOLUME: adopt} if adopt else {}
    await live.create(name, template="base", annotations=annotations, **spec)
    return (await live.wait_phase("Running", name)).status


async def _write(live: Live, status: InstanceStatus) -> str:
    """Fills a file with something that is not in the image, and returns its hash."""
    await live.execute(status.pod_name or "", "sh", "-c", "head -c 100000 /dev/urandom > $HOME/sentinel; sync")
    return await _read(live, status)


async def _read(live: Live, status: InstanceStatus) -> str:
    return (await live.execute(status.pod_name or "", "sh", "-c", "sha256sum < $HOME/sentinel")).split()[0]


async def _set_finalizers(live: Live, *finalizers: str) -> None:
    patch = {"metadata": {"finalizers": list(finalizers)}}
    await live.client.merge_patch(INSTANCES, live.key("demo"), patch, WorkspaceInstance)


async def _delete_and_wait(live: Live, name: str = "demo") -> None:
    await live.delete(name)
    await live.wait_gone(INSTANCES, name)


def _refusal(instance: WorkspaceInstance) -> str | None:
    condition = find_condition(instance.status.conditions, "VolumeReady")
    return condition.reason if condition is not None else None


async def test_a_volume_goes_with_an_environment_that_was_made_for_it(live: Live) -> None:
    status = await _running(live, dataPolicy="Delete")
    assert (await live.get()).metadata.finalizers == (names.FINALIZER_DELETE_VOLUME,)
    await _delete_and_wait(live)
    await live.wait_gone(PVCS, status.pvc_name or "")
    await live.wait_gone(PODS, status.pod_name or "")


async def test_a_policy_changed_after_the_deletion_was_asked_for_keeps_the_volume(live: Live) -> None:
    status = await _running(live)
    digest = await _write(live, status)
    await _set_finalizers(live, _ASKED_LATE)
    await live.delete()
    await live.wait_until(lambda instance: instance.metadata.deletion_timestamp is not None, "being deleted")
    await live.patch(dataPolicy="Delete")
    await live.wait_until(
        lambda instance: instance.status.observed_generation == instance.metadata.generation, "observed"
    )
    await _set_finalizers(live)
    await live.wait_gone(INSTANCES, "demo")
    await live.wait_retained(status.pvc_name or "")
    heir = await _running(live, "heir", adopt=status.pvc_name)
    assert await _read(live, heir) == digest


async def test_a_volume_that_another_pod_uses_waits_for_it(live: Live) -> None:
    status = await _running(live, dataPolicy="Delete")
    volume = status.pvc_name or ""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "backup", "namespace": live.namespace},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "backup", "image": live.surroundings.base_image, "command": ["sleep", "infinity"]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": volume}}],
        },
    }
    backup = await live.client.create(PODS, pod, Anything)
    await live.delete()
    waiting = await live.wait_until(lambda instance: "backup" in (instance.status.message or ""), "waiting for backup")
    assert waiting.status.phase == "Stopping"
    assert (await live.volume(volume)).metadata.deletion_timestamp is None
    await live.client.delete(PODS, backup.metadata.key, uid=backup.metadata.uid)
    await live.wait_gone(INSTANCES, "demo")
    await live.wait_gone(PVCS, volume)


async def test_a_namespace_with_such_an_environment_can_be_deleted(live: Live) -> None:
    await _running(live, dataPolicy="Delete")
    namespace = await live.client.create(NAMESPACES, {"metadata": {"name": f"{live.namespace}-twin"}}, Anything)
    twin = Live(live.client, live.surroundings, namespace.metadata.name)
    await _running(twin, dataPolicy="Delete")
    await live.client.delete(NAMESPACES, Key("", twin.namespace), uid=namespace.metadata.uid)
    await twin.wait_gone(INSTANCES, "demo", seconds=90)
    assert (await live.get()).status.phase == "Running"


async def test_a_kept_volume_is_taken_over_with_everything_on_it(live: Live) -> None:
    status = await _running(live, owner="alice")
    digest = await _write(live, status)
    kept = await live.volume(status.pvc_name or "")
    await _delete_and_wait(live)
    await live.wait_retained(kept.metadata.name)

    heir = await _running(live, "heir", adopt=kept.metadata.name, owner="alice")
    assert heir.pvc_name == kept.metadata.name
    assert await _read(live, heir) == digest
    adopted = await live.volume(kept.metadata.name)
    assert adopted.metadata.uid == kept.metadata.uid
    assert names.LABEL_RETAINED not in adopted.metadata.labels
    assert adopted.metadata.labels[names.LABEL_INSTANCE_UID] == (await live.get("heir")).metadata.uid
    claims = await live.client.list(PVCS, Anything, namespace=live.namespace)
    assert [claim.metadata.name for claim in claims.items] == [kept.metadata.name]

    await _delete_and_wait(live, "heir")
    await live.wait_retained(kept.metadata.name)
    assert (await live.volume(kept.metadata.name)).metadata.annotations[names.ANNOTATION_INSTANCE] == "heir"


async def test_only_the_same_owner_takes_over_and_only_what_nobody_uses(live: Live) -> None:
    status = await _running(live, owner="alice")
    volume = status.pvc_name or ""
    wish = {names.ANNOTATION_ADOPT_VOLUME: volume}
    await live.create("early", template="base", owner="alice", annotations=wish)
    early = await live.wait_until(
        lambda instance: _refusal(instance) == reasons.VOLUME_NOT_ADOPTABLE, "refused", "early"
    )
    assert "belongs to environment 'demo'" in (early.status.message or "")

    await _delete_and_wait(live)
    started = await live.wait_phase("Running", "early")
    assert started.status.pvc_name == volume
    await _delete_and_wait(live, "early")
    await live.wait_retained(volume)

    await live.create("mallory", template="base", owner="mallory", annotations=wish)
    refused = await live.wait_until(
        lambda instance: _refusal(instance) == reasons.VOLUME_NOT_ADOPTABLE, "refused", "mallory"
    )
    assert refused.status.phase == "Pending"
    assert "another owner" in (refused.status.message or "")
    assert (await live.volume(volume)).metadata.annotations[names.ANNOTATION_OWNER] == "alice"


async def test_of_two_that_want_one_volume_one_gets_it(live: Live) -> None:
    status = await _running(live)
    await _delete_and_wait(live)
    await live.wait_retained(status.pvc_name or "")
    wish = {names.ANNOTATION_ADOPT_VOLUME: status.pvc_name or ""}
    await asyncio.gather(*(live.create(name, template="base", annotations=wish) for name in ("one", "two")))

    def is_settled(instance: WorkspaceInstance) -> bool:
        """Not for as long as both wait for the end of the earlier pod."""
        return instance.status.phase == "Running" or "belongs to environment" in (instance.status.message or "")

    settled = [await live.wait_until(is_settled, "settled", name) for name in ("one", "two")]
    assert sorted(instance.status.phase or "" for instance in settled) == ["Pending", "Running"]


async def test_a_volume_grows_and_the_environment_sees_it(live: Live) -> None:
    status = await _running(live, overrides={"storage": {"size": "1Gi"}})
    digest, uid = await _write(live, status), (await live.volume(status.pvc_name or "")).metadata.uid
    await live.patch(overrides={"storage": {"size": "2Gi"}})
    deadline = time.monotonic() + 60
    while (volume := await live.volume(status.pvc_name or "")).status.capacity.get("storage") != "2Gi":
        assert time.monotonic() < deadline, f"the volume did not grow: {volume.status}"
        await asyncio.sleep(0.2)
    grown = await live.wait_until(lambda instance: _refusal(instance) == reasons.BOUND, "done growing")
    assert (grown.status.phase, volume.metadata.uid) == ("Running", uid)
    assert await _read(live, grown.status) == digest
