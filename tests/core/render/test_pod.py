import base64
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.core.address import Gateway
from devworkspace.core.credential import environment_credential, key_id
from devworkspace.core.render.common import child_name
from devworkspace.core.render.pod import render_pod, template_revision
from devworkspace.core.render.secret import render_secret
from tests.support.builders import (
    CHILD,
    INSTALLATION,
    MASTER_KEY,
    UID,
    applied,
    make_instance,
    make_settings,
    make_template,
    make_world,
)


def test_the_whole_pod() -> None:
    pod = applied(make_world(), "Pod")
    revision = template_revision(make_settings())
    assert pod == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": CHILD,
            "namespace": "team",
            "labels": {
                "app.kubernetes.io/name": "devworkspace",
                "app.kubernetes.io/instance": "demo",
                "app.kubernetes.io/component": "environment",
                "app.kubernetes.io/managed-by": "devworkspace-operator",
                "devworkspace.kubesphere.io/instance-uid": UID,
            },
            "annotations": {
                "devworkspace.kubesphere.io/inputs-hash": revision,
                "devworkspace.kubesphere.io/template": "python",
                "devworkspace.kubesphere.io/template-revision": revision,
                "devworkspace.kubesphere.io/restartedAt": "",
                "devworkspace.kubesphere.io/credential-key": key_id(MASTER_KEY),
            },
            "ownerReferences": [
                {
                    "apiVersion": "devworkspace.kubesphere.io/v1alpha1",
                    "kind": "WorkspaceInstance",
                    "name": "demo",
                    "uid": UID,
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 10,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "runAsGroup": 1000,
                "fsGroup": 1000,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "workspace",
                    "image": "localhost/devworkspace/python:0.1.0",
                    "command": [
                        "/bin/sh",
                        "-c",
                        'command -v devworkspace-start >/dev/null && exec devworkspace-start "$@"; '
                        'exec code-server "$@"',
                        "code-server",
                    ],
                    "args": [
                        "--bind-addr=0.0.0.0:8080",
                        "--auth=password",
                        "--disable-telemetry",
                        "--disable-update-check",
                        "--disable-getting-started-override",
                        "--disable-workspace-trust",
                        "/home/dev",
                    ],
                    "env": [
                        {"name": "HOME", "value": "/home/dev"},
                        {
                            "name": "HASHED_PASSWORD",
                            "valueFrom": {"secretKeyRef": {"name": CHILD, "key": "hashed-password"}},
                        },
                        {"name": "VSCODE_PROXY_URI", "value": "http://{{port}}--demo--team.localhost:8080/"},
                    ],
                    "ports": [{"name": "dw-editor", "containerPort": 8080, "protocol": "TCP"}],
                    "resources": {
                        "requests": {"cpu": "100m", "memory": "256Mi"},
                        "limits": {"cpu": "2", "memory": "2Gi"},
                    },
                    "volumeMounts": [
                        {"name": "home", "mountPath": "/home/dev"},
                        {"name": "clock", "mountPath": "/etc/devworkspace", "readOnly": True},
                    ],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    "readinessProbe": {
                        "httpGet": {"path": "/healthz", "port": "dw-editor"},
                        "periodSeconds": 1,
                        "timeoutSeconds": 3,
                        "failureThreshold": 5,
                    },
                    "terminationMessagePolicy": "FallbackToLogsOnError",
                }
            ],
            "volumes": [
                {"name": "home", "persistentVolumeClaim": {"claimName": CHILD}},
                {
                    "name": "clock",
                    "downwardAPI": {
                        "items": [
                            {
                                "path": "stops",
                                "fieldRef": {"fieldPath": "metadata.annotations['devworkspace.kubesphere.io/stops']"},
                            },
                            {
                                "path": "gitconfig",
                                "fieldRef": {
                                    "fieldPath": "metadata.annotations['devworkspace.kubesphere.io/git-settings']"
                                },
                            },
                            {
                                "path": "repository",
                                "fieldRef": {
                                    "fieldPath": "metadata.annotations['devworkspace.kubesphere.io/repository']"
                                },
                            },
                        ]
                    },
                },
            ],
        },
    }


