"""A control plane of our own: etcd, API server and controller manager, and what the operator needs in it."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import yaml

from devworkspace.kube import config
from tests.faults.direct import Direct, RefusedError
from tests.faults.kubelet import STORAGE_CLASS, StandIn
from tests.faults.pki import make_authority
from tests.faults.run import Stage, make_template
from tests.faults.truth import GROUP_PATH, Pulse, Truth

ROOT: Final = Path(__file__).parents[2]
SYSTEM: Final = "devworkspace-system"
ACCOUNT: Final = "devworkspace-operator"
_ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"
_PATHS: Final = {
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}",
    "Namespace": "/api/v1/namespaces/{name}",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts/{name}",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{name}",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/{name}",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings/{name}",
    "ValidatingAdmissionPolicy": f"{_ADMISSION}/validatingadmissionpolicies/{{name}}",
    "ValidatingAdmissionPolicyBinding": f"{_ADMISSION}/validatingadmissionpolicybindings/{{name}}",
}


@contextlib.asynccontextmanager
async def control_plane(state: Path, *, keep: bool) -> AsyncIterator[Path]:
    """Starts it, or finds it running; gives its kubeconfig. Everything goes at the end unless `keep`."""
    program = ROOT / ".local" / "bin" / "devcluster"
    await _call(program, "up", "--name=faults", f"--state-dir={state}", "--control-plane-only", "--unsafe-no-fsync")
    try:
        yield state / "kubeconfig"
    finally:
        if not keep:
            await _call(program, "down", f"--state-dir={state}", "--delete-data")


async def _call(program: Path, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{program.name} {' '.join(arguments)} failed:\n{output.decode(errors='replace')}")


@contextlib.asynccontextmanager
async def simulated_stage(kubeconfig: Path, folder: Path) -> AsyncIterator[Stage]:
    """A stage on a control plane without nodes: pods and volumes are the stand-in's."""
    async with Direct(config.from_kubeconfig(kubeconfig)) as direct:
        for file in ("crds/workspace_template_crd.yaml", "crds/workspace_instance_crd.yaml", "deploy/namespace.yaml",
                     "deploy/rbac.yaml", "deploy/policies.yaml"):  # fmt: skip
            await _apply_file(direct, ROOT / file)
        await _until_served(direct)
        truth, pulse, stand_in = Truth(direct), Pulse(direct), StandIn(direct)
        truth.listen(stand_in)
        # Whatever fails in them ends the whole run: without them nothing is true any more.
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part.run()) for part in (stand_in, truth, pulse)]
            await truth.synced.wait()
            yield Stage(
                direct=direct,
                truth=truth,
                pulse=pulse,
                authority=make_authority(),
                token=await operator_token(direct),
                folder=folder,
                template=make_template(image="simulated/editor:1", storage_class=STORAGE_CLASS),
                disposable=True,
            )
            for task in tasks:
                task.cancel()


async def operator_token(direct: Direct) -> str:
    """A token of the operator's own account, so that its rights are those of deploy/rbac.yaml."""
    path = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/{ACCOUNT}/token"
    answer = await direct.create(path, {"spec": {"expirationSeconds": 7200}})
    token: str = answer["status"]["token"]
    return token


async def _apply_file(direct: Direct, file: Path) -> None:
    for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
        metadata: dict[str, Any] = document["metadata"]
        path = _PATHS[document["kind"]].format(name=metadata["name"], namespace=metadata.get("namespace", ""))
        await direct.apply(path, document)


async def _until_served(direct: Direct) -> None:
    while True:
        try:
            await direct.get(f"{GROUP_PATH}/workspaceinstances")
            await direct.get(f"{GROUP_PATH}/ideworkspacetemplates")
            return
        except RefusedError:
            await asyncio.sleep(0.1)


def new_seed() -> int:
    return secrets.randbelow(1_000_000)
