"""What a release is made by, as far as it can be looked at without Docker, a registry and GitHub."""

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.scripts.test_sbom import load

ROOT: Final = Path(__file__).parents[2]
BAKE: Final[dict[str, Any]] = json.loads((ROOT / "images" / "docker-bake.json").read_text(encoding="utf-8"))
WORKFLOW: Final = (ROOT / ".github" / "workflows" / "release.yaml").read_text(encoding="utf-8")
release: Final = load("release")
IMAGES: Final = load("sbom").IMAGES


def instructions(image: str, word: str) -> list[str]:
    """What follows an instruction of a Dockerfile, its continued lines joined."""
    text = (ROOT / "images" / image / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [line.removeprefix(f"{word} ").strip() for line in text.splitlines() if line.startswith(f"{word} ")]


class TestVersions:
    def test_every_place_says_the_same(self) -> None:
        found = [line for line in release.differences(f"v{load('sbom').version()}") if "CHANGELOG" not in line]
        assert found == []

    def test_a_place_that_says_another_one_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for pattern in (*release.PLACES, "CHANGELOG.md"):
            for path in ROOT.glob(pattern):
                copied = tmp_path / path.relative_to(ROOT)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copied)
        version = load("sbom").version()
        changed = tmp_path / "charts/devworkspace/Chart.yaml"
        changed.write_text(changed.read_text().replace(f"appVersion: {version}", "appVersion: 9.9.9"))
        (tmp_path / "CHANGELOG.md").write_text(f"## {version} (2026-11-26)\n")
        monkeypatch.setattr(release, "ROOT", tmp_path)
        assert list(release.differences(f"v{version}")) == [
            f"charts/devworkspace/Chart.yaml: says {', '.join(sorted((version, '9.9.9')))}, not {version}"
        ]

    @pytest.mark.parametrize("tag", ["0.1.0", "v1", "v1.2.3-x", ""])
    def test_a_tag_that_names_no_release(self, tag: str) -> None:
        (found,) = release.differences(tag)
        assert "names no release" in found


class TestDockerfiles:
    """images/build.sh runs them by buildah here; buildx gets the same ones by docker-bake.json."""

    def test_the_images_are_those_of_the_build(self) -> None:
        built = re.search(r"^readonly ALL=\((.+)\)$", (ROOT / "images" / "build.sh").read_text(), re.MULTILINE)
        assert built is not None
        assert built[1].split() == list(IMAGES) == BAKE["group"]["default"]["targets"]
        assert {name for name in BAKE["target"] if not name.startswith("_")} == set(IMAGES)
        assert f"\nreadonly all=({built[1]})\n" in (ROOT / "scripts" / "release.sh").read_text()

    @pytest.mark.parametrize("image", IMAGES)
    def test_each_target_gives_every_argument_that_a_dockerfile_asks_for(self, image: str) -> None:
        target = BAKE["target"][image]
        given: dict[str, str] = {}
        for parent in target["inherits"]:
            for grandparent in BAKE["target"][parent].get("inherits", ()):
                given |= BAKE["target"][grandparent]["args"]
            given |= BAKE["target"][parent]["args"]
        given |= target.get("args", {})
        asked = {argument.partition("=")[0] for argument in instructions(image, "ARG")}
        assert asked == given.keys() == {"BASE_IMAGE", "BASE_NAME", "VERSION"}
        context = ROOT / target["context"]
        assert (ROOT / target.get("dockerfile", f"images/{image}/Dockerfile")).is_file()
        assert context.is_dir()
        assert target["tags"] == [f"${{PREFIX}}/{image}:${{VERSION}}"]

    @pytest.mark.parametrize("image", IMAGES)
    def test_every_stage_stands_on_what_is_given(self, image: str) -> None:
        stages = {line.partition(" AS ")[2] for line in instructions(image, "FROM")}
        assert all(line.split()[0] == "${BASE_IMAGE}" for line in instructions(image, "FROM"))
        copied = [line.split()[0].removeprefix("--from=") for line in instructions(image, "COPY") if "--from=" in line]
        assert set(copied) <= stages
        assert re.fullmatch(r"\d+:\d+", instructions(image, "USER")[-1])

    @pytest.mark.parametrize("image", IMAGES)
    def test_every_python_package_is_pinned_by_hash(self, image: str) -> None:
        installs = [
            part
            for line in instructions(image, "RUN")
            for part in line.split("&&")
            if re.search(r"\bpip\b.* install", part)
        ]
        unpinned = [part for part in installs if "--require-hashes" not in part and "--no-index" not in part]
        assert unpinned == []
        for name in re.findall(r"-r (\S+\.txt)", " ".join(installs)):
            found = [
                path for path in ROOT.rglob(Path(name).name) if "images" in path.parts or "requirements" in path.parts
            ]
            assert found and all("--hash=sha256:" in path.read_text() for path in found), name

    def test_the_product_s_image_takes_from_the_checkout_what_its_ignore_file_lets_in(self) -> None:
        ignored = (ROOT / "images" / "devworkspace" / "Dockerfile.dockerignore").read_text().splitlines()
        let_in = {line.removeprefix("!") for line in ignored if line.startswith("!")}
        taken = {
            source.removeprefix("./").rstrip("/")
            for line in instructions("devworkspace", "COPY")
            if "--from=" not in line
            for source in line.split()[:-1]
        }
        assert taken == let_in


