"""N3 to N6, N9, N32, N34: what somebody writes into an environment or a template, put to the real API server.

Each single rule has its accepted and refused manifest in tests/crds/cases; here are the attacks.
"""

import asyncio
import json
import re
from typing import Any

import pytest

from devworkspace.api import names, reasons
from devworkspace.core.conditions import find_condition
from devworkspace.kube.client import Client
from devworkspace.kube.resource import PODS
from tests.attacks.scene import Scene, apply, instance
from tests.support.live import INSTANCES, Anything, Live

pytestmark = pytest.mark.cluster


def refused(scene: Scene, bodies: list[dict[str, Any]]) -> set[int]:
    """The places of those that the API server refuses; nothing is kept."""
    for number, body in enumerate(bodies):
        body["metadata"].setdefault("name", f"attack-{number}")
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
    result = scene.surroundings.try_kubectl("create", "--dry-run=server", "--filename=-", input_text=listed)
    made = set(re.findall(r"/attack-(\d+) created \(server dry run\)", result.stdout))
    return {number for number in range(len(bodies)) if str(number) not in made}


def environment(scene: Scene, metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    body = instance(scene.alice, "x", template="base")
    body["metadata"] = {"namespace": scene.alice.namespace, **(metadata or {})}
    body["spec"] |= spec
    return body


def template(**environment: Any) -> dict[str, Any]:
    known = {key: environment.pop(key) for key in ("ports", "scheduling", "storage", "volumes") if key in environment}
    return {
        "apiVersion": f"{names.GROUP}/{names.VERSION}",
        "kind": names.TEMPLATE_KIND,
        "metadata": {},
        "spec": {"displayName": "x", "environment": {"image": "x:1", **environment}, **known},
    }


def many(count: int) -> list[dict[str, str]]:
    return [{"name": f"A{number}", "value": "x"} for number in range(count)]


REFERENCES = ["../x", "default/python", "x" * 300, "", "pythоn", "python\n", "python ", "Python", "py%74hon", "*"]
PRIVILEGES: list[dict[str, Any]] = [
    {"securityContext": {"privileged": True}},
    {"privileged": True},
    {"hostNetwork": True},
    {"hostPID": True},
    {"podOverrides": {"spec": {"hostNetwork": True}}},
    {"initContainers": [{"name": "x", "image": "x"}]},
    {"ephemeralContainers": [{"name": "x", "image": "x"}]},
    {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
    {"serviceAccountName": "devworkspace-operator"},
    {"automountServiceAccountToken": True},
    {"overrides": {"securityContext": {"runAsUser": 0}}},
    {
        "overrides": {
            "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "devworkspace-keys", "key": "master"}}}]
        }
    },
    {"overrides": {"envFrom": [{"secretRef": {"name": "devworkspace-keys"}}]}},
    {"overrides": {"volumeName": "pvc-of-somebody"}},
    {"overrides": {"storage": {"claimName": "of-somebody"}}},
    {"namespace": "devworkspace-system"},
    {"templateRef": {"name": "base", "namespace": "x"}},
]
AMOUNTS: list[dict[str, Any]] = [
    *[
        {"overrides": {"resources": {kind: {name: value}}}}
        for kind in ("limits", "requests")
        for name in ("cpu", "memory")
        for value in ("-1", "NaN", "1Zi", "", "9" * 200)
    ],
    {"overrides": {"resources": {"limits": {f"example.com/r{number}": "1" for number in range(100)}}}},
    {"overrides": {"env": many(5_000)}},
    {"overrides": {"env": [{"name": "A", "value": "x" * 300_000}]}},
    {"overrides": {"storage": {"size": "-1Gi"}}},
    {"overrides": {"storage": {"size": "0"}}},
    {"lifecycle": {"idleTimeout": "-1h"}},
    {"lifecycle": {"idleTimeout": "9" * 50 + "h"}},
]
HOSTILE_TEMPLATES: list[dict[str, Any]] = [
    {"runAsUser": 0},
    {"runAsGroup": 0},
    {"privileged": True},
    {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    {"capabilities": {"add": ["SYS_ADMIN"]}},
    {"procMount": "Unmasked"},
    {"probe": {"host": "169.254.169.254"}},
    {"healthPath": "http://169.254.169.254/"},
    {"hostNetwork": True},
    {"initContainers": [{"name": "x", "image": "x"}]},
    {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
    {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}]},
    {"envFrom": [{"secretRef": {"name": "x"}}]},
    {"imagePullSecrets": [{"name": "x", "namespace": "devworkspace-system"}]},
    {"serviceAccountName": "devworkspace-operator"},
]
NAMES: list[dict[str, Any]] = [
    {"name": name}
    for name in ("x" * 64, "ünïcode", "a\u202eb", "a\x00b", "a\r\nb", "../x", "A", "a--b.", "-a", "a_b", "a b", "")
]
TEXTS = ["x" * 65, "a\nb", "a\r\nb", "a\x00b", "a\x1b[31mb", "a\u202eb", "a\u2028b", "\ufeffa"]


def test_hostile_environments_are_refused(scene: Scene) -> None:
    groups: dict[str, list[dict[str, Any]]] = {
        "references": [environment(scene, templateRef=value) for value in REFERENCES],
        "privileges": [environment(scene, **spec) for spec in PRIVILEGES],
        "amounts": [environment(scene, **spec) for spec in AMOUNTS],
        "names": [environment(scene, metadata) for metadata in NAMES],
        "texts": [environment(scene, displayName=text) for text in TEXTS],
        "templates": [template(**spec) for spec in HOSTILE_TEMPLATES],
        "sizes": [
            environment(scene, {"annotations": {"x": "y" * 1_000_000}}),
            environment(scene, owner="o" * 300),
            environment(scene, displayName="y" * 1_600_000),
        ],
    }
    let_through = {
        name: [json.dumps(bodies[number])[:300] for number in sorted(set(range(len(bodies))) - refused(scene, bodies))]
        for name, bodies in groups.items()
    }
    assert {name: found for name, found in let_through.items() if found} == {}


def test_ordinary_ones_are_accepted(scene: Scene) -> None:
    """The control of them all."""
    assert (
        refused(
            scene,
            [
                environment(scene, displayName="张伟的环境 – «été» 🙂"),
                environment(
                    scene, overrides={"resources": {"limits": {"cpu": "2"}}, "env": many(3), "storage": {"size": "2Gi"}}
                ),
                environment(scene, {"annotations": {"x": "y"}}, owner="o" * 253),
                template(env=many(3)),
            ],
        )
        == set()
    )


async def test_what_is_smuggled_past_the_client_changes_no_pod(scene: Scene, live: Live) -> None:
    """Unknown fields that the server prunes, and annotations that other programs would act on."""
    annotations = {
        "seccomp.security.alpha.kubernetes.io/pod": "unconfined",
        "container.apparmor.security.beta.kubernetes.io/workspace": "unconfined",
        "controller.devfile.io/pod-overrides": '{"spec":{"hostNetwork":true}}',
        f"{names.GROUP}/pod-name": "another",
        "sidecar.istio.io/inject": "true",
    }
    hostile = {"spec": {"templateRef": "base", **PRIVILEGES[0], "hostNetwork": True, "initContainers": [{"name": "x"}]}}
    body = {
        "apiVersion": f"{names.GROUP}/{names.VERSION}",
        "kind": names.INSTANCE_KIND,
        "metadata": {"name": "demo", "namespace": live.namespace, "annotations": annotations},
        **hostile,
    }
    scene.surroundings.run_kubectl("create", "--validate=false", "--filename=-", input_text=json.dumps(body))
    status = (await live.wait_phase("Running")).status
    kubectl = scene.surroundings.run_kubectl
    made = json.loads(kubectl("get", "pod", str(status.pod_name), f"--namespace={live.namespace}", "--output=json"))
    plain = json.loads(kubectl("get", "pod", scene.two.pod, f"--namespace={scene.two.namespace}", "--output=json"))
    assert shape(made["spec"]) == shape(plain["spec"])
    assert not set(annotations) & set(made["metadata"].get("annotations", {}))
    restricted = made["spec"]["containers"][0]["securityContext"]
    assert restricted["allowPrivilegeEscalation"] is False
    assert restricted["capabilities"] == {"drop": ["ALL"]}


def shape(spec: dict[str, Any]) -> dict[str, Any]:
    """A pod's specification without the names of its own."""
    text = json.dumps({key: value for key, value in spec.items() if key != "nodeName"}, sort_keys=True)
    text = re.sub(r"(demo|two)-[0-9a-f]{8}", "NAME", text)
    return json.loads(re.sub(r"(demo|two)--[a-z0-9-]+", "LABEL", text))  # type: ignore[no-any-return]


def images(prefix: str) -> list[str]:
    host, _, rest = prefix.partition("/")
    return [
        "evil.example/python:0.1.0",
        f"{host}.evil.example/{rest}/go:0.1.0",
        f"{prefix}/go",
        f"{prefix}/go:latest",
        f"{prefix}/go:0.1.0.1",
        f"{prefix}/go:0.1.0@sha256:{'0' * 64}",
        f"{prefix}/go@sha256:{'0' * 64}",
        f"{prefix}/../evil/go:0.1.0",
        f"{prefix}//go:0.1.0",
    ]


async def test_only_what_the_template_allows_is_run(scene: Scene, live: Live, client: Client) -> None:
    """Images by any other name, and amounts that the API server takes for quantities."""
    prefix = scene.surroundings.image_prefix
    overrides: list[dict[str, Any]] = [{"image": image} for image in images(prefix)]
    overrides += [{"resources": {"limits": {"cpu": amount}}} for amount in ("1e400", "4001m", "1E")]
    overrides += [{"resources": {"limits": {"memory": "1e400"}}}, {"storage": {"size": "51Gi"}}]
    bodies = []
    for number, wanted in enumerate(overrides):
        body = instance(scene.alice, f"attack-{number}", template="base", overrides=wanted)
        body["metadata"]["namespace"] = live.namespace
        bodies.append(body)
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
    scene.surroundings.try_kubectl("create", "--filename=-", input_text=listed)
    await live.create("allowed", template="base", overrides={"image": f"{prefix}/go:0.1.0"})
    await live.wait_phase("Running", "allowed")
    pods = await client.list(PODS, Anything, namespace=live.namespace)
    assert [pod.metadata.labels["app.kubernetes.io/instance"] for pod in pods.items] == ["allowed"], "positive control"
    made = [one.metadata.name for one in (await client.list(INSTANCES, Anything, namespace=live.namespace)).items]
    assert len(made) > 5, "some are refused by the operator and not by a pattern"
    for name in set(made) - {"allowed"}:
        resolved = find_condition((await live.get(name)).status.conditions, "TemplateResolved")
        assert resolved is not None
        assert resolved.reason == reasons.OVERRIDE_NOT_ALLOWED


async def test_a_flood_of_environments_meets_a_quota(scene: Scene, live: Live) -> None:
    kind = f"count/{names.INSTANCE_PLURAL}.{names.GROUP}"
    metadata = {"name": "few", "namespace": live.namespace}
    apply(
        scene.surroundings,
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {kind: "2"}}},
    )
    await asyncio.to_thread(
        scene.surroundings.run_kubectl,
        "wait", "quota/few", f"--namespace={live.namespace}", "--for=jsonpath={.status.hard}", "--timeout=30s",
    )  # fmt: skip
    made = []
    for number in range(4):
        body = instance(scene.alice, f"flood-{number}", template="base", running=False)
        body["metadata"]["namespace"] = live.namespace
        result = scene.surroundings.try_kubectl("create", "--filename=-", input_text=json.dumps(body))
        made.append(result.returncode == 0 or "exceeded quota" not in result.stderr)
    assert made == [True, True, False, False]
