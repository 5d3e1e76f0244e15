"""kubectl against one cluster: the user's own, or the one that is built into the embedded cluster."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
import yaml

from devworkspace.cli import shell
from devworkspace.cli.language import phrase
from devworkspace.cli.progress import Progress

FIELD_MANAGER: Final = "devworkspace-install"


class Kubectl:
    """Calls kubectl. `program` is the argument list before kubectl's own arguments."""

    def __init__(self, program: Sequence[str | Path], *, kubeconfig: Path | None) -> None:
        self._program = list(program)
        self._environment = {"KUBECONFIG": str(kubeconfig)} if kubeconfig is not None else {}

    def call(self, *arguments: str | Path, input_text: str | None = None, timeout: float | None = 120) -> str:
        """Standard output; raises CommandError with kubectl's words."""
        argv = [*self._program, *arguments]
        return shell.output(argv, input_text=input_text, environment=self._environment, timeout=timeout)

    def json(self, *arguments: str | Path) -> Any:
        return json.loads(self.call(*arguments, "--output=json"))

    def exists(self, kind: str, name: str, *, namespace: str | None = None) -> bool:
        scope = ["--namespace", namespace] if namespace else []
        return bool(self.call("get", kind, name, *scope, "--ignore-not-found", "--output=name").strip())

    def serves(self, group_version: str, plural: str) -> bool:
        """Whether the API server has this resource in this version of its group."""
        found = json.loads(self.call("get", "--raw", f"/apis/{group_version}"))
        return any(resource["name"] == plural for resource in found["resources"])

    def apply(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Server-side apply; what others set in other fields stays."""
        text = yaml.safe_dump_all([dict(document) for document in documents], allow_unicode=True)
        arguments = ["apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}", "--filename=-"]
        self.call(*arguments, input_text=text)

    def create(self, document: Mapping[str, Any]) -> None:
        """Create only: an existing object is an error."""
        self.call("create", "--filename=-", input_text=json.dumps(document))

    def wait_rollout(self, deployment: str, *, namespace: str, seconds: int) -> None:
        """Returns when every replica of a Deployment is ready; raises CommandError after `seconds`."""
        self.call(
            "rollout",
            "status",
            f"deployment/{deployment}",
            f"--namespace={namespace}",
            f"--timeout={seconds}s",
            timeout=seconds + 10,
        )

    def wait_phase(self, instance: str, *, namespace: str, seconds: int, progress: Progress) -> None:
        """Waits until an environment is Running, showing its message; raises ClickException after `seconds`."""
        deadline, message = time.monotonic() + seconds, ""
        while time.monotonic() < deadline:
            status = self.json("get", "workspaceinstance", instance, f"--namespace={namespace}").get("status", {})
            if status.get("phase") == "Running":
                return
            message = (
                f"{status.get('phase', 'Pending')}: {status.get('message') or phrase('not seen by the operator yet')}"
            )
            progress.detail(message)
            time.sleep(0.5)
        raise click.ClickException(
            phrase(
                "environment {namespace}/{instance} is not running after {seconds} s. It says: {message}\n"
                "Look at: kubectl describe workspaceinstance {instance} --namespace {namespace}",
                namespace=namespace,
                instance=instance,
                seconds=seconds,
                message=message,
            )
        )
