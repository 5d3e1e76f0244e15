"""DevWorkspace as Helm releases: whose they are, and the installation that makes them and goes on with them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import yaml

from devworkspace.api.names import GROUP, INSTANCE_PLURAL, SYSTEM_NAMESPACE, TEMPLATE_PLURAL
from devworkspace.cli.deployment import Deployment, Document, serves_policies
from devworkspace.cli.helm import Helm
from devworkspace.cli.kubectl import FIELD_MANAGER, Kubectl
from devworkspace.cli.language import phrase
from devworkspace.cli.manifests import ROLLOUT_SECONDS, wait_definitions
from devworkspace.cli.progress import Progress
from devworkspace.cli.shell import CommandError

PARTS_RELEASE: Final = "devworkspace"
CRD_RELEASE: Final = "devworkspace-crds"
# Both at once are removed in this order.
RELEASES: Final = (PARTS_RELEASE, CRD_RELEASE)
INSTANCE_CRD: Final = f"{INSTANCE_PLURAL}.{GROUP}"
# One that goes with the release of the parts, whatever its values, and one that outlives that of the definitions.
_ROLE: Final = "clusterrole/devworkspace-operator"
_DEFINITION: Final = f"customresourcedefinition/{INSTANCE_CRD}"
_MARK: Final = "meta.helm.sh/release-"
_HELMS_MANAGER: Final = "helm"


class Release(NamedTuple):
    """`namespace` is where its objects are, and its history."""

    name: str
    namespace: str

    @property
    def is_ours(self) -> bool:
        """Whether it is what this installer makes, though another folder, or a person, may have made it."""
        return self.name in RELEASES and self.namespace == SYSTEM_NAMESPACE


def find_release(kubectl: Kubectl) -> Release | None:
    """The Helm release that looks after the installation in this cluster, by whomever it was made."""
    text = kubectl.call("get", _ROLE, _DEFINITION, "--ignore-not-found", "--output=json")
    for found in _items(text):
        marks = found["metadata"].get("annotations", {})
        release = Release(marks.get(f"{_MARK}name", ""), marks.get(f"{_MARK}namespace", ""))
        if release.name and (found["kind"] == "ClusterRole" or _has_history(kubectl, release)):
            return release
    return None


def _has_history(kubectl: Kubectl, release: Release) -> bool:
    selector = f"--selector=owner=helm,name={release.name},status!=uninstalled"
    return bool(kubectl.call("get", "secrets", f"--namespace={release.namespace}", selector, "--output=name").strip())


def check_release(found: Release | None, *, helm: bool, program: str) -> None:
    """Raises ClickException if an installation, by Helm or without, would fight with the release that is there.

    `program` is how the person calls Helm.
    """
    if found is None or (helm and found.is_ours):
        return
    if found.is_ours:
        command = f"{program} uninstall {' '.join(RELEASES)} --ignore-not-found --namespace {SYSTEM_NAMESPACE}"
        raise click.ClickException(
            phrase(
                "DevWorkspace is in this cluster as the Helm release {name}, and kubectl would change it behind Helm's "
                "back; nothing was changed. Go on with Helm by --helm, or remove the releases first, which "
                "leaves environments and volumes: {command}",
                name=found.name,
                command=command,
            )
        )
    raise click.ClickException(
        phrase(
            "DevWorkspace is in this cluster as the Helm release {name} in namespace {namespace}, which is not this "
            "installer's; nothing was changed. Upgrade it the way that it was installed, or remove it first, which "
            "leaves environments and volumes: {command}",
            name=found.name,
            namespace=found.namespace,
            command=f"{program} uninstall {found.name} --namespace {found.namespace}",
        )
    )


@dataclass(frozen=True, kw_only=True)
class ByHelm:
    """The charts as releases, with the settings of `deployment` in `values_file`, which the person may go on with."""

    helm: Helm
    kubectl: Kubectl
    deployment: Deployment
    progress: Progress
    values_file: Path

    def check_states(self) -> None:
        """Raises ClickException if a release is in the middle of something; tells of one that failed."""
        statuses = self.helm.statuses()
        for name in RELEASES:
            status = statuses.get(name, "")
            if status.startswith("pending-") or status == "uninstalling":
                # There is nothing to go back to before the first installation, nor half-way out.
                verb = "uninstall" if status in ("pending-install", "uninstalling") else "rollback"
                raise click.ClickException(
                    phrase(
                        "the Helm release {name} is {status}: another helm is at work, or one was interrupted; wait "
                        "for it, or end that state, which leaves environments and volumes, and repeat ./install.sh: "
                        "{command}",
                        name=name,
                        status=status,
                        command=self.helm.words(verb, name),
                    )
                )
            if status == "failed":
                self.progress.note("the Helm release {name} failed the last time; going on with it", name=name)

    def install_api(self) -> None:
        """The namespace, which has a label that no release of ours gives, and the chart of the definitions."""
        self.kubectl.apply([part for part in self.deployment.base() if part["kind"] == "Namespace"])
        self._upgrade(CRD_RELEASE)
        wait_definitions(self.kubectl, self.deployment)
        self._let_go(self.deployment.crds())

    def start_parts(self) -> None:
        """The chart of everything else; raises ClickException with what Helm said and how to go on."""
        values = self.deployment.helm_values()
        if PARTS_RELEASE in self.helm.statuses():
            for name, before, now in differences(self.helm.values(PARTS_RELEASE), values):
                self.progress.note(
                    "{name} of the release was {before}, and is now {now}", name=name, before=before, now=now
                )
        self.values_file.parent.mkdir(parents=True, exist_ok=True)
        self.values_file.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
        self._upgrade(PARTS_RELEASE, values=self.values_file)
        policies = self.deployment.policies() if serves_policies(self.kubectl) else []
        rights = [part for part in self.deployment.base() if part["kind"] != "Namespace"]
        self._let_go([*rights, *policies, *self.deployment.workloads()])

    def publish_templates(self) -> None:
        """Those that the release's first installation did not publish; the admins' own from then on."""
        listed = self.kubectl.call("get", TEMPLATE_PLURAL, "--output=name").split()
        published = {name.rpartition("/")[2] for name in listed}
        for template in self.deployment.templates():
            if template["metadata"]["name"] not in published:
                self.kubectl.create(template)

    def _upgrade(self, release: str, *, values: Path | None = None) -> None:
        chart = self.deployment.project.charts / release
        try:
            self.helm.upgrade(release, chart, values=values, seconds=ROLLOUT_SECONDS, progress=self.progress)
        except CommandError as error:
            raise click.ClickException(
                phrase(
                    "{error}\nEnvironments run on. Mend the cause and repeat ./install.sh; what became of the release: "
                    "{command}",
                    error=error.message,
                    command=self.helm.words("history", release),
                )
            ) from error

    def _let_go(self, documents: list[Document]) -> None:
        """Has kubectl own no field any more of what Helm owns now, or each `helm upgrade` by hand would meet conflicts.

        An apply of nothing but a name gives up all fields; what nobody else owned would go, so that only objects are
        taken that Helm has applied in the server.
        """
        if not self.helm.server_side:
            return
        names = [_name_of(document) for document in documents]
        text = self.kubectl.call(
            "get",
            "--filename=-",
            "--ignore-not-found",
            "--show-managed-fields",
            "--output=json",
            input_text=yaml.safe_dump_all(names),
        )
        shared = [_name_of(found) for found in _items(text) if {FIELD_MANAGER, _HELMS_MANAGER} <= set(_appliers(found))]
        if shared:
            self.kubectl.apply(shared)


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], *, above: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Values by their dotted names that were said otherwise before; an image's build is no choice of anybody's."""
    for name in sorted(before.keys() & now.keys() - {"podAnnotations"}):
        if isinstance(before[name], Mapping) and isinstance(now[name], Mapping):
            yield from differences(before[name], now[name], above=f"{above}{name}.")
        elif before[name] != now[name]:
            yield f"{above}{name}", before[name], now[name]


def _items(text: str) -> list[Document]:
    """What kubectl found: nothing, one object, or a list."""
    found: Document = json.loads(text or '{"items": []}')
    items: list[Document] = found.get("items", [found])
    return items


def _name_of(document: Document) -> Document:
    place = {name: document["metadata"][name] for name in ("name", "namespace") if name in document["metadata"]}
    return {"apiVersion": document["apiVersion"], "kind": document["kind"], "metadata": place}


def _appliers(document: Document) -> Iterator[str]:
    for entry in document["metadata"].get("managedFields", []):
        if entry["operation"] == "Apply" and not entry.get("subresource"):
            yield entry["manager"]
