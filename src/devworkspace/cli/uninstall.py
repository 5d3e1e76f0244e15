"""`devworkspace uninstall`: removes what the installer made. Data goes only when it is asked for by name."""

import json
import shutil
from pathlib import Path
from typing import Final

import click

from devworkspace.api.names import (
    FINALIZER_DELETE_VOLUME,
    INSTANCE_PLURAL,
    LABEL_MANAGED_BY,
    MANAGED_BY,
    SYSTEM_NAMESPACE,
)
from devworkspace.cli.deployment import Deployment, serves_policies
from devworkspace.cli.embedded import EmbeddedCluster
from devworkspace.cli.helm import find_helm, say_helm
from devworkspace.cli.kubectl import Kubectl
from devworkspace.cli.language import phrase
from devworkspace.cli.progress import Progress
from devworkspace.cli.project import Project, cache_folder, find_project
from devworkspace.cli.releases import INSTANCE_CRD, RELEASES, check_release, find_release
from devworkspace.cli.target import Target, find_foreign

_OURS: Final = f"--selector={LABEL_MANAGED_BY}={MANAGED_BY}"
_WAIT: Final = "--timeout=120s"


@click.command("uninstall")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--embedded", is_flag=True, help="Remove the embedded cluster even if another one is configured.")
@click.option(
    "--delete-data", is_flag=True, help="Also delete environments, templates and all volumes. Not reversible."
)
@click.option("--cluster-name", default="default", show_default=True, help="Name of the embedded cluster.")
@click.option(
    "--state-dir", type=click.Path(path_type=Path), help="State of the embedded cluster. Default: .local/cluster."
)
@click.option("--delete-cache", is_flag=True, help="Also delete the builds that are kept for the next installation.")
def command(
    yes: bool, embedded: bool, delete_data: bool, cluster_name: str, state_dir: Path | None, delete_cache: bool
) -> None:
    """Remove DevWorkspace; environments, templates and volumes stay unless --delete-data."""
    project = find_project()
    target = None if embedded else find_foreign(project)
    release = None if target is None else find_release(target.kubectl)
    check_release(release, helm=True, program=say_helm(project, kubeconfig=None))
    what = target.description if target is not None else phrase("the embedded Kubernetes on this machine")
    if not yes:
        click.confirm(_question(what, delete_data=delete_data), abort=True)
    progress = Progress(
        total=1 if target is None else 2 + (release is not None), log_folder=project.logs, name="uninstall"
    )
    if target is None:
        cluster = EmbeddedCluster(project, name=cluster_name, state=state_dir)
        _remove_embedded(cluster, progress, delete_data=delete_data)
    else:
        if release is not None:
            _remove_releases(project, progress)
        _remove_foreign(project, target, progress, delete_data=delete_data)
    if delete_cache:
        shutil.rmtree(cache_folder(), ignore_errors=True)
    if delete_data:
        progress.say(phrase("Removed. ./install.sh brings it back."))
    else:
        progress.say(phrase("Removed. ./install.sh brings it back, with its data."))


def _question(target: str, *, delete_data: bool) -> str:
    if delete_data:
        return phrase(
            "Remove DevWorkspace from {target}, INCLUDING all environments, templates and volumes?", target=target
        )
    return phrase("Remove DevWorkspace from {target}, keeping environments and volumes?", target=target)


def _remove_embedded(cluster: EmbeddedCluster, progress: Progress, *, delete_data: bool) -> None:
    with progress.step("Stopping the embedded cluster"):
        if not cluster.state.exists():
            progress.note("there is none")
            return
        cluster.down(progress, delete_data=delete_data)
    cluster.kubeconfig.unlink(missing_ok=True)
    if delete_data:
        for name in ("admin-password", "install.json", "helm-values.yaml"):
            cluster.local_file(name).unlink(missing_ok=True)


def _remove_releases(project: Project, progress: Progress) -> None:
    """The definitions stay, and with them environments: the chart says so, and `_remove_data` is for them."""
    with progress.step("Removing the Helm releases (building Helm takes about 4 minutes, where it is not there)"):
        find_helm(project, progress, kubeconfig=None).uninstall(RELEASES, progress=progress)


def _remove_foreign(project: Project, target: Target, progress: Progress, *, delete_data: bool) -> None:
    kubectl, deployment = target.kubectl, Deployment(project=project, public_url="")
    with progress.step("Removing operator, server and rights"):
        kubectl.call("delete", "namespace", SYSTEM_NAMESPACE, "--ignore-not-found", _WAIT, timeout=150)
        policies = deployment.policies() if serves_policies(kubectl) else []
        roles = [document for document in deployment.base() if document["kind"].startswith("ClusterRole")]
        for document in (*reversed(policies), *roles):
            kubectl.call("delete", document["kind"], document["metadata"]["name"], "--ignore-not-found")
    with progress.step("Removing environments and data" if delete_data else "Stopping the pods of environments"):
        _remove_pods(kubectl)
        if delete_data:
            _remove_data(kubectl, deployment)


def _remove_pods(kubectl: Kubectl) -> None:
    """Nobody looks after them any more; the operator makes them again when it is back."""
    kubectl.call("delete", "pods", "--all-namespaces", _OURS, _WAIT, timeout=150)
    kubectl.call("delete", "networkpolicies", "--all-namespaces", _OURS)


def _remove_data(kubectl: Kubectl, deployment: Deployment) -> None:
    _release_instances(kubectl)
    for crd in deployment.crds():
        kubectl.call("delete", "customresourcedefinition", crd["metadata"]["name"], "--ignore-not-found", _WAIT)
    for kind in ("services", "persistentvolumeclaims"):
        kubectl.call("delete", kind, "--all-namespaces", _OURS, _WAIT, timeout=150)


def _release_instances(kubectl: Kubectl) -> None:
    """Takes our finalizer away: the operator that would do it is gone, and a definition waits for its last instance."""
    if not kubectl.exists("customresourcedefinition", INSTANCE_CRD):
        return
    for instance in kubectl.json("get", INSTANCE_PLURAL, "--all-namespaces")["items"]:
        metadata = instance["metadata"]
        finalizers = metadata.get("finalizers", [])
        if FINALIZER_DELETE_VOLUME not in finalizers:
            continue
        remaining = [name for name in finalizers if name != FINALIZER_DELETE_VOLUME]
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"], "finalizers": remaining}}
        kubectl.call(
            "patch", INSTANCE_PLURAL, metadata["name"], f"--namespace={metadata['namespace']}",
            "--type=merge", f"--patch={json.dumps(patch)}",
        )  # fmt: skip
