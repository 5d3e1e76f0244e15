"""The worst mistake of an admin: the CRDs are deleted, and every instance with them. The data stays."""

from pathlib import Path

import pytest

from devworkspace.api import names
from devworkspace.kinds import INSTANCE_CRD
from devworkspace.kube.resource import PODS
from tests.support.live import TEMPLATES, Live

pytestmark = [pytest.mark.cluster, pytest.mark.destructive, pytest.mark.alone]

_CRDS = Path(__file__).parents[2] / "crds"


async def test_volumes_outlive_the_definitions_and_are_taken_over(live: Live) -> None:
    for name, policy in (("keep", "Retain"), ("drop", "Delete")):
        await live.create(name, template="base", owner="alice", dataPolicy=policy)
    digests, volumes = {}, {}
    for name in ("keep", "drop"):
        status = (await live.wait_phase("Running", name)).status
        await live.execute(status.pod_name or "", "sh", "-c", "head -c 100000 /dev/urandom > $HOME/sentinel; sync")
        digests[name] = await live.execute(status.pod_name or "", "sh", "-c", "sha256sum < $HOME/sentinel")
        volumes[name] = await live.volume(status.pvc_name or "")

    kubectl = live.surroundings.run_kubectl
    definitions = (INSTANCE_CRD.name, f"{TEMPLATES.plural}.{names.GROUP}")
    kubectl("delete", "customresourcedefinitions", *definitions, "--wait", "--timeout=100s", timeout=120)
    for volume in volumes.values():
        await live.wait_gone(PODS, volume.metadata.name)
        assert (await live.volume(volume.metadata.name)).metadata.uid == volume.metadata.uid

    kubectl("apply", f"--filename={_CRDS}")
    kubectl("wait", "--for=condition=Established", *(f"customresourcedefinition/{name}" for name in definitions))
    examples = sorted([*_CRDS.glob("examples/*-template.yaml"), _CRDS / "examples" / "workspace-instance.yaml"])
    kubectl("apply", *(f"--filename={example}" for example in examples))
    await live.wait_retained(*(volume.metadata.name for volume in volumes.values()), seconds=180)
    for name, volume in volumes.items():
        heir = f"heir-of-{name}"
        wish = {names.ANNOTATION_ADOPT_VOLUME: volume.metadata.name}
        await live.create(heir, template="base", owner="alice", annotations=wish)
        status = (await live.wait_phase("Running", heir)).status
        assert status.pvc_name == volume.metadata.name
        assert await live.execute(status.pod_name or "", "sh", "-c", "sha256sum < $HOME/sentinel") == digests[name]
