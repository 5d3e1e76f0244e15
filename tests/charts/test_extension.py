"""KubeSphere's extension: what is in the package, what Helm makes of it, and the objects that publish it."""

import base64
import functools
import hashlib
import io
import re
import tarfile
from pathlib import Path
from typing import Any, Final

import click
import pytest
import yaml

from devworkspace.cli.main import main
from scripts import extension
from tests.charts.test_render import Objects, by_name, load
from tests.support.extension import BUNDLE, read_reverse_proxy
from tests.support.helm import CHART, CRD_CHART, ROOT, Helm
from tests.support.kubesphere import PREFIX

pytestmark = pytest.mark.helm

NAMESPACE: Final = "extension-devworkspace"
# What KubeSphere says to Helm: one part on the host cluster, the other one on each cluster that was chosen.
TAGS: Final = {
    "extension": ("--set=tags.extension=true,tags.agent=false",),
    "agent": ("--set=tags.agent=true,tags.extension=false", "--set=agent.keys.create=false"),
}
LANGUAGES: Final = {"en", "zh"}
# By which aggregation label the built-in roles take role templates in; administrators take all of their level.
BUILT_IN: Final = {
    ("global", "authenticated"): {"devworkspace-viewer"},
    ("cluster", "cluster-viewer"): {"devworkspace-viewer"},
    ("workspace", "viewer"): {"devworkspace-viewer"},
    ("namespace", "viewer"): {"devworkspace-viewer"},
    ("namespace", "operator"): {"devworkspace-viewer", "devworkspace-developer", "devworkspace-editor"},
}
Right = tuple[str, str, str]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive, _ = extension.build(tmp_path_factory.mktemp("extension"))
    return archive


@functools.cache
def rendered(helm: Helm, package: Path, tag: str, *values: str) -> Objects:
    """What Helm makes of it; nobody changes it."""
    text = helm.run("template", "devworkspace", package, f"--namespace={NAMESPACE}", *TAGS[tag], *values)
    return by_name(document for document in yaml.load_all(text, yaml.CSafeLoader) if document)


def about() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((extension.SOURCE / "extension.yaml").read_text(encoding="utf-8"))
    return found


def test_the_permissions_are_current() -> None:
    """Otherwise: python scripts/extension.py."""
    assert list(extension.differences()) == []


def test_permissions_that_lag_behind_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension, "VERBS", ["get"])
    assert list(extension.differences()) == ["extension/permissions.yaml"]


def test_permissions_touch_no_cluster_wide_object_of_others() -> None:
    everywhere, _ = load(extension.PERMISSIONS)
    roles = ("rbac.authorization.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io")
    for rule in everywhere["rules"]:
        if set(rule["apiGroups"]) & set(roles) and set(rule["verbs"]) & {"update", "patch", "delete"}:
            assert all("devworkspace" in name for name in rule["resourceNames"])
    flat = [part for document in load(extension.PERMISSIONS) for rule in document["rules"] for part in rule["verbs"]]
    assert not {"*", "escalate", "bind", "impersonate"} & set(flat)


def test_a_kind_without_a_right_to_make_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(extension.KINDS, "Deployment")
    with pytest.raises(extension.ExtensionError, match="does not know what the API calls Deployment"):
        extension.make_permissions()


def test_two_builds_have_the_same_bytes(package: Path, tmp_path: Path) -> None:
    again, objects = extension.build(tmp_path)
    assert again.read_bytes() == package.read_bytes()
    assert objects.read_bytes() == package.with_suffix(".yaml").read_bytes()
    with tarfile.open(package) as archive:
        entries = archive.getmembers()
    assert entries[0].name == "devworkspace/Chart.yaml"
    assert {(entry.mtime, entry.uid, entry.gid, entry.uname, entry.mode) for entry in entries} == {(0, 0, 0, "", 0o644)}
    assert [entry.name for entry in entries[1:]] == sorted(entry.name for entry in entries[1:])


def test_lint_finds_nothing(helm: Helm, package: Path, tmp_path: Path) -> None:
    with tarfile.open(package) as archive:
        archive.extractall(tmp_path, filter="data")
    output = helm.run("lint", "--strict", "--with-subcharts", tmp_path / "devworkspace")
    assert "3 chart(s) linted, 0 chart(s) failed" in output


def test_all_charts_have_the_product_s_version(package: Path) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert found is not None
    files = extension.make_files()
    for path in ("Chart.yaml", "extension.yaml", "charts/extension/Chart.yaml", "charts/agent/Chart.yaml"):
        assert yaml.safe_load(files[path])["version"] == found[1], path
    assert package.name == f"devworkspace-{found[1]}.tgz"