def test_in_path_mode_the_editor_links_to_ports_beside_itself_and_tells_applications_their_path() -> None:
    gateway = Gateway("http://localhost:8080", "path")
    world = make_world(installation=replace(INSTALLATION, gateway=gateway))
    container = applied(world, "Pod")["spec"]["containers"][0]
    assert [variable["name"] for variable in container["env"]] == ["HOME", "HASHED_PASSWORD"]
    assert "--abs-proxy-base-path=/w/team/demo" in container["args"]
    plain = applied(make_world(), "Pod")["spec"]["containers"][0]
    assert [argument for argument in plain["args"] if "abs-proxy" in argument] == []


def test_a_custom_image_keeps_its_own_command_and_gets_no_credential() -> None:
    environment = {"image": "jupyter", "ide": "custom", "command": ["start"], "args": ["--x"], "port": 8888}
    settings = make_settings(template=make_template(environment=environment))
    pod = render_pod(make_instance(), settings, volume="v", key_id="k")
    container = pod["spec"]["containers"][0]
    assert (container["command"], container["args"]) == (["start"], ["--x"])
    assert [variable["name"] for variable in container["env"]] == ["HOME"]
    assert [mount["name"] for mount in container["volumeMounts"]] == ["home"], "nobody there reads of a stop"
    assert container["ports"] == [{"name": "dw-editor", "containerPort": 8888, "protocol": "TCP"}]


def test_declared_ports_are_opened_and_the_editor_s_own_is_not_repeated() -> None:
    ports = [{"name": "web", "containerPort": 3000}, {"name": "same", "containerPort": 8080}]
    world = make_world(template=make_template(ports=ports))
    pod, service = applied(world, "Pod"), applied(world, "Service")
    assert [port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]] == [8080, 3000]
    assert [port["port"] for port in service["spec"]["ports"]] == [8080, 3000]


def test_placement_reaches_the_pod_as_kubernetes_writes_it() -> None:
    scheduling = {
        "nodeSelector": {"pool": "dev"},
        "tolerations": [{"key": "dev", "operator": "Exists"}],
        "runtimeClassName": "kata",
        "priorityClassName": "low",
        "topologySpread": True,
    }
    environment = {"image": "i", "imagePullSecrets": [{"name": "registry"}], "imagePullPolicy": "Never"}
    template = make_template(scheduling=scheduling, environment=environment)
    spec = msgspec.to_builtins(render_pod(make_instance(), make_settings(template=template), volume="v", key_id="k"))[
        "spec"
    ]
    assert spec["nodeSelector"] == {"pool": "dev"}
    assert spec["tolerations"] == [{"key": "dev", "operator": "Exists"}]
    assert (spec["runtimeClassName"], spec["priorityClassName"]) == ("kata", "low")
    assert spec["topologySpreadConstraints"][0]["whenUnsatisfiable"] == "ScheduleAnyway"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["containers"][0]["imagePullPolicy"] == "Never"


@pytest.mark.parametrize(
    "change",
    [
        {"environment": {"image": "other"}},
        {"resources": {"limits": {"cpu": "3"}}},
        {"ports": [{"name": "web", "containerPort": 3000}]},
        {"scheduling": {"nodeSelector": {"a": "b"}}},
    ],
)
def test_the_revision_changes_with_everything_that_is_in_the_pod(change: dict[str, Any]) -> None:
    assert template_revision(make_settings(template=make_template(**change))) != template_revision(make_settings())


@pytest.mark.parametrize("change", [{"displayName": "New"}, {"storage": {"size": "99Gi"}}, {"tags": ["a"]}])
def test_the_revision_ignores_what_is_not_in_the_pod(change: dict[str, Any]) -> None:
    assert template_revision(make_settings(template=make_template(**change))) == template_revision(make_settings())


@pytest.mark.parametrize("name", ["a", "demo", "n" * 54, "n" * 55, "n" * 63, "n" * 53 + "-" + "m" * 9])
def test_a_child_s_name_is_a_dns_label_that_ends_with_the_uid(name: str) -> None:
    child = child_name(make_instance(name))
    assert len(child) <= 63
    assert child.endswith("-0a1b2c3d")
    assert "--" not in child or "--" in name


def test_the_secret_has_a_type_that_keeps_it_apart_from_other_people_s() -> None:
    credential = environment_credential(MASTER_KEY, UID)
    secret = render_secret(make_instance(), credential)
    assert secret["type"] == f"{names.GROUP}/editor-credential"
    assert base64.b64decode(secret["data"]["hashed-password"]).decode() == credential
    assert credential not in str(secret["metadata"])
