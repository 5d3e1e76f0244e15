"""Environments that are made to fail."""

import asyncio
import json
import secrets
from typing import Any, Final

from devworkspace.api.instance import WorkspaceInstance
from tests.support.live import Live


def serving(live: Live, *, command: str = "exec python3 -m http.server 8080", **more: Any) -> dict[str, Any]:
    """An environment that answers within a second, needs no home directory, and can be told to fail."""
    image = f"{live.surroundings.image_prefix}/python:0.1.0"
    environment = {"image": image, "ide": "custom", "command": ["sh", "-c", command], "healthPath": "/"}
    return {**environment, **more}


async def start(live: Live, *, environment: dict[str, Any] | None = None, **spec: Any) -> WorkspaceInstance:
    """An environment from a template of its own."""
    await live.create_template("t", environment=environment or serving(live), **spec)
    return await live.create(template=f"{live.namespace}-t")


def apply(live: Live, kind: str, name: str, *, api: str = "v1", **body: Any) -> None:
    """Makes any object with kubectl, in the namespace where it has one."""
    key, _, value = label(live).partition("=")
    manifest = {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": {key: value}}, **body}
    live.surroundings.run_kubectl(
        "apply", "--filename=-", f"--namespace={live.namespace}", input_text=json.dumps(manifest)
    )


def label(live: Live) -> str:
    """What marks objects of no namespace, so that they go with the test."""
    return f"devworkspace-test={live.namespace}"


def remove_marked(live: Live) -> None:
    live.surroundings.run_kubectl(
        "delete", "persistentvolumes,storageclasses,runtimeclasses,nodes", f"--selector={label(live)}", "--wait=false"
    )


def storage_class(live: Live) -> str:
    """The name of the class that the test's own volumes have."""
    return f"{live.namespace}-class"


def apply_volume(live: Live, name: str, *, path: str, type_: str = "DirectoryOrCreate") -> None:
    """A volume that was there before its claim, in a directory of the node."""
    spec = {
        "storageClassName": storage_class(live),
        "capacity": {"storage": "10Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "hostPath": {"path": path, "type": type_},
    }
    apply(live, "PersistentVolume", f"{live.namespace}-{name}", spec=spec)


_REGISTRY: Final = """
import http.server, sys
class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"errors": [{"code": "%s", "message": "says the test"}]}' % sys.argv[2].encode()
        self.send_response(200 if self.path == "/v2/" else int(sys.argv[1]))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.command == "GET" else b"")
    do_HEAD = do_GET
http.server.HTTPServer(("127.0.0.1", int(sys.argv[3])), Registry).serve_forever()
"""


async def run_registry(live: Live, *, port: int, status: int, code: str) -> str:
    """A registry on a node's loopback that answers every image with an error; returns the node's name."""
    container = {
        "name": "registry",
        "image": f"{live.surroundings.image_prefix}/python:0.1.0",
        "command": ["python3", "-c", _REGISTRY, str(status), code, str(port)],
    }
    spec = {"hostNetwork": True, "containers": [container], "terminationGracePeriodSeconds": 0}
    apply(live, "Pod", "registry", spec=spec)
    where = (f"--namespace={live.namespace}", "pod/registry")
    await asyncio.to_thread(live.surroundings.run_kubectl, "wait", "--for=condition=Ready", "--timeout=50s", *where)
    return live.surroundings.run_kubectl("get", *where, "--output=jsonpath={.spec.nodeName}")


async def run_on_node(live: Live, command: str) -> None:
    """Runs a command in `/tmp` of a node, by a pod as an admin may make one."""
    container = {
        "name": "admin",
        "image": live.surroundings.base_image,
        "command": ["sh", "-c", f"cd /node && {command}"],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": "tmp", "mountPath": "/node"}],
    }
    volumes = [{"name": "tmp", "hostPath": {"path": "/tmp"}}]
    name = f"admin-{secrets.token_hex(3)}"
    apply(live, "Pod", name, spec={"restartPolicy": "Never", "containers": [container], "volumes": volumes})
    await asyncio.to_thread(
        live.surroundings.run_kubectl,
        "wait", f"pod/{name}", f"--namespace={live.namespace}", "--for=jsonpath={.status.phase}=Succeeded",
        "--timeout=50s",
    )  # fmt: skip
