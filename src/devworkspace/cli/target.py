"""Which cluster to install to: a reachable one that is configured, or the embedded one."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from devworkspace.cli.embedded import EmbeddedCluster
from devworkspace.cli.kubectl import Kubectl
from devworkspace.cli.language import phrase
from devworkspace.cli.project import Project

_REACHABLE_SECONDS: Final = 10


@dataclass(frozen=True, kw_only=True)
class Target:
    """`embedded` is None for a cluster that is not ours; `description` is what the user is shown."""

    kubectl: Kubectl
    description: str
    embedded: EmbeddedCluster | None = None

    @property
    def kubeconfig(self) -> Path | None:
        """None is the person's own."""
        return self.embedded.kubeconfig if self.embedded is not None else None

    def local_file(self, project: Project, name: str) -> Path:
        """A file of this installation in the checkout's state, one for each cluster that was installed to."""
        if self.embedded is not None:
            return self.embedded.local_file(name)
        uid: str = self.kubectl.json("get", "namespace", "kube-system")["metadata"]["uid"]
        return project.state / f"{name}-{uid[:8]}"


def find_foreign(project: Project) -> Target | None:
    """The cluster of KUBECONFIG or of kubectl's current context, if it answers and is not the embedded one."""
    configured = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    files = [Path(part) for part in configured.split(os.pathsep) if part]
    if any(_is_embedded(file, project) for file in files):
        return None
    if not any(file.is_file() for file in files):
        if os.environ.get("KUBECONFIG"):
            raise click.ClickException(
                phrase(
                    "KUBECONFIG={files} names no file; correct it, or unset it (or pass --embedded) to use the "
                    "embedded cluster",
                    files=configured,
                )
            )
        return None
    program = shutil.which("kubectl")
    if program is None:
        raise click.ClickException(
            phrase(
                "{files} names a cluster, but there is no kubectl in PATH; install kubectl, or unset KUBECONFIG "
                "(or pass --embedded) to use the embedded cluster",
                files=configured,
            )
        )
    kubectl = Kubectl([program], kubeconfig=None)
    try:
        version = kubectl.json("version", f"--request-timeout={_REACHABLE_SECONDS}s")["serverVersion"]["gitVersion"]
        nodes = len(kubectl.json("get", "nodes", f"--request-timeout={_REACHABLE_SECONDS}s")["items"])
        context = kubectl.call("config", "current-context").strip()
    except (click.ClickException, KeyError) as error:
        if "KUBECONFIG" in os.environ:
            raise click.ClickException(
                phrase(
                    "the cluster of KUBECONFIG={files} does not answer: {error}\n"
                    "Correct it, or unset KUBECONFIG (or pass --embedded) to use the embedded cluster",
                    files=configured,
                    error=error,
                )
            ) from error
        return None
    described = phrase(
        "context {context!r}: Kubernetes {version}, {nodes} node(s)", context=context, version=version, nodes=nodes
    )
    return Target(kubectl=kubectl, description=described)


def embedded_target(project: Project, cluster: EmbeddedCluster) -> Target:
    """The embedded cluster, whether it runs or not."""
    kubectl = Kubectl([project.state / "bin" / "kubernetes", "kubectl"], kubeconfig=cluster.kubeconfig)
    return Target(kubectl=kubectl, description=phrase("the embedded Kubernetes on this machine"), embedded=cluster)


def _is_embedded(file: Path, project: Project) -> bool:
    return project.state.resolve() in file.resolve().parents