class TestWorkflow:
    def test_actions_are_pinned_by_commit(self) -> None:
        used = re.findall(r"uses: (\S+)", WORKFLOW)
        assert used
        assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)] == []

    def test_nothing_has_more_rights_than_it_says(self) -> None:
        flow = yaml.safe_load(WORKFLOW)
        assert flow["permissions"] == {}
        assert {name: job["permissions"] for name, job in flow["jobs"].items()} == {
            "test": {"contents": "read"},
            "release": {"contents": "write", "id-token": "write"},
        }

    def test_no_value_becomes_part_of_a_command_before_the_shell_sees_it(self) -> None:
        runs = [
            step["run"] for job in yaml.safe_load(WORKFLOW)["jobs"].values() for step in job["steps"] if "run" in step
        ]
        assert len(runs) >= 7
        assert [run for run in runs if "${{" in run] == []

    def test_each_step_of_the_script_that_it_calls_is_there(self) -> None:
        called = re.findall(r"scripts/release\.sh (\w+)", WORKFLOW)
        assert called == ["check", "files", "images", "sign"]
        script = (ROOT / "scripts" / "release.sh").read_text()
        assert all(f"\n{name}() {{" in script for name in called)


class TestPackages:
    def test_the_same_commit_gives_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            release.write_packages(tmp_path / name)
        first, second = (
            {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("first", "second")
        )
        assert first == second
        version = load("sbom").version()
        assert {f"chart-devworkspace-{version}.tgz", f"devworkspace-manifests-{version}.tar.gz"} < first.keys()

    def test_a_chart_holds_what_the_folder_holds(self, tmp_path: Path) -> None:
        release.write_packages(tmp_path)
        folder = ROOT / "charts" / "devworkspace"
        with tarfile.open(tmp_path / f"chart-devworkspace-{load('sbom').version()}.tgz") as packed:
            names = {member.name.removeprefix("devworkspace/") for member in packed}
        assert names == {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class TestScript:
    @pytest.mark.parametrize("arguments", [[], ["sing"], ["images", "only-a-prefix"], ["check"]])
    def test_a_wrong_command_line_is_explained(self, arguments: list[str]) -> None:
        command = [str(ROOT / "scripts/release.sh"), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 2
        assert "scripts/release.sh check TAG" in result.stderr

    def test_a_base_image_without_its_digest_is_refused(self) -> None:
        command = [str(ROOT / "scripts/release.sh"), "images", "registry.example.com/x", "debian:bookworm-slim"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 1
        assert "is not pinned" in result.stderr

    def test_checksums_are_those_of_the_files(self, tmp_path: Path) -> None:
        for name in ("b.tgz", "a.whl"):
            (tmp_path / name).write_text(name)
        release.write_sums(tmp_path)
        release.write_sums(tmp_path)
        check = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
        assert subprocess.run(check, cwd=tmp_path, check=False).returncode == 0
        assert len((tmp_path / "SHA256SUMS").read_text().splitlines()) == 2
        (tmp_path / "a.whl").write_text("changed")
        assert subprocess.run(check, cwd=tmp_path, check=False, capture_output=True).returncode == 1
