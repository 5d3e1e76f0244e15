"""The objects of an installation, from the manifests in crds/ and deploy/ and a few settings."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from devworkspace.api.names import GROUP, SYSTEM_NAMESPACE
from devworkspace.cli.kubectl import Kubectl
from devworkspace.cli.project import Project
from devworkspace.core.address import AddressMode
from devworkspace.server.starters import DEFAULT_IMAGE_PREFIX

DEFAULT_OPERATOR_REPLICAS: Final = 2
DEFAULT_SERVER_REPLICAS: Final = 2
_MASTER_KEY_BYTES: Final = 32
_NO_ACCOUNT: Final = "--no-local-account"
_ANNOTATION_BUILD: Final = f"{GROUP}/image-build"

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """`image_prefix` is what stands before `/<name>:<version>`; one of `operator_replicas` works, others stand by;
    all of `server_replicas` work.

    `blocked_networks` are what environments do not reach; empty leaves the operator's default. `server_options` are
    added to those of the server.

    For the embedded cluster only: `node_port` of the server, and `build`, the name of the program's image archive,
    which replaces running pods when a new build was loaded under the same tag.
    """

    project: Project
    public_url: str
    address_mode: AddressMode = "subdomain"
    image_prefix: str = DEFAULT_IMAGE_PREFIX
    operator_replicas: int = DEFAULT_OPERATOR_REPLICAS
    server_replicas: int = DEFAULT_SERVER_REPLICAS
    blocked_networks: tuple[str, ...] = ()
    server_options: tuple[str, ...] = ()
    node_port: int | None = None
    build: str | None = None

    def crds(self) -> list[Document]:
        return [
            document
            for name in ("workspace_template_crd.yaml", "workspace_instance_crd.yaml")
            for document in self._load(self.project.crds / name)
        ]

    def base(self) -> list[Document]:
        """What must exist before the Secrets: the namespace, the parts' rights and the people's roles."""
        names = ("namespace.yaml", "rbac.yaml", "roles.yaml")
        return [document for name in names for document in self._load(self.project.deploy / name)]

    def policies(self) -> list[Document]:
        """What the API server refuses beyond the CRDs' own rules; only where `serves_policies`."""
        return [*self._load(self.project.deploy / "policies.yaml")]

    def workloads(self) -> list[Document]:
        """Operator and server with their Service."""
        documents = [
            *self._load(self.project.deploy / "operator.yaml"),
            *self._load(self.project.deploy / "server.yaml"),
        ]
        return [self._configure(document) for document in documents]

    def helm_values(self) -> Document:
        """The same in the words of charts/devworkspace. What no setting says stays as it is."""
        service = {} if self.node_port is None else {"service": {"type": "NodePort", "nodePort": self.node_port}}
        return {
            # The chart knows addresses as browsers show them.
            "publicUrl": self.public_url.removesuffix("/").lower(),
            "addressMode": self.address_mode,
            "image": {"prefix": self.image_prefix},
            "blockedNetworks": [*self.blocked_networks],
            "admin": {"enabled": _NO_ACCOUNT not in self.server_options},
            "operator": {"replicas": self.operator_replicas, **self._marks()},
            "server": {
                "replicas": self.server_replicas,
                "options": [option for option in self.server_options if option != _NO_ACCOUNT],
                **self._marks(),
                **service,
            },
        }

    def templates(self) -> list[Document]:
        """The example templates, by file name."""
        return [
            document
            for path in sorted((self.project.crds / "examples").glob("*-template.yaml"))
            for document in self._load(path)
        ]

    def example_instance(self) -> Document:
        (instance,) = self._load(self.project.crds / "examples" / "workspace-instance.yaml")
        return instance

    def _marks(self) -> Document:
        return {} if self.build is None else {"podAnnotations": {_ANNOTATION_BUILD: self.build}}

    def _load(self, path: Path) -> Iterator[Document]:
        text = path.read_text(encoding="utf-8").replace(f"{DEFAULT_IMAGE_PREFIX}/", f"{self.image_prefix}/")
        yield from (document for document in yaml.safe_load_all(text) if document)

    def _configure(self, document: Document) -> Document:
        if document["kind"] == "Deployment":
            container = document["spec"]["template"]["spec"]["containers"][0]
            container["args"] = [self._argument(argument) for argument in container["args"]]
            if self.build is not None:
                document["spec"]["template"]["metadata"]["annotations"] = {_ANNOTATION_BUILD: self.build}
            if document["metadata"]["name"] == "devworkspace-server":
                document["spec"]["replicas"] = self.server_replicas
            if document["metadata"]["name"] == "devworkspace-operator":
                document["spec"]["replicas"] = self.operator_replicas
                container["args"] += [f"--blocked-network={network}" for network in self.blocked_networks]
            if document["metadata"]["name"] == "devworkspace-server":
                container["args"] += self.server_options
        if document["kind"] == "Service" and self.node_port is not None:
            document["spec"]["type"] = "NodePort"
            document["spec"]["ports"][0]["nodePort"] = self.node_port
        return document

    def _argument(self, argument: str) -> str:
        name, _, _ = argument.partition("=")
        chosen = {
            "--public-url": self.public_url,
            "--gateway-url": self.public_url,
            "--address-mode": self.address_mode,
            "--replicas": str(self.server_replicas),
            "--image-prefix": self.image_prefix,
        }
        return f"{name}={chosen[name]}" if name in chosen else argument


def serves_policies(kubectl: Kubectl) -> bool:
    """Whether the cluster knows ValidatingAdmissionPolicies: Kubernetes 1.30 or newer."""
    return kubectl.serves("admissionregistration.k8s.io/v1", "validatingadmissionpolicies")


def master_key_secret() -> Document:
    """A new key from which every credential is derived. Losing it ends sessions; nothing on a volume depends on it."""
    return _secret("devworkspace-keys", {"master": secrets.token_bytes(_MASTER_KEY_BYTES)})


def admin_secret(*, username: str, password_hash: str) -> Document:
    return _secret("devworkspace-admin", {"username": username.encode(), "password-hash": password_hash.encode()})


def _secret(name: str, data: Mapping[str, bytes]) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": SYSTEM_NAMESPACE, "labels": {"app.kubernetes.io/name": "devworkspace"}},
        "type": "Opaque",
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }
