"""Who says whose an environment is: its owner may open it, so that the right to change one must not be enough.

Alice may do everything with environments of her namespace but name owners. The cluster's admin made one there that is
nobody's, as kubectl does where no owner is given.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import aiohttp
import pytest

from devworkspace.api import names
from tests.attacks.scene import Scene, apply, instance

pytestmark = pytest.mark.cluster

ACCOUNT = names.ANNOTATION_OWNER_SUBJECT
FORBIDDEN = "you may not say whose this environment is"


@pytest.fixture
def nobodys(scene: Scene) -> Iterator[str]:
    """A stopped environment without an owner, in Alice's namespace."""
    body = environment(scene, "nobodys", owner=None)
    apply(scene.surroundings, body)
    yield "nobodys"
    scene.surroundings.run_kubectl("delete", "wsi", "nobodys", f"--namespace={scene.alice.namespace}")


def environment(scene: Scene, name: str, *, owner: str | None, account: str | None = None) -> dict[str, Any]:
    body = instance(scene.alice, name, template="base", running=False)
    if owner is None:
        del body["spec"]["owner"]
    else:
        body["spec"]["owner"] = owner
    if account is not None:
        body["metadata"]["annotations"] = {ACCOUNT: account}
    return body


def patch(scene: Scene, name: str, body: Mapping[str, Any], *more: str) -> tuple[int, str]:
    """By Alice; nothing is kept."""
    place = f"--namespace={scene.alice.namespace}"
    words = ("patch", "wsi", name, place, "--type=merge", f"--patch={json.dumps(body)}", *more)
    return scene.kubectl_as(scene.alice, *words)


def create(scene: Scene, body: Mapping[str, Any], *command: str) -> tuple[int, str]:
    """By Alice; nothing is kept."""
    command = command or ("create",)
    return scene.kubectl_as(
        scene.alice, *command, "--dry-run=server", "--filename=-", input_text=json.dumps(dict(body))
    )


@pytest.mark.parametrize("whom", ["herself", "somebody else"])
@pytest.mark.parametrize("way", ["patch", "replace", "apply", "apply on the server's side"])
def test_who_may_change_an_environment_does_not_become_its_owner(
    scene: Scene, nobodys: str, way: str, whom: str
) -> None:
    owner = scene.alice.name if whom == "herself" else scene.bob.name
    commands = {
        "replace": ("replace",),
        "apply": ("apply",),
        "apply on the server's side": ("apply", "--server-side", "--force-conflicts"),
    }
    if way == "patch":
        code, words = patch(scene, nobodys, {"spec": {"owner": owner}}, "--dry-run=server")
    else:
        code, words = create(scene, environment(scene, nobodys, owner=owner), *commands[way])
    assert code != 0
    assert FORBIDDEN in words


def test_what_else_one_may_do_with_it_goes_on(scene: Scene, nobodys: str) -> None:
    """The control."""
    code, words = patch(scene, nobodys, {"spec": {"displayName": "Nobody's"}}, "--dry-run=server")
    assert code == 0, words
    code, words = create(scene, environment(scene, nobodys, owner=None), "apply", "--server-side", "--force-conflicts")
    assert code == 0, words


def test_one_makes_environments_for_oneself_or_for_nobody(scene: Scene) -> None:
    for owner in (scene.alice.name, None):
        code, words = create(scene, environment(scene, "made", owner=owner))
        assert code == 0, words
    for owner in (scene.bob.name, scene.alice.name.upper(), f"{scene.alice.name}x", "alice"):
        code, words = create(scene, environment(scene, "made", owner=owner))
        assert code != 0
        assert FORBIDDEN in words
        assert scene.alice.name in words, "what to do instead"


def test_the_owner_s_account_is_not_for_those_who_change_environments(scene: Scene) -> None:
    """Without the mark, or with one's own, whoever got the name of somebody who left would be the owner."""
    name, place = "marked", f"--namespace={scene.alice.namespace}"
    apply(scene.surroundings, environment(scene, name, owner=scene.alice.name, account="left"))
    try:
        for value in (None, "", "mine"):
            code, words = patch(scene, name, {"metadata": {"annotations": {ACCOUNT: value}}}, "--dry-run=server")
            assert code != 0, value
            assert ACCOUNT in words
        code, words = create(scene, environment(scene, "made", owner=scene.alice.name, account="left"))
        assert code != 0, "a forged mark would take over the volume of somebody who left"
        assert ACCOUNT in words
        code, words = patch(scene, name, {"metadata": {"annotations": {"other": "x"}}}, "--dry-run=server")
        assert code == 0, "positive control"
    finally:
        scene.surroundings.run_kubectl("delete", "wsi", name, place)


def test_who_has_the_right_names_owners(scene: Scene, nobodys: str) -> None:
    """For one environment by its name, as RBAC can say it; then for a new one."""
    role = {"name": "owners", "namespace": scene.alice.namespace}
    rule = {"apiGroups": [names.GROUP], "resources": [f"{names.INSTANCE_PLURAL}/owner"], "verbs": ["create"]}
    subject = {"kind": "ServiceAccount", "name": scene.alice.account, "namespace": scene.alice.namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "owners"}
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": role}
    granted = [
        {**head, "kind": "Role", "rules": [{**rule, "resourceNames": [nobodys]}]},
        {**head, "kind": "RoleBinding", "subjects": [subject], "roleRef": reference},
    ]
    apply(scene.surroundings, *granted)
    try:
        code, words = patch(scene, nobodys, {"spec": {"owner": scene.bob.name}}, "--dry-run=server")
        assert code == 0, words
        assert create(scene, environment(scene, "made", owner=scene.bob.name))[0] != 0, "not the one that was named"
    finally:
        place = f"--namespace={scene.alice.namespace}"
        scene.surroundings.run_kubectl("delete", "role/owners", "rolebinding/owners", place)


async def test_what_is_nobody_s_is_opened_by_grant_only(scene: Scene, nobodys: str) -> None:
    """Alice, who may change it, finds nothing there; once the cluster's admin has made it hers, she does."""
    address = f"{scene.origin}/api/v1/namespaces/{scene.alice.namespace}/environments/{nobodys}"
    headers = {"Authorization": f"Bearer {scene.token(scene.alice)}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def status() -> int:
            async with session.get(address) as answer:
                return answer.status

        assert await status() == 404
        await asyncio.to_thread(
            scene.surroundings.run_kubectl,
            "patch", "wsi", nobodys, f"--namespace={scene.alice.namespace}", "--type=merge",
            f"--patch={json.dumps({'spec': {'owner': scene.alice.name}})}",
        )  # fmt: skip
        async with asyncio.timeout(20):
            while await status() != 200:
                await asyncio.sleep(0.1)
