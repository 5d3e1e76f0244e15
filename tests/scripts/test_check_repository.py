"""The check of the repository finds what it looks for, and only in what belongs to the repository."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_repository.py"
# Taken apart, or the check would find this file.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("registry", "npmjs", "org"),
        ("proxy", "golang", "org"),
        ("deb", "debian", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("repo1", "maven", "org"),
    )
]
CLEAN = (0, "sizes and host names: fine\n")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "README.md").write_text("# A project\n")
    (tmp_path / "module.py").write_text("x = 1\n" * 500)
    (tmp_path / ".gitignore").write_text("ignored/\n")
    return tmp_path


def check(repository: Path) -> tuple[int, str]:
    result = subprocess.run([sys.executable, SCRIPT], cwd=repository, capture_output=True, text=True, check=False)
    assert result.stderr == ""
    return result.returncode, result.stdout


def test_a_clean_repository_passes(repository: Path) -> None:
    assert check(repository) == CLEAN


@pytest.mark.parametrize("host", HOSTS)
def test_a_registry_s_host_is_found_in_any_file(repository: Path, host: str) -> None:
    (repository / "notes.txt").write_text(f"first\nget it from https://{host}/x\n")
    assert check(repository) == (
        1,
        "notes.txt:2: names a package registry's host; use its client's own configuration\n",
    )


def test_a_host_that_only_looks_like_one_is_fine(repository: Path) -> None:
    (repository / "notes.txt").write_text("docker-io and pypiXorg\n")
    assert check(repository) == CLEAN


@pytest.mark.parametrize("mark", ["<" * 7 + " HEAD", ">" * 7 + " 7c4fcbe (A change)"])
def test_a_merge_that_is_not_finished_is_found(repository: Path, mark: str) -> None:
    (repository / "run.sh").write_text(f"true\n{mark}\n")
    assert check(repository) == (1, "run.sh:2: the mark of a merge that is not finished\n")


@pytest.mark.parametrize("name", ["long.py", "long.go", "long.ts", "long.tsx", "long.sh", "a/b/long.py"])
def test_a_module_of_over_500_lines_is_found(repository: Path, name: str) -> None:
    (repository / name).parent.mkdir(parents=True, exist_ok=True)
    (repository / name).write_text("x\n" * 501)
    assert check(repository) == (1, f"{name}: 501 lines, at most 500: split it\n")


def test_texts_may_be_long(repository: Path) -> None:
    (repository / "lock.txt").write_text("x\n" * 2000)
    assert check(repository) == CLEAN


def test_what_is_committed_is_checked_as_well_as_what_is_new(repository: Path) -> None:
    (repository / "old.py").write_text("x\n" * 600)
    subprocess.run(["git", "add", "old.py"], cwd=repository, check=True)
    (repository / "new.py").write_text("x\n" * 700)
    exit_code, output = check(repository)
    assert (exit_code, sorted(output.splitlines())) == (
        1,
        ["new.py: 700 lines, at most 500: split it", "old.py: 600 lines, at most 500: split it"],
    )


def test_what_does_not_belong_to_it_is_not_checked(repository: Path) -> None:
    (repository / "ignored").mkdir()
    (repository / "ignored" / "long.py").write_text("x\n" * 600)
    (repository / "go.sum").write_text(f"{HOSTS[0]}\n")
    assert check(repository) == CLEAN


def test_a_deleted_file_is_no_failure(repository: Path) -> None:
    (repository / "gone.py").write_text("x\n")
    subprocess.run(["git", "add", "gone.py"], cwd=repository, check=True)
    (repository / "gone.py").unlink()
    assert check(repository) == CLEAN


def test_bytes_that_are_no_text_are_no_failure(repository: Path) -> None:
    (repository / "data.bin").write_bytes(b"\xff\xfe\x00" * 10)
    assert check(repository) == CLEAN


def test_a_name_with_blanks_and_umlauts_is_read(repository: Path) -> None:
    (repository / "größe und maß.py").write_text("x\n" * 501)
    assert check(repository) == (1, "größe und maß.py: 501 lines, at most 500: split it\n")
