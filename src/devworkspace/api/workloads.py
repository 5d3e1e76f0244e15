"""Workloads in the operator's own namespace, trimmed to what the product reads."""

from devworkspace.api.meta import ObjectMeta, Struct
from devworkspace.api.template import PullSecret


class DaemonSetStatus(Struct, frozen=True):
    desired_number_scheduled: int = 0
    observed_generation: int = 0


class DaemonSet(Struct, frozen=True):
    metadata: ObjectMeta
    status: DaemonSetStatus = DaemonSetStatus()


class DeployedContainer(Struct, frozen=True):
    name: str
    image: str = ""


class DeployedPodSpec(Struct, frozen=True):
    containers: tuple[DeployedContainer, ...] = ()
    image_pull_secrets: tuple[PullSecret, ...] = ()


class DeployedPod(Struct, frozen=True):
    spec: DeployedPodSpec = DeployedPodSpec()


class DeploymentSpec(Struct, frozen=True):
    template: DeployedPod = DeployedPod()


class Deployment(Struct, frozen=True):
    metadata: ObjectMeta
    spec: DeploymentSpec = DeploymentSpec()
