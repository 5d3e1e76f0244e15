"""The extension on a control plane with KubeSphere's definitions: published, installed by Helm under the account that
KubeSphere uses for it, upgraded, removed.

The steps are those of KubeSphere 4.1.3; its controllers are not here, nor are nodes.
"""

import base64
import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from scripts import extension
from tests.charts.test_render import load
from tests.crds.apiserver import Answer, ApiServer
from tests.support.helm import ROOT, Helm

pytestmark = pytest.mark.helm

DEFINITIONS: Final = Path(__file__).parent / "kubesphere/definitions.yaml"
NAMESPACE: Final = "extension-devworkspace"
# Each extension has one, and Helm works in its name.
ACCOUNT: Final = f"system:serviceaccount:{NAMESPACE}:helm-executor.devworkspace"
NAME: Final = "helm-executor"
HOST: Final = ("devworkspace", "--set=tags.extension=true,tags.agent=false")
AGENT: Final = ("devworkspace-agent", "--set=tags.agent=true,tags.extension=false")
RBAC: Final = "rbac.authorization.k8s.io"
CORE: Final = "/api/v1/namespaces"
IAM: Final = "/apis/iam.kubesphere.io/v1beta1"
EXTENSIONS: Final = "/apis/extensions.kubesphere.io/v1alpha1"
TEMPLATES: Final = "/apis/devworkspace.kubesphere.io/v1alpha1/ideworkspacetemplates"
MADE: Final = (f"{EXTENSIONS}/jsbundles", f"{EXTENSIONS}/reverseproxies", f"{IAM}/roletemplates", f"{IAM}/categories")
OTHERS: Final = {"Namespace": "namespaces", "Extension": "extensions", "ExtensionVersion": "extensionversions"}
Json = dict[str, Any]


class ControlPlane:
    """An API server, and Helm for it; `folder` is for files of the test."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        self.folder = folder
        self.helm = Helm(folder, kubeconfig)
        self.api = ApiServer.from_kubeconfig(kubeconfig)

    def attempt(self, document: Json) -> Answer:
        """Server-side apply that takes no field which the kind does not have."""
        query = {"fieldManager": "test", "force": "true", "fieldValidation": "Strict"}
        kind = "application/apply-patch+yaml"
        return self.api.request("PATCH", path_of(document), body=document, query=query, content_type=kind)

    def apply(self, *documents: Json) -> None:
        for document in documents:
            answer = self.attempt(document)
            assert answer.ok, answer

    def get(self, path: str) -> Json:
        answer = self.api.request("GET", path)
        assert answer.ok, answer
        return answer.body

    def names(self, path: str) -> set[str]:
        return {item["metadata"]["name"] for item in self.get(path)["items"]}

    def upgrade(self, part: tuple[str, str], package: Path, *values: str) -> subprocess.CompletedProcess[str]:
        name, tags = part
        return self.helm.attempt(
            *("upgrade", "--install", name, package, f"--namespace={NAMESPACE}", f"--kube-as-user={ACCOUNT}"),
            *(tags, *values),
        )

    def uninstall(self, name: str) -> None:
        self.helm.run("uninstall", name, f"--namespace={NAMESPACE}", f"--kube-as-user={ACCOUNT}")


def path_of(document: Json) -> str:
    """The address of an object."""
    kind, version, metadata = document["kind"], document["apiVersion"], document["metadata"]
    resource = OTHERS[kind] if kind in OTHERS else extension.KINDS[kind].resource
    place = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"/{'apis' if '/' in version else 'api'}/{version}{place}/{resource}/{metadata['name']}"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """With KubeSphere's definitions, and the namespaces that it makes."""
    folder = tmp_path_factory.mktemp("plane")
    state = folder / "state"

    def devcluster(*arguments: str) -> None:
        argv = [str(ROOT / ".local/bin/devcluster"), *arguments, f"--state-dir={state}"]
        subprocess.run(argv, check=True, capture_output=True, timeout=120)

    devcluster("up", "--name=extension", "--control-plane-only", "--unsafe-no-fsync")
    with contextlib.ExitStack() as stack:
        stack.callback(devcluster, "down", "--delete-data")
        made = ControlPlane(folder, state / "kubeconfig")
        stack.callback(made.api.close)
        definitions = load(DEFINITIONS)
        made.apply(*definitions)
        for namespace in (NAMESPACE, "kubesphere-system"):
            made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        for definition in definitions:
            wait_until_served(made, definition)
        yield made


