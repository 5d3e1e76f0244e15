"""Makes KubeSphere's extension of what extension/, charts/ and deploy/ hold.

`python scripts/extension.py [--image-prefix PREFIX] [--out FOLDER]` writes the package NAME-VERSION.tgz, an ordinary
Helm chart of the same bytes each time, and NAME-VERSION.yaml with the three objects that publish it. On the way it
makes extension/permissions.yaml anew; a test fails if that file is not what this makes.
"""

import argparse
import base64
import gzip
import io
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

ROOT: Final = Path(__file__).parent.parent
SOURCE: Final = ROOT / "extension"
AGENT: Final = ROOT / "charts/devworkspace"
DEFINITIONS: Final = ROOT / "charts/devworkspace-crds/templates"
CONSOLE: Final = SOURCE / "charts/extension/templates"
PERMISSIONS: Final = SOURCE / "permissions.yaml"
DEFAULT_PREFIX: Final = "localhost/devworkspace"
# Its definitions come with the same release, so that there is nothing to check for.
LEFT_OUT: Final = "preflight.yaml"
# What Kubernetes takes as one object, base64 and the rest included, is 1 MiB.
MAX_BYTES: Final = 700_000
SYSTEM: Final = "kubesphere-system"
_PREFIX: Final = re.compile(r"[a-z0-9][a-z0-9._:/-]*[a-z0-9]")

Json = dict[str, Any]


class ExtensionError(Exception):
    """The package cannot be made; the message says why."""


class Kind(NamedTuple):
    """What the API calls objects of a kind."""

    group: str
    resource: str
    namespaced: bool = True


_RBAC: Final = "rbac.authorization.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io"
KINDS: Final = {
    "Certificate": Kind("cert-manager.io", "certificates"),
    "ClusterRole": Kind(_RBAC, "clusterroles", namespaced=False),
    "ClusterRoleBinding": Kind(_RBAC, "clusterrolebindings", namespaced=False),
    "ConfigMap": Kind("", "configmaps"),
    "CustomResourceDefinition": Kind("apiextensions.k8s.io", "customresourcedefinitions", namespaced=False),
    "Deployment": Kind("apps", "deployments"),
    "HTTPRoute": Kind("gateway.networking.k8s.io", "httproutes"),
    "Ingress": Kind("networking.k8s.io", "ingresses"),
    "JSBundle": Kind("extensions.kubesphere.io", "jsbundles", namespaced=False),
    "Lease": Kind("coordination.k8s.io", "leases"),
    "NetworkPolicy": Kind("networking.k8s.io", "networkpolicies"),
    "PodDisruptionBudget": Kind("policy", "poddisruptionbudgets"),
    "ReverseProxy": Kind("extensions.kubesphere.io", "reverseproxies", namespaced=False),
    "Role": Kind(_RBAC, "roles"),
    "RoleBinding": Kind(_RBAC, "rolebindings"),
    "RoleTemplate": Kind("iam.kubesphere.io", "roletemplates", namespaced=False),
    "Category": Kind("iam.kubesphere.io", "categories", namespaced=False),
    "Secret": Kind("", "secrets"),
    "Service": Kind("", "services"),
    "ServiceAccount": Kind("", "serviceaccounts"),
    "ServiceMonitor": Kind("monitoring.coreos.com", "servicemonitors"),
    "ValidatingAdmissionPolicy": Kind(_ADMISSION, "validatingadmissionpolicies", namespaced=False),
    "ValidatingAdmissionPolicyBinding": Kind(_ADMISSION, "validatingadmissionpolicybindings", namespaced=False),
    "WorkspaceTemplate": Kind("devworkspace.kubesphere.io", "ideworkspacetemplates", namespaced=False),
}
# `list` and `watch` are for `--wait`.
VERBS: Final = ["get", "list", "watch", "create", "update", "patch", "delete"]
_WAITED_FOR: Final = (Kind("", "pods"), Kind("apps", "replicasets"))
_PERMISSIONS_HEAD: Final = """\
# Made by scripts/extension.py from the charts and deploy/: run it after a change there. What KubeSphere lets Helm do
# when it installs the extension: make its objects, and give out the rights that deploy/rbac.yaml and deploy/roles.yaml
# name, which Kubernetes allows only to whoever has them.
"""