def test_the_agent_is_the_charts_that_everybody_has(helm: Helm, package: Path) -> None:
    made = rendered(helm, package, "agent")
    values = ("--set=admin.enabled=false", "--set=kubesphere.url=http://ks-apiserver.kubesphere-system.svc")
    texts = [
        helm.run("template", "devworkspace", CHART, f"--namespace={NAMESPACE}", "--set=keys.create=false", *values),
        helm.run("template", "devworkspace", CRD_CHART, f"--namespace={NAMESPACE}"),
    ]
    documents = [document for text in texts for document in yaml.load_all(text, yaml.CSafeLoader) if document]
    assert made == by_name(documents)
    assert {"CustomResourceDefinition", "Deployment", "WorkspaceTemplate"} <= {kind for kind, _ in made}


def test_the_host_gets_what_the_console_needs(helm: Helm, package: Path) -> None:
    made = rendered(helm, package, "extension")
    kinds = sorted(kind for kind, _ in made)
    assert kinds == sorted(["ConfigMap", "JSBundle", "ReverseProxy", *["Category"] * 4, *["RoleTemplate"] * 10])
    bundle = made["JSBundle", "devworkspace"]
    assert bundle["status"] == {"state": "Available", "link": "/dist/devworkspace/index.js"}
    source = bundle["spec"]["rawFrom"]["configMapKeyRef"]
    script = made["ConfigMap", source["name"]]
    assert source["namespace"] == script["metadata"]["namespace"] == NAMESPACE
    content = BUNDLE.read_text(encoding="utf-8")
    assert script["data"][source["key"]].strip() == content.strip()
    checksum = hashlib.sha256(content.encode()).hexdigest()
    assert bundle["metadata"]["annotations"] == {"devworkspace.kubesphere.io/checksum": checksum}


def test_the_proxy_leads_to_the_server_by_the_name_that_it_listens_to(helm: Helm, package: Path) -> None:
    proxy = rendered(helm, package, "extension")["ReverseProxy", "devworkspace"]
    agent = rendered(helm, package, "agent")
    service = agent["Service", "devworkspace-server"]
    assert service["spec"]["ports"][0]["port"] == 80
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    assert proxy["spec"]["upstream"] == {"url": f"http://{host}"}
    assert f"--kubesphere-host={host}" in arguments(agent, "server")
    assert proxy["spec"]["matcher"] == {"method": "*", "path": f"{PREFIX}/*"}
    assert proxy["spec"]["directives"]["stripPathPrefix"] == PREFIX
    assert f'"{PREFIX}/' in BUNDLE.read_text(encoding="utf-8")
    plain = read_reverse_proxy()
    plain["spec"]["upstream"] = proxy["spec"]["upstream"]
    assert plain == proxy, "what tests without Helm use"


def arguments(objects: Objects, part: str) -> list[str]:
    (container,) = objects["Deployment", f"devworkspace-{part}"]["spec"]["template"]["spec"]["containers"]
    found: list[str] = container["args"]
    return found


def test_the_server_accepts_its_arguments(helm: Helm, package: Path, tmp_path: Path) -> None:
    verb, *given = arguments(rendered(helm, package, "agent"), "server")
    command = main.get_command(click.Context(main), verb)
    assert command is not None
    key = tmp_path / "master"
    key.write_bytes(b"x" * 32)
    here = [argument.replace("/etc/devworkspace/keys/master", str(key)) for argument in given]
    chosen = command.make_context(verb, here).params
    assert (chosen["kubesphere_url"], chosen["admin_dir"]) == ("http://ks-apiserver.kubesphere-system.svc", None)


def images_in(objects: Objects) -> set[str]:
    return set(re.findall(r"image: '?([^\s']+:[^\s']+)", yaml.safe_dump_all(objects.values())))


def test_every_image_is_listed(helm: Helm, package: Path) -> None:
    assert images_in(rendered(helm, package, "agent")) == set(about()["images"])


@pytest.mark.parametrize(
    ("prefix", "registry", "expected"),
    [
        ("localhost/devworkspace", "", "localhost/devworkspace"),
        ("localhost/devworkspace", "registry.example.com", "registry.example.com/devworkspace"),
        ("registry.example.com:5000/a/b", "mirror.example.com/x", "mirror.example.com/x/a/b"),
        ("team/ide", "mirror.example.com", "mirror.example.com/team/ide"),
    ],
)
def test_kubesphere_s_registry_takes_the_place_of_the_first_part(
    helm: Helm, package: Path, prefix: str, registry: str, expected: str
) -> None:
    values = (f"--set=agent.image.prefix={prefix}", *([f"--set=global.imageRegistry={registry}"] if registry else []))
    made = rendered(helm, package, "agent", *values)
    assert {image.rpartition("/")[0] for image in images_in(made)} == {expected}
    assert f"--image-prefix={expected}" in arguments(made, "server")


