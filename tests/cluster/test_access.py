"""Nobody reaches an editor but through the gateway. Each attack stands beside a control that succeeds."""

import asyncio
import json

import aiohttp
import pytest

from devworkspace.api.children import NetworkPolicy
from devworkspace.api.instance import InstanceStatus
from devworkspace.core.render.policy import EGRESS_POLICY, INGRESS_POLICY
from devworkspace.kube.resource import NETWORK_POLICIES, PODS
from tests.support.environment import Surroundings
from tests.support.live import Anything, Live

pytestmark = pytest.mark.cluster

# What `curl` prints for a connection that is refused or never answered.
NO_ANSWER = "000"


async def running(live: Live) -> InstanceStatus:
    await live.create(template="base")
    return (await live.wait_phase("Running")).status


async def pod_ip(live: Live, pod: str) -> str:
    return live.surroundings.run_kubectl(
        "get", "pod", pod, f"--namespace={live.namespace}", "--output=jsonpath={.status.podIP}"
    )


async def start_visitor(live: Live) -> None:
    """A pod of somebody else in the same namespace: it serves on 9000 and can run curl."""
    container = {
        "name": "workspace",
        "image": live.surroundings.base_image,
        "command": [
            "sh",
            "-c",
            "cd /tmp && exec node -e \"require('http').createServer((q,r)=>r.end('hi')).listen(9000)\"",
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": 9000}, "periodSeconds": 1},
    }
    body = {"metadata": {"name": "visitor", "namespace": live.namespace}, "spec": {"containers": [container]}}
    await live.client.create(PODS, body, Anything)
    live.surroundings.run_kubectl(
        "wait", "pod/visitor", f"--namespace={live.namespace}", "--for=condition=Ready", "--timeout=60s"
    )


async def status_code(live: Live, pod: str, url: str, *options: str) -> str:
    """What a request from inside a pod is answered with."""
    command = ["curl", "--silent", "--output", "/dev/null", "--max-time", "3", "--write-out", "%{http_code}"]
    try:
        return await live.execute(pod, "sh", "-c", '"$@" || true', "sh", *command, *options, url)
    except AssertionError:
        return NO_ANSWER


async def test_another_pod_of_the_namespace_cannot_reach_an_editor(live: Live) -> None:
    status = await running(live)
    await start_visitor(live)
    editor, visitor = await pod_ip(live, status.pod_name or ""), await pod_ip(live, "visitor")
    assert await status_code(live, "visitor", f"http://{visitor}:9000/") == "200"
    assert await status_code(live, status.pod_name or "", f"http://{visitor}:9000/") == "200"
    assert await status_code(live, "visitor", f"http://{editor}:8080/healthz") == NO_ANSWER


async def test_a_policy_edited_by_hand_is_put_back(live: Live) -> None:
    await running(live)
    for name, field in ((INGRESS_POLICY, "ingress"), (EGRESS_POLICY, "egress")):
        before = await live.client.get(NETWORK_POLICIES, live.key(name), NetworkPolicy)
        edited = await live.client.merge_patch(NETWORK_POLICIES, live.key(name), {"spec": {field: [{}]}}, NetworkPolicy)
        assert edited.spec != before.spec, "control: the API server takes it"
        async with asyncio.timeout(20):
            while (await live.client.get(NETWORK_POLICIES, live.key(name), NetworkPolicy)).spec != before.spec:
                await asyncio.sleep(0.1)


async def test_the_editor_itself_lets_nobody_in_without_the_gateway_s_credential(live: Live) -> None:
    status = await running(live)
    pod = status.pod_name or ""
    credential = (await live.execute(pod, "sh", "-c", "printf %s $HASHED_PASSWORD")).strip()
    assert len(credential) == 64
    page = f"http://localhost:8080/?folder={'/home/dev'}"
    assert await status_code(live, pod, page) == "302"
    assert await status_code(live, pod, page, "--cookie", f"code-server-session={credential}") == "200"


async def test_a_stranger_gets_no_answer_that_tells_anything(live: Live, surroundings: Surroundings) -> None:
    status = await running(live)
    assert status.url is not None
    gateway = surroundings.url
    host = status.url.split("//")[1].rstrip("/")
    async with aiohttp.ClientSession() as session:
        answers = []
        for name in (host, f"no-such--{host}"):
            async with session.get(gateway, headers={"Host": name}, allow_redirects=False) as response:
                answers.append((response.status, json.loads(await response.text())["title"]))
        assert answers[0] == answers[1] == (401, "Unauthorized")
        async with session.get(f"{gateway}/api/v1/environments") as response:
            assert response.status == 401


async def test_a_pod_holds_no_token_for_the_kubernetes_api(live: Live) -> None:
    status = await running(live)
    look = "test -e /var/run/secrets/kubernetes.io/serviceaccount/token && echo present || echo absent"
    assert (await live.execute(status.pod_name or "", "sh", "-c", look)).strip() == "absent"
    await start_visitor(live)
    assert (await live.execute("visitor", "sh", "-c", look)).strip() == "present"
