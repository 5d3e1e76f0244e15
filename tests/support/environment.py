"""Where the cluster tests run: told by the environment variables that test.sh sets."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Surroundings:
    """`url` is the gateway's public address; `audit_log` is None on clusters that are not our own.

    `image_prefix` is what stands before `/<name>:<version>` of the images that the cluster's nodes can get.
    """

    kubeconfig: Path
    kubectl: tuple[str, ...]
    url: str
    audit_log: Path | None
    image_prefix: str = "localhost/devworkspace"

    @property
    def base_image(self) -> str:
        return f"{self.image_prefix}/base:0.1.0"

    def run_kubectl(self, *arguments: str, input_text: str | None = None, timeout: float = 60) -> str:
        """Standard output of kubectl; fails the test with its words."""
        result = self.try_kubectl(*arguments, input_text=input_text, timeout=timeout)
        if result.returncode != 0:
            pytest.fail(f"kubectl {' '.join(arguments)}: {result.stderr or result.stdout}")
        return result.stdout

    def try_kubectl(
        self, *arguments: str, input_text: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """The result of kubectl, whatever it is."""
        return subprocess.run(
            [*self.kubectl, *arguments],
            input=input_text,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
        )


def find_surroundings() -> Surroundings:
    """Reads the environment; a test that needs a cluster fails without one, it is never skipped."""
    kubeconfig = os.environ.get("KUBECONFIG")
    if not kubeconfig:
        pytest.fail("KUBECONFIG is not set: run these tests through ./test.sh cluster browser")
    program = os.environ.get("DEVWORKSPACE_KUBECTL") or shutil.which("kubectl") or "kubectl"
    audit_log = os.environ.get("DEVWORKSPACE_AUDIT_LOG")
    return Surroundings(
        kubeconfig=Path(kubeconfig),
        kubectl=tuple(program.split()),
        url=os.environ.get("DEVWORKSPACE_URL", "http://localhost:8080"),
        audit_log=Path(audit_log) if audit_log else None,
        image_prefix=os.environ.get("DEVWORKSPACE_IMAGE_PREFIX", "localhost/devworkspace"),
    )