def make_permissions() -> str:
    """The text of permissions.yaml."""
    everywhere = [*_to_make_everywhere(), *_granted("ClusterRole")]
    inside = [*_to_make_inside(), *_granted("Role")]
    return (
        _PERMISSIONS_HEAD
        + "\n".join(_rules_text("ClusterRole", everywhere))
        + "\n---\n"
        + "\n".join(_rules_text("Role", inside))
        + "\n"
    )


def _to_make_everywhere() -> Iterator[Json]:
    """Rights on cluster-wide objects: to make some, and everything with our own. Nobody else's roles are touched.

    An object that a later version leaves out must keep its name here, or the upgrade may not remove it.
    """
    for kind, names in sorted(_names_in_charts().items()):
        if not kind.namespaced:
            place: Json = {"apiGroups": [kind.group], "resources": [kind.resource]}
            yield {**place, "verbs": ["list", "watch", "create"]}
            yield {**place, "resourceNames": sorted(names), "verbs": ["get", "update", "patch", "delete"]}


def _to_make_inside() -> Iterator[Json]:
    """Rights in the extension's own namespace, by group."""
    groups: dict[str, list[str]] = {}
    for kind in sorted({*_names_in_charts(), *_WAITED_FOR}):
        if kind.namespaced:
            groups.setdefault(kind.group, []).append(kind.resource)
    for group, resources in groups.items():
        yield {"apiGroups": [group], "resources": resources, "verbs": VERBS}


def _names_in_charts() -> dict[Kind, set[str]]:
    """What the charts make; names that a template puts together are not cluster-wide ones."""
    found: dict[Kind, set[str]] = {}
    for folder in (AGENT / "templates", DEFINITIONS, CONSOLE):
        for path in folder.glob("*.yaml"):
            for document in path.read_text(encoding="utf-8").split("\n---\n"):
                if (kind := re.search(r"^kind: (\w+)$", document, re.MULTILINE)) is None:
                    continue
                if kind[1] not in KINDS:
                    raise ExtensionError(f"scripts/extension.py does not know what the API calls {kind[1]}")
                name = re.search(r"^  name: ([a-z0-9.-]+)$", document, re.MULTILINE)
                found.setdefault(KINDS[kind[1]], set()).update([name[1]] if name is not None else [])
    return found


def _granted(kind: str) -> Iterator[Json]:
    """Rights that roles of this kind hand on."""
    for name in ("rbac.yaml", "roles.yaml"):
        for document in yaml.safe_load_all((ROOT / "deploy" / name).read_text(encoding="utf-8")):
            if document["kind"] == kind:
                yield from document["rules"]


def _rules_text(kind: str, rules: list[Json]) -> Iterator[str]:
    yield f"kind: {kind}"
    yield "rules:"
    seen: list[Json] = []
    for rule in rules:
        if rule in seen:
            continue
        seen.append(rule)
        for number, field in enumerate(sorted(rule)):
            entries = ", ".join(entry or '""' for entry in rule[field])
            yield f"  {'-' if number == 0 else ' '} {field}: [{entries}]"


def make_files(prefix: str = DEFAULT_PREFIX) -> dict[str, bytes]:
    """What is in the package, by path; images have the prefix."""
    if not _PREFIX.fullmatch(prefix):
        raise ExtensionError(f"{prefix!r} cannot stand before the name of an image")
    files = {
        str(path.relative_to(SOURCE)): path.read_bytes()
        for path in SOURCE.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    for path in AGENT.rglob("*"):
        if path.is_file() and path.name != LEFT_OUT:
            files[f"charts/agent/{path.relative_to(AGENT)}"] = path.read_bytes()
    for path in DEFINITIONS.glob("*.yaml"):
        files[f"charts/agent/templates/{path.name}"] = path.read_bytes()
    files["charts/agent/Chart.yaml"] = _renamed(files["charts/agent/Chart.yaml"])
    for name in ("extension.yaml", "charts/agent/values.yaml"):
        files[name] = _with_prefix(name, files[name], prefix)
    files["Chart.yaml"] = _chart(yaml.safe_load(files["extension.yaml"]), files)
    return files


def _renamed(chart: bytes) -> bytes:
    about = yaml.safe_load(chart)
    described = "DevWorkspace itself, for each cluster that has environments"
    return _dump({**about, "name": "agent", "description": described})


def _with_prefix(name: str, content: bytes, prefix: str) -> bytes:
    if DEFAULT_PREFIX.encode() not in content:
        raise ExtensionError(f"{name} does not name {DEFAULT_PREFIX}, which the prefix of the images replaces")
    return content.replace(DEFAULT_PREFIX.encode(), prefix.encode())


def _chart(about: Json, files: dict[str, bytes]) -> bytes:
    return _dump(
        {
            "apiVersion": "v2",
            "name": about["name"],
            "version": about["version"],
            "description": about["description"]["en"],
            "icon": _icon(about, files),
            **{name: about[name] for name in ("keywords", "kubeVersion")},
            "dependencies": [{**part, "version": about["version"]} for part in about["dependencies"]],
        }
    )


def _icon(about: Json, files: dict[str, bytes]) -> str:
    picture = files[about["icon"].removeprefix("./")]
    return "data:image/svg+xml;base64," + base64.b64encode(picture).decode()


def _dump(value: Json) -> bytes:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000).encode()


