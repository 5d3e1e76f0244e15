"""What an admin can configure of the operator."""

from dataclasses import dataclass
from pathlib import Path

from devworkspace.api import names


@dataclass(frozen=True, kw_only=True)
class OperatorConfig:
    """`probe_port` serves /metrics, /healthz and /readyz on `probe_host`; `workers` reconcile at the same time."""

    master_key_file: Path
    gateway_url: str | None = None
    server_namespace: str = names.SYSTEM_NAMESPACE
    kubeconfig: Path | None = None
    probe_host: str = "0.0.0.0"  # noqa: S104 - the kubelet and Prometheus ask from other addresses
    probe_port: int = 8081
    workers: int = 32
