"""The charts as Helm renders them: what deploy/ and crds/ hold, and what values change about it."""

import base64
import copy
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click
import pytest
import yaml

from devworkspace.cli.main import main
from tests.support.helm import CHART, CRD_CHART, ROOT, Helm

pytestmark = pytest.mark.helm

HERE: Final = Path(__file__).parent
SETS: Final = sorted(path.stem for path in (HERE / "values").glob("*.yaml"))
# What the installer asks the cluster for, and the chart has a careful default for.
BARE: Final = "--set-json=blockedNetworks=[]"
KEEP: Final = {"helm.sh/resource-policy": "keep"}
Objects = dict[tuple[str, str], dict[str, Any]]


def load(*files: Path) -> list[dict[str, Any]]:
    return [
        document
        for file in files
        for document in yaml.load_all(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
        if document
    ]


def by_name(documents: Iterable[dict[str, Any]]) -> Objects:
    found: Objects = {}
    for document in documents:
        key = document["kind"], document["metadata"]["name"]
        assert key not in found, f"{key} twice"
        found[key] = document
    return found


def take_annotation(document: dict[str, Any], name: str) -> str | None:
    """Removes an annotation, and the field if it was the only one."""
    annotations = document["metadata"].get("annotations", {})
    value: str | None = annotations.pop(name, None)
    if not annotations:
        document["metadata"].pop("annotations", None)
    return value


@pytest.mark.parametrize("chart", [CHART, CRD_CHART], ids=lambda chart: chart.name)
def test_lint_finds_nothing(helm: Helm, chart: Path) -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", chart)


def test_without_values_it_is_what_the_installer_applies(helm: Helm) -> None:
    rendered = by_name(helm.render(CHART, BARE))
    key = rendered.pop(("Secret", "devworkspace-keys"))
    assert take_annotation(key, "helm.sh/hook") == "pre-install"
    assert len(base64.b64decode(key["data"]["master"])) == 32
    examples = load(*sorted((ROOT / "crds/examples").glob("*-template.yaml")))
    for template in examples:
        published = rendered.pop(("WorkspaceTemplate", template["metadata"]["name"]))
        assert take_annotation(published, "helm.sh/hook") == "post-install"
        assert published == template
    kept = [document for (kind, _), document in rendered.items() if kind in ("ConfigMap", "Lease")]
    assert len(kept) >= 2
    for document in kept:
        assert take_annotation(document, "helm.sh/resource-policy") == "keep"
    deployed = by_name(load(*((ROOT / "deploy").glob("*.yaml"))))
    # Helm makes the namespace, or somebody before.
    del deployed["Namespace", "devworkspace-system"]
    assert set(rendered) == set(deployed)
    for name, document in deployed.items():
        assert rendered[name] == document, name


def test_the_definitions_are_those_of_crds_and_stay(helm: Helm) -> None:
    rendered = helm.render(CRD_CHART)
    assert len(rendered) == 2
    for definition in rendered:
        assert take_annotation(definition, "helm.sh/resource-policy") == "keep"
    assert by_name(rendered) == by_name(load(*(ROOT / "crds").glob("*_crd.yaml")))


def test_each_master_key_is_a_new_one(helm: Helm) -> None:
    keys = {by_name(helm.render(CHART))["Secret", "devworkspace-keys"]["data"]["master"] for _ in range(2)}
    assert len(keys) == 2
    assert ("Secret", "devworkspace-keys") not in by_name(helm.render(CHART, "--set=keys.create=false"))


def changed(helm: Helm, chosen: str) -> list[dict[str, Any]]:
    """The objects that a set of values adds or changes."""
    plain = by_name(helm.render(CHART, "--set=keys.create=false"))
    rendered = by_name(helm.render(CHART, "--set=keys.create=false", f"--values={HERE / 'values' / chosen}.yaml"))
    removed = [{"removed": list(key)} for key in sorted(plain.keys() - rendered.keys())]
    return removed + [rendered[key] for key in sorted(rendered) if rendered[key] != plain.get(key)]


@pytest.mark.parametrize("chosen", SETS)
def test_what_values_change_is_what_was_reviewed(helm: Helm, chosen: str) -> None:
    """DEVWORKSPACE_WRITE_SNAPSHOTS=1 writes the files anew, to be read before they are committed."""
    file = HERE / "snapshots" / f"{chosen}.yaml"
    text = yaml.safe_dump_all(changed(helm, chosen), sort_keys=True, allow_unicode=True, width=120)
    if os.environ.get("DEVWORKSPACE_WRITE_SNAPSHOTS"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_each_snapshot_has_its_values() -> None:
    assert SETS
    assert sorted(path.stem for path in (HERE / "snapshots").glob("*.yaml")) == SETS


def test_every_image_has_the_prefix_and_the_tag(helm: Helm) -> None:
    documents = helm.render(CHART, "--set=image.prefix=registry.example.com:5000/ide", "--set=image.tag=1.2.3")
    text = yaml.safe_dump_all(documents)
    assert "localhost/devworkspace" not in text
    assert text.count("registry.example.com:5000/ide/") == text.count(":1.2.3") >= 11


def test_everything_follows_the_namespace_of_the_release(helm: Helm) -> None:
    text = helm.run("template", "devworkspace", CHART, "--namespace=ide", "--set=metrics.serviceMonitor.enabled=true")
    assert "devworkspace-system" not in text
    assert "system:serviceaccount:ide:devworkspace-server" in text
    assert "--server-namespace=ide" in text


@pytest.mark.parametrize(("version", "has"), [("1.29.9", False), ("1.30.0", True), ("1.30.2-gke.1", True)])
def test_a_kubernetes_without_policies_gets_none(helm: Helm, version: str, has: bool) -> None:
    kinds = {document["kind"] for document in helm.render(CHART, f"--kube-version={version}")}
    assert ("ValidatingAdmissionPolicy" in kinds) == has


def test_a_kubernetes_that_is_too_old_is_refused(helm: Helm) -> None:
    result = helm.attempt("template", CHART, "--kube-version=1.28.0")
    assert result.returncode != 0
    assert "incompatible" in result.stderr


def arguments(document: dict[str, Any]) -> list[str]:
    (container,) = document["spec"]["template"]["spec"]["containers"]
    found: list[str] = container["args"]
    return found


@pytest.mark.parametrize("chosen", SETS)
@pytest.mark.parametrize("part", ["operator", "server"])
def test_the_programs_accept_their_arguments(helm: Helm, tmp_path: Path, chosen: str, part: str) -> None:
    rendered = by_name(helm.render(CHART, f"--values={HERE / 'values' / chosen}.yaml"))
    verb, *given = arguments(rendered["Deployment", f"devworkspace-{part}"])
    command = main.get_command(click.Context(main), verb)
    assert command is not None
    key = tmp_path / "master"
    key.write_bytes(b"x" * 32)
    here = [argument.replace("/etc/devworkspace/keys/master", str(key)) for argument in given]
    here = [argument.replace("/etc/devworkspace/admin", str(tmp_path)) for argument in here]
    here = [argument.replace("/etc/devworkspace/oidc", str(tmp_path)) for argument in here]
    assert command.make_context(verb, here).params
    with pytest.raises(click.NoSuchOption):
        command.make_context(verb, [*here, "--unknown=1"])


REFUSED: Final = [
    (("--set=unknown=1",), "unknown"),
    (("--set=image.registry=x",), "registry"),
    (("--set=publicUrl=http://dev.example.com",), "publicUrl"),
    (("--set=publicUrl=https://dev.example.com/ide",), "publicUrl"),
    (("--set=publicUrl=",), "publicUrl"),
    (("--set=addressMode=both",), "addressMode"),
    (("--set=image.prefix=Registry/",), "prefix"),
    (("--set=image.pullPolicy=Sometimes",), "pullPolicy"),
    (('--set-json=blockedNetworks=["10.0.0.0"]',), "blockedNetworks"),
    (('--set-json=blockedNetworks=["everything/8"]',), "blockedNetworks"),
    (("--set-string=admin.passwordHash=secret",), "passwordHash"),
    (("--set=admin.enabled=false",), "options"),
    (("--set=kubesphere.url=http://ks-apiserver.kubesphere-system.svc",), "enabled"),
    (("--set=admin.enabled=false", "--set=kubesphere.url=ks-apiserver"), "url"),
    (("--set=operator.replicas=0",), "replicas"),
    (("--set=operator.replicas=two",), "replicas"),
    (("--set=server.replicas=21",), "replicas"),
    (('--set-json=server.options=["oidc-issuer=x"]',), "options"),
    (('--set-json=server.options=["--public-url=https://x"]',), "options"),
    (('--set-json=operator.options=["--blocked-network=10.0.0.0/8"]',), "options"),
    (("--set=server.service.type=ExternalName",), "type"),
    (("--set=server.service.nodePort=30080",), "nodePort"),
    (("--set=gateway.enabled=true",), "parentRefs"),
    (("--set=tls.certManager.enabled=true",), "name"),
    (("--set=metrics.serviceMonitor.interval=often",), "interval"),
    (("--set=podDisruptionBudgets=maybe",), "podDisruptionBudgets"),
]


@pytest.mark.parametrize(("values", "named"), REFUSED, ids=lambda value: value[0] if isinstance(value, tuple) else "")
def test_values_that_make_no_sense_are_refused(helm: Helm, values: tuple[str, ...], named: str) -> None:
    result = helm.attempt("template", "devworkspace", CHART, *values)
    assert result.returncode != 0
    assert "don't meet the specifications of the schema" in result.stderr
    assert named in result.stderr


def test_the_chart_of_the_definitions_has_no_values(helm: Helm) -> None:
    assert helm.attempt("template", "crds", CRD_CHART, "--set=keep=false").returncode != 0


def test_both_charts_can_be_packaged(helm: Helm, tmp_path: Path) -> None:
    plain = copy.deepcopy(by_name(helm.render(CHART, "--set=keys.create=false")))
    helm.run("package", CHART, f"--destination={tmp_path}")
    helm.run("package", CRD_CHART, f"--destination={tmp_path}")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["devworkspace-0.1.0.tgz", "devworkspace-crds-0.1.0.tgz"]
    packaged = helm.render(tmp_path / "devworkspace-0.1.0.tgz", "--set=keys.create=false")
    assert by_name(packaged) == plain