def test_kubesphere_s_node_selector_holds_for_every_workload(helm: Helm, package: Path) -> None:
    values = (r"--set=global.nodeSelector.kubernetes\.io/os=linux", "--set=agent.server.nodeSelector.role=platform")
    made = rendered(helm, package, "agent", *values)
    found = {
        name: workload["spec"]["template"]["spec"]["nodeSelector"]
        for (kind, name), workload in made.items()
        if kind == "Deployment"
    }
    assert found == {
        "devworkspace-operator": {"kubernetes.io/os": "linux"},
        "devworkspace-server": {"kubernetes.io/os": "linux", "role": "platform"},
    }


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("--set=publicUrl=https://dev.example.com", "publicUrl"),
        ("--set=agent.unknown=1", "unknown"),
        ("--set=agent.admin.enabled=true", "enabled"),
        ("--set=agent.kubesphere.url=", "options"),
        ("--set=agent.kubesphere.url=ks-apiserver", "url"),
        ("--set=extension.unknown=1", "unknown"),
    ],
)
def test_values_that_make_no_sense_are_refused(helm: Helm, package: Path, value: str, named: str) -> None:
    everything = "--set=tags.extension=true,tags.agent=true"
    result = helm.attempt("template", "devworkspace", package, everything, value)
    assert result.returncode != 0
    assert "don't meet the specifications of the schema" in result.stderr
    assert named in result.stderr
    assert helm.attempt("template", "devworkspace", package, everything).returncode == 0, "positive control"


def rights_of(rules: list[dict[str, Any]]) -> set[Right]:
    return {
        (verb, group, resource)
        for rule in rules
        for group in rule.get("apiGroups", ())
        for resource in rule.get("resources", ())
        for verb in rule["verbs"]
    }


def roles() -> dict[str, set[Right]]:
    """The rights of deploy/roles.yaml by the name of their ClusterRole."""
    found = load(ROOT / "deploy/roles.yaml")
    return {
        document["metadata"]["name"]: rights_of(document["rules"])
        for document in found
        if document["kind"] == "ClusterRole"
    }


def without(rights: set[Right], *resources: str) -> set[Right]:
    return {right for right in rights if right[2] not in resources}


def templates_of(helm: Helm, package: Path, scope: str) -> list[dict[str, Any]]:
    return [
        document
        for (kind, _), document in rendered(helm, package, "extension").items()
        if kind == "RoleTemplate" and document["metadata"]["labels"]["iam.kubesphere.io/scope"] == scope
    ]


@pytest.mark.parametrize(("scope", "role"), BUILT_IN)
def test_a_built_in_role_gets_the_rights_of_ours(helm: Helm, package: Path, scope: str, role: str) -> None:
    label = f"iam.kubesphere.io/aggregate-to-{role}"
    granted: set[Right] = set()
    for template in templates_of(helm, package, scope):
        if label in template["metadata"]["labels"]:
            granted |= rights_of(template["spec"]["rules"])
    expected: set[Right] = set().union(*(roles()[name] for name in BUILT_IN[scope, role]))
    if scope == "global":
        # Which environments there are is a matter of projects.
        assert granted == without(expected, "workspaceinstances")
    else:
        # Templates are no object of a project or a workspace.
        assert granted == (expected if scope == "cluster" else without(expected, "ideworkspacetemplates"))


@pytest.mark.parametrize("scope", ["global", "cluster", "workspace", "namespace"])
def test_administrators_of_a_level_get_the_rights_of_ours(helm: Helm, package: Path, scope: str) -> None:
    granted = set().union(*(rights_of(template["spec"]["rules"]) for template in templates_of(helm, package, scope)))
    other = {"global": (), "cluster": ("sessions",)}.get(scope, ("sessions", "ideworkspacetemplates"))
    assert granted == without(roles()["devworkspace-admin"], *other)


def test_everybody_may_ask_for_the_page_and_nothing_else_outside_of_the_api(helm: Helm, package: Path) -> None:
    found = {
        template["metadata"]["name"]: rule["nonResourceURLs"]
        for scope in ("global", "cluster", "workspace", "namespace")
        for template in templates_of(helm, package, scope)
        for rule in template["spec"]["rules"]
        if "nonResourceURLs" in rule
    }
    assert found == {"global-view-devworkspaces": [f"{PREFIX}/*"]}


