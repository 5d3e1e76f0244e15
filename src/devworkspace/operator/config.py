"""What an admin can configure of the operator."""

from dataclasses import dataclass, field
from pathlib import Path

from devworkspace.api import names
from devworkspace.core.address import Gateway
from devworkspace.core.credential import KEY_SECONDS
from devworkspace.kube.lease import LeaseTiming


@dataclass(frozen=True, kw_only=True)
class OperatorConfig:
    """`probe_port` serves /metrics, /healthz and /readyz on `probe_host`; `workers` reconcile at the same time.

    `identity` is this process's name in the Lease `lease_namespace`/`lease_name`; no two processes that run at the same
    time may share one. `kube_api_qps` 0 means no limit. Every instance is looked at again once in `resync_seconds`.
    Environments do not reach `blocked_networks` (CIDR). A safe start takes `safe_image`; None: there is none. The keys
    are read again every `key_seconds`.
    """

    master_key_file: Path
    identity: str
    lease_namespace: str = names.SYSTEM_NAMESPACE
    lease_name: str = names.OPERATOR_LEASE
    lease_timing: LeaseTiming = field(default_factory=LeaseTiming)
    kube_api_qps: float = 500.0
    kube_api_burst: int = 1000
    resync_seconds: float = 120.0
    gateway: Gateway | None = None
    server_namespace: str = names.SYSTEM_NAMESPACE
    blocked_networks: tuple[str, ...] = names.LINK_LOCAL_NETWORKS
    safe_image: str | None = None
    kubeconfig: Path | None = None
    probe_host: str = "0.0.0.0"  # noqa: S104 - the kubelet and Prometheus ask from other addresses
    probe_port: int = 8081
    workers: int = 32
    key_seconds: float = KEY_SECONDS
