"""The program beside the editor that measures what an environment uses, run on files that look as the kernel's."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from devworkspace.core.figures import Lines, parse_lines, parse_sample

PROGRAM: Final = Path(__file__).parents[2] / "images/base/rootfs/usr/local/bin/devworkspace-usage"
SECONDS: Final = 120


def wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not after {SECONDS} s"
        time.sleep(0.05)


class Ground:
    """Folders and files that the program is told to use."""

    def __init__(self, root: Path) -> None:
        self.dir, self.cgroup, self.home = root / "activity", root / "cgroup", root / "home"
        self.mounts = root / "mountinfo"
        for folder in (self.cgroup, self.home):
            folder.mkdir()
        self.mounts.write_text("")

    def write_second(self, *, cpu: int) -> None:
        (self.cgroup / "cpu.stat").write_text(f"usage_usec {cpu}\nuser_usec 1\n")
        (self.cgroup / "memory.current").write_text(f"{5 * 2**20}\n")
        (self.cgroup / "memory.stat").write_text(f"anon 1\ninactive_file {2**20}\n")

    def write_first(self, *, cpu: int) -> None:
        for name in ("cpuacct", "memory"):
            (self.cgroup / name).mkdir(exist_ok=True)
        (self.cgroup / "cpuacct" / "cpuacct.usage").write_text(f"{cpu * 1000}\n")
        (self.cgroup / "memory" / "memory.usage_in_bytes").write_text(f"{5 * 2**20}\n")
        (self.cgroup / "memory" / "memory.stat").write_text(f"inactive_file 7\ntotal_inactive_file {2**20}\n")

    def mount(self, root: str, source: str) -> None:
        self.mounts.write_text(f"271 255 254:0 {root} {self.home} rw,relatime shared:1 - ext4 {source} rw,discard\n")

    @contextmanager
    def running(self, period: str = "0.1") -> Iterator[None]:
        command: list[str | Path] = ["sh", PROGRAM, self.dir, period, self.cgroup, self.home, self.mounts]
        process = subprocess.Popen(command, start_new_session=True)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=SECONDS)

    def lines(self, name: str) -> Lines:
        body = (self.dir / f"usage.{name}").read_bytes() if (self.dir / f"usage.{name}").exists() else b""
        found = parse_lines(body, seconds=60)
        assert found is not None, body
        return found

    def wait_for(self, name: str, count: int) -> Lines:
        wait(lambda: len(self.lines(name).samples) >= count)
        return self.lines(name)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


@pytest.mark.parametrize("version", ["first", "second"])
def test_it_reads_both_versions_of_the_kernels_files(ground: Ground, version: str) -> None:
    write = ground.write_first if version == "first" else ground.write_second
    write(cpu=0)
    with ground.running():
        ground.wait_for("minutes", 1)
        write(cpu=1_000_000)
        wait(lambda: any(sample.cpu > 0 for sample in ground.lines("minutes").samples))
        newest = parse_sample((ground.dir / "usage").read_bytes().rstrip())
    assert newest is not None
    assert newest.memory == 4 * 2**20, "without what could be dropped at once"
    assert newest.disk is None, "a home that is no volume"


def test_it_outlives_the_pod_and_marks_the_start(ground: Ground) -> None:
    ground.write_second(cpu=0)
    kept = ground.home / ".local/state/devworkspace/usage.history"
    with ground.running("0.02"):
        wait(lambda: kept.exists() and b"-" in kept.read_bytes())
    assert parse_lines(kept.read_bytes(), seconds=600) is not None
    with kept.open("ab") as file:
        file.write(b"not a line\n<b>\n")
    for left in ground.dir.iterdir():
        left.unlink()
    with ground.running("60"):
        wait(lambda: len(ground.lines("history").starts) == 2)
    assert len(ground.lines("history").samples) >= 1


def test_its_files_stay_short(ground: Ground) -> None:
    ground.write_second(cpu=0)
    state = ground.home / ".local/state/devworkspace"
    state.mkdir(parents=True)
    (state / "usage.history").write_bytes(b"1795634950 250 1024 -\n" * 5000)
    (state / "usage.minutes").write_bytes(b"1795634950 250 1024 -\n" * 5000)
    with ground.running("0.02"):
        wait((ground.dir / "usage").exists)
        assert len(ground.lines("history").samples) <= 1008
        assert len(ground.lines("minutes").samples) <= 80


@pytest.mark.parametrize("own", [True, False], ids=["file system", "folder"])
def test_how_full_the_disk_is(ground: Ground, own: bool) -> None:
    """Of a file system of its own as that tells, of a folder as it is counted."""
    ground.write_second(cpu=0)
    ground.mount("/" if own else "/volumes/pvc-1", "/dev/vda")
    (ground.home / "file").write_bytes(b"x" * 3_000_000)
    with ground.running():
        wait(lambda: any(sample.disk for sample in ground.lines("minutes").samples))
    disk = ground.lines("minutes").samples[-1].disk
    assert disk is not None
    assert disk >= 3_000_000
    assert own or disk < 4_000_000


def test_a_share_of_a_server_is_not_counted(ground: Ground) -> None:
    ground.write_second(cpu=0)
    ground.mount("/", "nfs.example.com:/export")
    with ground.running():
        assert ground.wait_for("minutes", 3).samples[-1].disk is None


def test_without_a_cgroup_nobody_measures(ground: Ground) -> None:
    (ground.cgroup / "cpu.stat").write_text("usage_usec 1\n")
    done = subprocess.run(
        ["sh", PROGRAM, ground.dir, "0.1", ground.cgroup, ground.home, ground.mounts], check=False, timeout=SECONDS
    )
    assert done.returncode == 0
    assert list(ground.dir.iterdir()) == []