def test_role_templates_fit_each_other(helm: Helm, package: Path) -> None:
    made = rendered(helm, package, "extension")
    for (kind, name), document in made.items():
        if kind != "RoleTemplate":
            continue
        labels = document["metadata"]["labels"]
        annotations = document["metadata"]["annotations"]
        category = made["Category", labels["iam.kubesphere.io/category"]]
        assert category["metadata"]["labels"]["iam.kubesphere.io/scope"] == labels["iam.kubesphere.io/scope"]
        assert labels["kubesphere.io/managed"] == "true", "the built-in roles look for it"
        assert name.startswith(labels["iam.kubesphere.io/scope"])
        for needed in yaml.safe_load(annotations.get("iam.kubesphere.io/dependencies", "[]")):
            assert ("RoleTemplate", needed) in made
        assert yaml.safe_load(annotations["iam.kubesphere.io/role-template-rules"])
        assert "*" not in {part for right in rights_of(document["spec"]["rules"]) for part in right}


def test_everything_that_people_read_is_there_in_both_languages(helm: Helm, package: Path) -> None:
    shown = [about()[field] for field in ("displayName", "description", "provider")]
    for (kind, _), document in rendered(helm, package, "extension").items():
        if kind in ("RoleTemplate", "Category"):
            shown += [value for field, value in document["spec"].items() if field in ("displayName", "description")]
    assert len(shown) >= 3 + 10 * 2 + 4
    assert all(set(texts) == LANGUAGES and all(texts.values()) for texts in shown)
    files = extension.make_files()
    for name in ("README", "CHANGELOG"):
        english, chinese = files[f"{name}.md"].decode(), files[f"{name}_zh.md"].decode()
        assert len(re.findall("^#", english, re.MULTILINE)) == len(re.findall("^#", chinese, re.MULTILINE))
        assert "工作区" not in chinese


def test_the_pictures_are_there_and_small() -> None:
    files = extension.make_files()
    for path in (about()["icon"], *about()["screenshots"]):
        assert len(files[path.removeprefix("./")]) < 150_000, path
    assert files["static/devworkspace.svg"].startswith(b"<svg ")


def test_the_objects_publish_the_package(package: Path) -> None:
    entry, version, stored = load(package.with_suffix(".yaml"))
    assert entry["metadata"]["name"] == "devworkspace"
    assert version["metadata"]["name"] == f"devworkspace-{about()['version']}"
    assert version["metadata"]["labels"]["kubesphere.io/extension-ref"] == entry["metadata"]["name"]
    reference = version["spec"]["chartDataRef"]
    assert (reference["namespace"], reference["name"]) == ("kubesphere-system", stored["metadata"]["name"])
    assert stored["metadata"]["namespace"] == "kubesphere-system"
    assert base64.b64decode(stored["binaryData"][reference["key"]]) == package.read_bytes()
    assert entry["spec"]["icon"].startswith("data:image/svg+xml;base64,")
    assert len(package.with_suffix(".yaml").read_bytes()) < 1_000_000


def test_a_prefix_for_the_images_goes_everywhere() -> None:
    files = extension.make_files("registry.example.com/ide")
    # An example in a description says what an image may look like.
    described = "charts/agent/templates/workspace_template_crd.yaml"
    assert {path for path, content in files.items() if b"localhost/devworkspace" in content} == {described}
    images = yaml.safe_load(files["extension.yaml"])["images"]
    assert all(image.startswith("registry.example.com/ide/") for image in images)
    assert yaml.safe_load(files["charts/agent/values.yaml"])["image"]["prefix"] == "registry.example.com/ide"
    for prefix in ("", "a b", "x\nimages: []", "Registry/x", "x/"):
        with pytest.raises(extension.ExtensionError, match="cannot stand before"):
            extension.make_files(prefix)


def test_a_package_that_no_object_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension, "MAX_BYTES", 1000)
    with pytest.raises(extension.ExtensionError, match="fit into an object"):
        extension.pack(extension.make_files())


def test_nothing_in_the_package_is_hidden_or_made_by_a_tool(package: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(package.read_bytes())) as archive:
        names = archive.getnames()
    assert not [name for name in names if "/." in name or "__pycache__" in name or name.endswith("~")]
    assert "devworkspace/charts/agent/templates/preflight.yaml" not in names