def pack(files: dict[str, bytes]) -> bytes:
    """The package. Nothing but names and contents decides what its bytes are."""
    name = yaml.safe_load(files["Chart.yaml"])["name"]
    made = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=made, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        # Helm looks for Chart.yaml before anything else.
        for path in sorted(files, key=lambda path: (path != "Chart.yaml", path)):
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(files[path])
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(files[path]))
    if made.tell() > MAX_BYTES:
        raise ExtensionError(f"the package has {made.tell()} bytes; at most {MAX_BYTES} fit into an object")
    return made.getvalue()


def make_objects(files: dict[str, bytes], package: bytes) -> list[Json]:
    """What publishes the package: its entry in the extension center, its version, and the package itself."""
    about = yaml.safe_load(files["extension.yaml"])
    name, version = about["name"], about["version"]
    category = {"kubesphere.io/category": about["category"]}
    shown = {field: about[field] for field in ("displayName", "description", "provider")}
    shown["icon"] = _icon(about, files)
    stored = {"namespace": SYSTEM, "name": f"extension-{name}-{version}-chart"}
    told = ("keywords", "kubeVersion", "ksVersion", "category", "screenshots", "installationMode")
    core = "kubesphere.io/v1alpha1"
    return [
        {
            "apiVersion": core,
            "kind": "Extension",
            "metadata": {"name": name, "labels": {**category, "kubesphere.io/managed": "true"}},
            "spec": shown,
            "status": {"recommendedVersion": version},
        },
        {
            "apiVersion": core,
            "kind": "ExtensionVersion",
            "metadata": {
                "name": f"{name}-{version}",
                "labels": {**category, "kubesphere.io/extension-ref": name},
            },
            "spec": {
                **shown,
                "version": version,
                **{field: about[field] for field in told},
                "chartDataRef": {**stored, "key": "chart.tgz"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": stored,
            "binaryData": {"chart.tgz": base64.b64encode(package).decode()},
        },
    ]


def differences() -> Iterator[str]:
    """The files in git that are not what this makes."""
    if not PERMISSIONS.exists() or PERMISSIONS.read_text(encoding="utf-8") != make_permissions():
        yield str(PERMISSIONS.relative_to(ROOT))


def build(out: Path, prefix: str = DEFAULT_PREFIX) -> tuple[Path, Path]:
    """Writes package and objects into a folder; returns where."""
    files = make_files(prefix)
    about = yaml.safe_load(files["extension.yaml"])
    package = pack(files)
    out.mkdir(parents=True, exist_ok=True)
    archive, objects = (out / f"{about['name']}-{about['version']}.{ending}" for ending in ("tgz", "yaml"))
    archive.write_bytes(package)
    documents = make_objects(files, package)
    objects.write_text(yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=10_000), "utf-8")
    return archive, objects


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image-prefix", default=DEFAULT_PREFIX, help="what stands before /<name>:<version> of images")
    parser.add_argument("--out", type=Path, default=ROOT / ".local/extension")
    options = parser.parse_args()
    try:
        PERMISSIONS.write_text(make_permissions(), encoding="utf-8")
        for path in build(options.out, options.image_prefix):
            print(path)
    except ExtensionError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
