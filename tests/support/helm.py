"""Helm, as cluster/build.sh made it."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "charts" / "devworkspace"
CRD_CHART: Final = ROOT / "charts" / "devworkspace-crds"
SYSTEM: Final = "devworkspace-system"


@dataclass(frozen=True)
class Helm:
    """`home` keeps its caches away from the person's own; `kubeconfig` names a cluster, if there is one."""

    home: Path
    kubeconfig: Path | None = None
    program: Path = field(default=ROOT / ".local" / "bin" / "helm")

    def attempt(self, *arguments: str | Path, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """The result, whatever it is."""
        if not self.program.exists():
            pytest.fail(f"{self.program} is missing: run cluster/build.sh .local/bin helm")
        places = {f"HELM_{name}_HOME": str(self.home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        environment = {**os.environ, **places, "KUBECONFIG": str(self.kubeconfig or self.home / "none")}
        argv = [str(self.program), *map(str, arguments)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, env=environment)

    def run(self, *arguments: str | Path, timeout: float = 180) -> str:
        """Standard output; fails the test with Helm's words."""
        result = self.attempt(*arguments, timeout=timeout)
        if result.returncode != 0:
            pytest.fail(f"helm {' '.join(map(str, arguments))}: {result.stderr or result.stdout}")
        return result.stdout

    def render(self, chart: Path, *arguments: str | Path) -> list[dict[str, Any]]:
        """The objects of a release in the usual namespace."""
        text = self.run("template", "devworkspace", chart, f"--namespace={SYSTEM}", *arguments)
        return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]
