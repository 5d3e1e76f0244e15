"""What the checks read of the cluster, trimmed to that."""

from typing import Any, Final

import msgspec

from devworkspace.api.meta import Condition, ObjectMeta, Struct
from devworkspace.api.template import PullSecret
from devworkspace.kube.resource import Resource

_ADMISSION: Final = "admissionregistration.k8s.io"
POLICIES: Final = Resource(
    _ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False
)
BINDINGS: Final = Resource(
    _ADMISSION, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", namespaced=False
)
JOBS: Final = Resource("batch", "v1", "jobs", "Job")


class KubernetesVersion(Struct, frozen=True):
    git_version: str


class PartContainer(Struct, frozen=True):
    image: str = ""
    args: tuple[str, ...] = ()


class PartPodSpec(Struct, frozen=True):
    containers: tuple[PartContainer, ...] = ()
    image_pull_secrets: tuple[PullSecret, ...] = ()
    service_account_name: str = "default"


class PartPod(Struct, frozen=True):
    spec: PartPodSpec = PartPodSpec()


class PartSpec(Struct, frozen=True):
    replicas: int = 1
    template: PartPod = PartPod()


class PartStatus(Struct, frozen=True):
    observed_generation: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    conditions: tuple[Condition, ...] = ()


class Part(Struct, frozen=True):
    """The Deployment of the operator or the server."""

    metadata: ObjectMeta
    spec: PartSpec = PartSpec()
    status: PartStatus = PartStatus()

    @property
    def image(self) -> str:
        return next((container.image for container in self.spec.template.spec.containers), "")

    def argument(self, name: str) -> str | None:
        """The value of `--name=value`; the last one counts, as for the program."""
        values = [
            argument.partition("=")[2]
            for container in self.spec.template.spec.containers
            for argument in container.args
            if argument.startswith(f"{name}=")
        ]
        return values[-1] if values else None


class DefinitionSchema(Struct, frozen=True):
    open_api: dict[str, Any] = msgspec.field(default={}, name="openAPIV3Schema")


class DefinitionVersion(Struct, frozen=True):
    name: str
    served: bool = False
    schema: DefinitionSchema = DefinitionSchema()


class DefinitionSpec(Struct, frozen=True):
    versions: tuple[DefinitionVersion, ...] = ()


class DefinitionStatus(Struct, frozen=True):
    conditions: tuple[Condition, ...] = ()


class Definition(Struct, frozen=True):
    """A CustomResourceDefinition."""

    metadata: ObjectMeta
    spec: DefinitionSpec = DefinitionSpec()
    status: DefinitionStatus = DefinitionStatus()


class BindingSpec(Struct, frozen=True):
    policy_name: str = ""
    validation_actions: tuple[str, ...] = ()


class Binding(Struct, frozen=True):
    metadata: ObjectMeta
    spec: BindingSpec = BindingSpec()


class StorageClass(Struct, frozen=True):
    metadata: ObjectMeta
    allow_volume_expansion: bool = False
    volume_binding_mode: str = "Immediate"


class NodeImage(Struct, frozen=True):
    names: tuple[str, ...] | None = None


class NodeImages(Struct, frozen=True):
    images: tuple[NodeImage, ...] = ()


class Node(Struct, frozen=True):
    metadata: ObjectMeta
    status: NodeImages = NodeImages()


class LeaseSpec(Struct, frozen=True):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    renew_time: str | None = None


class Lease(Struct, frozen=True):
    metadata: ObjectMeta
    spec: LeaseSpec = LeaseSpec()
