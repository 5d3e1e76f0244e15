"""The two ways to install have the same steps; here is the one that applies deploy/ with kubectl."""

from dataclasses import dataclass
from typing import Final, Protocol

from devworkspace.api.names import SYSTEM_NAMESPACE
from devworkspace.cli.deployment import Deployment, serves_policies
from devworkspace.cli.kubectl import Kubectl
from devworkspace.cli.progress import Progress

ROLLOUT_SECONDS: Final = 180


class Way(Protocol):
    """How an installation gets into the cluster. In this order, and each of them is safe to repeat."""

    def install_api(self) -> None:
        """The namespace, the two definitions, and rights where they do not come with the parts."""

    def start_parts(self) -> None:
        """Operator and server, whose Secrets are there; returns when all of them answer."""

    def publish_templates(self) -> None:
        """The example templates."""


@dataclass(frozen=True, kw_only=True)
class ByKubectl:
    """The manifests as they are, with the settings of `deployment`."""

    kubectl: Kubectl
    deployment: Deployment
    progress: Progress

    def install_api(self) -> None:
        """Definitions, namespace, rights, and policies where the cluster knows them."""
        self.kubectl.apply(self.deployment.crds())
        wait_definitions(self.kubectl, self.deployment)
        self.kubectl.apply(self.deployment.base())
        if serves_policies(self.kubectl):
            self.kubectl.apply(self.deployment.policies())
        else:
            self.progress.note("this Kubernetes is older than 1.30: admission policies are left out (docs/SECURITY.md)")

    def start_parts(self) -> None:
        """Raises CommandError if one of them is not ready in time."""
        self.kubectl.apply(self.deployment.workloads())
        for name in ("devworkspace-operator", "devworkspace-server"):
            self.kubectl.wait_rollout(name, namespace=SYSTEM_NAMESPACE, seconds=ROLLOUT_SECONDS)

    def publish_templates(self) -> None:
        """All of them, as this version has them."""
        self.kubectl.apply(self.deployment.templates())


def wait_definitions(kubectl: Kubectl, deployment: Deployment) -> None:
    """Returns when the API server serves both kinds."""
    names = [f"customresourcedefinition/{crd['metadata']['name']}" for crd in deployment.crds()]
    kubectl.call("wait", "--for=condition=Established", "--timeout=60s", *names)
