"""The pages of docs/site: their code blocks, and a folder that looks like a checkout after an installation."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from scripts.docsite.fences import Block, find_blocks

from tests.support.environment import Surroundings

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ROOT / "docs/site"
# What the tutorial tells people to type into each new shell.
SHELL: Final = "export KUBECONFIG=$PWD/.local/kubeconfig PATH=$PWD/.local/bin:$PWD/.local/venv/bin:$PATH"


def page_names() -> list[str]:
    """The English pages; a test sees to it that the Chinese ones are the same."""
    return sorted(str(path.relative_to(PAGES / "en")) for path in (PAGES / "en").rglob("*.md"))


def read_blocks(page: str, language: str = "en") -> list[Block]:
    """All code blocks of a page."""
    return list(find_blocks((PAGES / language / page).read_text(encoding="utf-8")))


def commands_of(page: str) -> list[Block]:
    """What a reader types and a test runs."""
    return [block for block in read_blocks(page) if block.language == "sh" and not block.note]


def needs_helm(page: str) -> bool:
    """Whether its commands need Helm, which tests build last."""
    return any("helm " in block.text for block in commands_of(page))


class Checkout:
    """A folder with the repository's files, and programs and kubeconfig where an installation puts them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in sorted({line.partition("/")[0] for line in listing.stdout.splitlines()}):
            (folder / name).symlink_to(ROOT / name)
        self._programs = folder / ".local/bin"
        self._programs.mkdir(parents=True)
        (folder / ".local/venv").symlink_to(sys.prefix)
        self._variables: dict[str, str] = {}
        # These ask the system where the home is, and not HOME: a page must not change the tester's own.
        for name in ("ssh", "scp"):
            there = 'if [ -e "$HOME/.ssh/config" ]; then set -- -F "$HOME/.ssh/config" "$@"; fi'
            self._write_program(name, f'{there}\nexec /usr/bin/{name} -F none "$@"')

    def add_cluster(self, surroundings: Surroundings, namespace: str) -> None:
        """kubectl, and a kubeconfig whose context is in a namespace."""
        view = surroundings.run_kubectl("config", "view", "--raw", "--flatten", "--minify", "--output=json")
        config = json.loads(view)
        for context in config["contexts"]:
            context["context"]["namespace"] = namespace
        kubeconfig = self.folder / ".local/kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(json.dumps(config), encoding="utf-8")
        program = shutil.which(surroundings.kubectl[0]) or surroundings.kubectl[0]
        self._write_program("kubectl", f'exec {shlex.join([program, *surroundings.kubectl[1:]])} "$@"')
        self._variables = {"DEVWORKSPACE_URL": surroundings.url}

    def add_helm(self) -> None:
        """Helm as cluster/build.sh makes it."""
        (self._programs / "helm").symlink_to(ROOT / ".local/bin/helm")

    def _write_program(self, name: str, text: str) -> None:
        file = self._programs / name
        file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        file.chmod(0o755)

    def run(self, page: str) -> None:
        """Runs the commands of a page in one shell; fails the test at the first one that fails, with what was said."""
        lines = ["set -euo pipefail", SHELL]
        for block in commands_of(page):
            lines += [f"echo '--- {page}, line {block.line}' >&2", block.text]
        script = self.folder / ".local/page.sh"
        script.write_text("\n".join([*lines, ""]), encoding="utf-8")
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder / ".local"), "LC_ALL": "C.UTF-8"}
        environment |= self._variables
        result = subprocess.run(
            ["bash", script],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=420,
            check=False,
        )
        if result.returncode != 0:
            pytest.fail(f"{page} ends with {result.returncode}:\n{result.stdout}")
