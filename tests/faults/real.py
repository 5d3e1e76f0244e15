"""Some plans once more with real pods and real volumes, on the cluster of an installation."""

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from devworkspace.kube import config
from tests.faults.cluster import ACCOUNT, SYSTEM, operator_token
from tests.faults.direct import Direct
from tests.faults.pki import make_authority
from tests.faults.run import Stage, make_template
from tests.faults.truth import Pulse, Truth

_OPERATOR: Final = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/{ACCOUNT}"
# Where a crash could cost somebody's files, or put two pods on them.
REAL_PLANS: Final = (
    "crash-after/apply pods first-* #1",
    "crash-after/delete persistentvolumeclaims first-* #1",
    "crash-after/delete pods first-* #2",
    "crash-before/patch persistentvolumeclaims first-* #1",
    "lost-reply/patch persistentvolumeclaims first-* #2",
    "crash-after/apply persistentvolumeclaims first-* #2",
    "crash-after/delete pods first-* #1",
    "crash-before/apply pods first-* #2",
)
# Makes the file where there is none, so that a volume that was lost shows as another hash.
_SENTINEL: Final = "cd && { [ -e sentinel ] || head -c 1000000 /dev/urandom >sentinel; } && sha256sum <sentinel"


@contextlib.asynccontextmanager
async def real_stage(kubeconfig: Path, folder: Path, *, kubectl: str, image: str) -> AsyncIterator[Stage]:
    """A stage on an installation, whose own operator pauses meanwhile."""

    async def read_file(namespace: str, pod: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(kubectl), f"--kubeconfig={kubeconfig}", "exec", f"--namespace={namespace}", pod,
            "--container=workspace", "--", "sh", "-c", _SENTINEL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, errors = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"cannot read the file in {pod}: {errors.decode(errors='replace')}")
        return output.decode().split()[0]

    async with Direct(config.from_kubeconfig(kubeconfig)) as direct, _paused_operator(direct):
        truth, pulse = Truth(direct), Pulse(direct)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(truth.run()), group.create_task(pulse.run())]
            await truth.synced.wait()
            yield Stage(
                direct=direct,
                truth=truth,
                pulse=pulse,
                authority=make_authority(),
                token=await operator_token(direct),
                folder=folder,
                template=make_template(image=image, storage_class=None),
                disposable=False,
                read_file=read_file,
            )
            for task in tasks:
                task.cancel()


@contextlib.asynccontextmanager
async def _paused_operator(direct: Direct) -> AsyncIterator[None]:
    replicas = (await direct.get(_OPERATOR))["spec"]["replicas"]
    await direct.merge(_OPERATOR, {"spec": {"replicas": 0}})
    try:
        pods = f"/api/v1/namespaces/{SYSTEM}/pods?labelSelector=app.kubernetes.io/component%3Doperator"
        while (await direct.get(pods))["items"]:
            await asyncio.sleep(0.2)
        yield
    finally:
        await direct.merge(_OPERATOR, {"spec": {"replicas": replicas}})
