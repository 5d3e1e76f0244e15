"""The DaemonSet that holds images on nodes, whole."""

import json
from typing import Any

import msgspec

from devworkspace.core.prepull import Host, PulledImage, pull_set, pull_sets
from devworkspace.core.render.common import Body
from devworkspace.core.render.prepull import render_pull_set
from tests.contract.test_deploy import restricted_violations
from tests.support.builders import make_template

HOST = Host("devworkspace-system", "devworkspace-operator", "uid-host", "own:1", ("own",))


def rendered(host: Host = HOST, **spec: Any) -> Body:
    """The DaemonSet of one template, as it is sent."""
    made = render_pull_set(pull_set(make_template(prePull=True, **spec)), host)
    body: Body = json.loads(msgspec.json.encode(made))
    return body


def test_the_whole_object() -> None:
    scheduling = {"nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "dev", "operator": "Exists"}]}
    environment = {"image": "python:1", "imagePullPolicy": "Always", "imagePullSecrets": [{"name": "registry"}]}
    body = rendered(environment=environment, scheduling=scheduling)
    (hashed,) = body["metadata"]["annotations"].values()
    name, container = body["metadata"]["name"], PulledImage("python:1", "Always").container
    labels = {
        "app.kubernetes.io/name": "devworkspace",
        "app.kubernetes.io/component": "prepull",
        "app.kubernetes.io/instance": name,
    }
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "devworkspace-operator", "uid": "uid-host"}
    security = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert body["metadata"] == {
        "name": name,
        "namespace": "devworkspace-system",
        "labels": {**labels, "app.kubernetes.io/managed-by": "devworkspace-operator"},
        "annotations": {"devworkspace.kubesphere.io/inputs-hash": hashed},
        "ownerReferences": [{**owner, "blockOwnerDeletion": False}],
    }
    assert body["spec"] == {
        "selector": {"matchLabels": labels},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "terminationGracePeriodSeconds": 1,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 65532,
                    "runAsGroup": 65532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"key": "dev", "operator": "Exists"}],
                "imagePullSecrets": [{"name": "own"}, {"name": "registry"}],
                "initContainers": [
                    {
                        "name": "copy",
                        "image": "own:1",
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["cp", "/usr/bin/catatonit", "/.devworkspace/hold"],
                        "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "32Mi"}},
                        "securityContext": security,
                        "volumeMounts": [{"name": "holder", "mountPath": "/.devworkspace"}],
                    }
                ],
                "containers": [
                    {
                        "name": container,
                        "image": "python:1",
                        "imagePullPolicy": "Always",
                        "command": ["/.devworkspace/hold", "-P"],
                        "workingDir": "/",
                        "resources": {"requests": {"cpu": "1m", "memory": "2Mi"}, "limits": {"memory": "32Mi"}},
                        "securityContext": security,
                        "volumeMounts": [{"name": "holder", "mountPath": "/.devworkspace", "readOnly": True}],
                    }
                ],
                "volumes": [{"name": "holder", "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}}],
            },
        },
    }


def test_it_meets_pod_security_restricted() -> None:
    assert restricted_violations(rendered()["spec"]["template"]["spec"]) == []


def test_names_fit_kubernetes() -> None:
    body = rendered(environment={"image": "i" * 512})
    (container,) = body["spec"]["template"]["spec"]["containers"]
    assert max(len(body["metadata"]["name"]), len(container["name"])) <= 63


def test_the_order_of_the_templates_changes_nothing_and_every_input_does() -> None:
    def hash_of(*templates: Any, host: Host = HOST) -> str:
        (made,) = pull_sets(templates).values()
        return str(render_pull_set(made, host)["metadata"]["annotations"])

    one, two = (make_template(name, prePull=True, environment={"image": name}) for name in ("one", "two"))
    assert hash_of(one, two) == hash_of(two, one)
    other = msgspec.structs.replace(HOST, image="own:2")
    assert len({hash_of(one), hash_of(two), hash_of(one, two), hash_of(one, host=other)}) == 4
