"""The whole OpenAPI document against a real server on a real cluster: no failure of ours, and no answer that the
document does not describe.

Bounded by examples and seconds. The same requests each time, so that a change is to blame where it fails; who hunts
sets `DEVWORKSPACE_FUZZ_SEED` to another number, or to `random`. The seed is in the output of a failure and in the
report of the run.
"""

import asyncio
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from devworkspace.api import names
from devworkspace.api.meta import ObjectMeta
from devworkspace.kube.errors import Forbidden
from tests.cluster.serving import Served, serving
from tests.support.live import TEMPLATES, Anything, Live

pytestmark = pytest.mark.cluster

SEED = "1"
EXAMPLES = 20
SECONDS = 60
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
RULES = [
    {"apiGroups": [names.GROUP], "resources": ["*"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["delete"]},
]
# Not update and delete: what is there is for all tests, and the addresses are tried all the same.
PUBLISHING = ["get", "list", "watch", "create"]
# Both go on until somebody closes them; tests/server has their tests.
ENDLESS = "/stream$"


@pytest.fixture
async def served(live: Live, tmp_path: Path) -> AsyncIterator[Served]:
    """Ada may do everything with environments in the namespace, and publish templates."""
    subjects = [{"kind": "ServiceAccount", "name": "ada", "namespace": live.namespace}]
    ada = f"system:serviceaccount:{live.namespace}:ada"
    role = f"{live.namespace}-fuzzer"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    head: dict[str, Any] = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": role}}
    templates = f"{role}-templates"
    publisher: dict[str, Any] = {**head, "metadata": {"name": templates}}
    bodies: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "ada"}},
        {**head, "kind": "ClusterRole", "rules": RULES},
        {**head, "kind": "RoleBinding", "subjects": subjects, "roleRef": reference},
        {
            **publisher,
            "kind": "ClusterRole",
            "rules": [{"apiGroups": [names.GROUP], "resources": [names.TEMPLATE_PLURAL], "verbs": PUBLISHING}],
        },
        {
            **publisher,
            "kind": "ClusterRoleBinding",
            "subjects": subjects,
            "roleRef": {**reference, "name": templates},
        },
    ]
    kubectl = live.surroundings.run_kubectl
    kubectl("apply", f"--namespace={live.namespace}", "-f", "-", input_text=yaml.safe_dump_all(bodies))
    try:
        async with serving(live, tmp_path) as made:
            yield made
        # A template that is still in use would not go.
        kubectl("delete", "workspaceinstances", "--all", f"--namespace={live.namespace}", "--wait", "--timeout=120s")
        for template in (await live.client.list(TEMPLATES, Anything)).items:
            if template.metadata.annotations.get(names.ANNOTATION_CHANGED_BY) == ada:
                await delete_unused(live, template.metadata)
    finally:
        kubectl("delete", "clusterrole,clusterrolebinding", "--ignore-not-found", role, templates)


async def delete_unused(live: Live, template: ObjectMeta) -> None:
    """The operator counts the uses again a moment after the last one has gone."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await live.client.delete(TEMPLATES, template.key, uid=template.uid)
            except Forbidden:
                await asyncio.sleep(0.5)


@pytest.mark.parametrize("aimed", [True, False], ids=["at what is there", "at anything"])
async def test_no_answer_is_outside_of_the_document(
    served: Served, live: Live, tmp_path: Path, record_property: Callable[[str, object], None], aimed: bool
) -> None:
    token = served.token("ada")
    body = {"name": "demo", "template": "base", "running": aimed}
    assert (await served.ask(token, "POST", served.environments, body)).status == 201
    if aimed:
        await served.until(token, f"{served.environments}/demo", {"phase": "Running"})
    seed = os.environ.get("DEVWORKSPACE_FUZZ_SEED", SEED)
    if seed == "random":
        seed = str(secrets.randbelow(2**32))
    record_property("seed", seed)
    code, output = await fuzz(served, token, directory=tmp_path, seed=seed, aimed=aimed)
    assert code == 0, f"seed {seed}\n{output}"
    tried = re.search(r"([\d,]+) generated", output)
    # On a busy machine the time ends before the examples do; one for each address is the least.
    assert tried is not None and int(tried[1].replace(",", "")) >= 40, f"hardly anything was tried\n{output}"


async def fuzz(served: Served, token: str, *, directory: Path, seed: str, aimed: bool) -> tuple[int, str]:
    """Exit code and output of schemathesis. Aimed at the environment `demo`, it deletes nothing."""
    config = directory / "schemathesis.toml"
    parameters = {"query.follow": "false"}
    if aimed:
        parameters |= {"path.namespace": f'"{served.live.namespace}"', "path.name": '"demo"'}
    config.write_text("[parameters]\n" + "".join(f'"{name}" = {value}\n' for name, value in parameters.items()))
    command = [
        *(str(Path(sys.executable).with_name("st")), "--config-file", str(config), "run"),
        *(f"{served.url}/api/v1/openapi.json", "--header", f"Authorization: Bearer {token}"),
        *("--exclude-path-regex", ENDLESS, "--checks", ",".join(CHECKS), "--seed", seed),
        *("--max-examples", str(EXAMPLES), "--max-time", str(SECONDS), "--phases", "examples,coverage,fuzzing"),
        *("--request-timeout", "15", "--no-shrink", "--suppress-health-check", "all", "--no-color"),
        *(("--exclude-method", "DELETE") if aimed else ()),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=directory
    )
    output, _ = await process.communicate()
    return await process.wait(), output.decode(errors="replace")