def wait_until_served(plane: ControlPlane, definition: Json) -> None:
    spec = definition["spec"]
    path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
    # Each answer takes a round trip, so that this ends by itself.
    for _ in range(10_000):
        if plane.api.request("GET", path).ok:
            return
    pytest.fail(f"{path} is not served after its definition was made")


def grant(plane: ControlPlane, documents: list[Json]) -> None:
    """What KubeSphere does with permissions.yaml: a role of each kind with its rules, bound to the account."""
    for document in documents:
        kind = document["kind"]
        metadata = {"name": NAME, **({"namespace": NAMESPACE} if kind == "Role" else {})}
        head = {"apiVersion": f"{RBAC}/v1", "metadata": metadata}
        reference = {"apiGroup": RBAC, "kind": kind, "name": NAME}
        subject = {"kind": "User", "name": ACCOUNT, "apiGroup": RBAC}
        plane.apply(
            {**head, "kind": kind, "rules": document["rules"]},
            {**head, "kind": f"{kind}Binding", "roleRef": reference, "subjects": [subject]},
        )


def handed_on() -> list[Json]:
    """The rights that our roles give out."""
    roles = load(ROOT / "deploy/rbac.yaml", ROOT / "deploy/roles.yaml")
    return [rule for role in roles if role["kind"] in ("ClusterRole", "Role") for rule in role["rules"]]


@pytest.fixture(scope="module")
def published(plane: ControlPlane) -> Path:
    """The package as it comes out of the cluster."""
    archive, objects = extension.build(plane.folder / "built")
    entry, version, stored = load(objects)
    plane.apply(entry, version, stored)
    reference = plane.get(path_of(version))["spec"]["chartDataRef"]
    kept = plane.get(f"{CORE}/{reference['namespace']}/configmaps/{reference['name']}")
    package = plane.folder / "published.tgz"
    package.write_bytes(base64.b64decode(kept["binaryData"][reference["key"]]))
    assert package.read_bytes() == archive.read_bytes()
    return package


def test_the_objects_keep_every_field_that_they_have(plane: ControlPlane, published: Path) -> None:
    entry, version, _ = load(published.parent / "built" / f"devworkspace-{product_version()}.yaml")
    for document in (entry, version):
        assert plane.get(path_of(document))["spec"] == document["spec"]
    wrong = {
        "apiVersion": "extensions.kubesphere.io/v1alpha1",
        "kind": "ReverseProxy",
        "metadata": {"name": "wrong"},
        "spec": {"matcher": {"method": "*", "path": "/proxy/x/*"}, "directives": {"headersUp": ["-Cookie"]}},
    }
    refused = plane.attempt(wrong)
    assert (refused.ok, "headersUp" in str(refused)) == (False, True), "the control"


def product_version() -> str:
    return str(yaml.safe_load((extension.SOURCE / "extension.yaml").read_text(encoding="utf-8"))["version"])


def test_it_lives_on_the_rights_that_it_asks_for(plane: ControlPlane, published: Path) -> None:
    asked, given = load(extension.PERMISSIONS), handed_on()
    # The control: to make objects is not enough, because some of them give out rights.
    grant(
        plane, [{**document, "rules": [rule for rule in document["rules"] if rule not in given]} for document in asked]
    )
    refused = plane.upgrade(AGENT, published)
    assert "attempting to grant RBAC permissions not currently held" in refused.stderr
    plane.uninstall(AGENT[0])

    grant(plane, asked)
    for part in (HOST, AGENT):
        done = plane.upgrade(part, published)
        assert done.returncode == 0, done.stderr
    assert [len(plane.names(path)) for path in MADE] == [1, 1, 10, 4]
    assert plane.names(TEMPLATES) == {"base", "go", "java", "nodejs", "python"}
    key = plane.get(f"{CORE}/{NAMESPACE}/secrets/devworkspace-keys")

    done = plane.upgrade(AGENT, published, "--set=agent.publicUrl=https://dev.example.com")
    assert done.returncode == 0, done.stderr
    server = plane.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/devworkspace-server")
    (container,) = server["spec"]["template"]["spec"]["containers"]
    assert "--public-url=https://dev.example.com" in container["args"]

    for name, _ in (HOST, AGENT):
        plane.uninstall(name)
    assert plane.names(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments") == set()
    assert [plane.names(path) for path in MADE] == [set()] * len(MADE)
    assert len(plane.names(TEMPLATES)) == 5, "what people have outlives it"
    assert plane.get(f"{CORE}/{NAMESPACE}/secrets/devworkspace-keys")["data"] == key["data"]
