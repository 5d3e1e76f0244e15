"""Helm against one cluster: the person's own program if it is new enough, else the one that is built here."""

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from devworkspace.api.names import SYSTEM_NAMESPACE
from devworkspace.cli import shell
from devworkspace.cli.language import phrase
from devworkspace.cli.progress import Progress
from devworkspace.cli.project import Project
from devworkspace.cli.toolchain import build_programs

# The oldest of Helm 3 with --take-ownership; what a Helm 5 changes nobody knows.
_OLDEST: Final = (3, 17)
_END: Final = (5, 0)
# It applies in the server, as kubectl does here; Helm 3 compares and patches.
_SERVER_SIDE: Final = (4, 0)
# By these Helm would go to another cluster than kubectl, or as somebody else.
_DIVERTING: Final = (
    *("HELM_KUBECONTEXT", "HELM_KUBEAPISERVER", "HELM_KUBETOKEN", "HELM_KUBECAFILE", "HELM_KUBEASUSER"),
    *("HELM_KUBEASGROUPS", "HELM_KUBETLS_SERVER_NAME", "HELM_KUBEINSECURE_SKIP_TLS_VERIFY", "HELM_NAMESPACE"),
)
_UNFINISHED: Final = ("--deployed", "--failed", "--pending", "--uninstalling")

Version = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Helm:
    """Calls Helm for releases in the system's namespace.

    `kubeconfig` None means the person's own, as for kubectl.
    """

    program: Path
    version: Version
    kubeconfig: Path | None

    @property
    def server_side(self) -> bool:
        """Whether its fields have an owner in the API server, who may be in conflict with others."""
        return self.version >= _SERVER_SIDE

    def words(self, *arguments: str) -> str:
        """A command for the person, who goes on with it."""
        return " ".join([_said(self.program, self.kubeconfig), *arguments, "--namespace", SYSTEM_NAMESPACE])

    def statuses(self) -> dict[str, str]:
        """The status of each release by its name, also of those that are in the middle of something."""
        listed = json.loads(self._ask("list", *_UNFINISHED, "--output=json") or "[]")
        return {release["name"]: release["status"] for release in listed}

    def values(self, release: str) -> dict[str, Any]:
        """What was said for a release that exists, without the chart's defaults."""
        said: dict[str, Any] | None = json.loads(self._ask("get", "values", release, "--output=json"))
        return said or {}

    def upgrade(
        self, release: str, chart: Path, *, values: Path | None = None, seconds: int, progress: Progress
    ) -> None:
        """Installs a chart or upgrades it, and waits for it; objects that somebody else made are taken over.

        Values that are not said stay as they are in the release. Raises CommandError with Helm's words.
        """
        arguments = ["--install", "--take-ownership", "--reset-then-reuse-values", "--wait", f"--timeout={seconds}s"]
        if self.server_side:
            # Helm would go on in the way of a release that Helm 3 made, which cannot force anything.
            arguments += ["--server-side=true", "--force-conflicts"]
        if values is not None:
            arguments.append(f"--values={values}")
        self._run(progress, "upgrade", release, chart, *arguments)

    def uninstall(self, releases: Iterable[str], *, progress: Progress) -> None:
        """Removes releases, whatever became of them before; those that do not exist are no error."""
        for release in releases:
            self._run(progress, "uninstall", release, "--ignore-not-found", "--wait")

    def _ask(self, *arguments: str) -> str:
        return shell.output(self._argv(*arguments), environment=self._environment)

    def _run(self, progress: Progress, *arguments: str | Path) -> None:
        shell.run(self._argv(*arguments), log=progress.log, on_line=progress.detail, environment=self._environment)

    def _argv(self, *arguments: str | Path) -> list[str | Path]:
        return [self.program, *arguments, f"--namespace={SYSTEM_NAMESPACE}"]

    @property
    def _environment(self) -> dict[str, str]:
        place = {} if self.kubeconfig is None else {"KUBECONFIG": str(self.kubeconfig)}
        return {**dict.fromkeys(_DIVERTING, ""), **place}


def say_helm(project: Project, *, kubeconfig: Path | None) -> str:
    """How a person calls Helm here, without looking for one that is new enough: theirs, or the one that was built."""
    own, built = shutil.which("helm"), _built(project)
    return _said(built if own is None and built.exists() else Path(own or "helm"), kubeconfig)


def find_helm(project: Project, progress: Progress, *, kubeconfig: Path | None) -> Helm:
    """Helm of PATH if it is one that docs/HELM.md names, else the one of cluster/build.sh, which takes minutes."""
    own = shutil.which("helm")
    if own is not None:
        version = _version(Path(own))
        if version is not None and _OLDEST <= version < _END:
            return Helm(program=Path(own), version=version, kubeconfig=kubeconfig)
        progress.note(
            "{program} is not used: its version is {version}, and 4, or 3.17 and newer, is needed",
            program=own,
            version=phrase("unknown") if version is None else ".".join(map(str, version)),
        )
    build_programs(project, progress, "helm")
    program = _built(project)
    return Helm(program=program, version=_version(program) or _SERVER_SIDE, kubeconfig=kubeconfig)


def _built(project: Project) -> Path:
    return project.state / "bin" / "helm"


def _said(program: Path, kubeconfig: Path | None) -> str:
    place = f"KUBECONFIG={kubeconfig} " if kubeconfig is not None else ""
    return f"{place}{'helm' if shutil.which('helm') == str(program) else program}"


def _version(program: Path) -> Version | None:
    try:
        found = re.search(r"v(\d+)\.(\d+)\.", shell.output([program, "version", "--short"], timeout=30))
    except shell.CommandError:
        return None
    return (int(found[1]), int(found[2])) if found else None
