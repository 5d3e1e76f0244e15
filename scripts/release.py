"""Whether everything says the version that is released, and the files of a release but for the images.

`python scripts/release.py check TAG` prints what does not say the version of TAG (v1.2.3), or has no date in
CHANGELOG.md.

`python scripts/release.py build [--out FOLDER]` writes wheel, charts, KubeSphere's extension, manifests and the list of
what is in each image, with SHA256SUMS over all of them. The same commit gives the same bytes, as far as the images do.
It needs the dashboard (dashboard/build.sh) and the images (images/build.sh).
"""

import argparse
import gzip
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import extension
import sbom

ROOT: Final = Path(__file__).parent.parent
CHARTS: Final = ("devworkspace", "devworkspace-crds")
SUMS: Final = "SHA256SUMS"
_TAG: Final = re.compile(r"v(\d+\.\d+\.\d+)")
_IMAGE: Final = r"localhost/devworkspace/\w+:(\S+)"
# Each place that names the version, and what stands around it there.
PLACES: Final = {
    "pyproject.toml": r'^version = "(.+)"$',
    "src/devworkspace/__init__.py": r'^__version__ = "(.+)"$',
    "dashboard/package.json": r'^  "version": "(.+)",$',
    "charts/devworkspace/Chart.yaml": r"^(?:appVersion|version): (.+)$",
    "charts/devworkspace-crds/Chart.yaml": r"^version: (.+)$",
    "extension/extension.yaml": r"^version: (.+)$",
    "images/build.sh": r"\bIMAGE_VERSION=(\S+)",
    "images/docker-bake.json": r'"VERSION": \{"default": "(.+)"\}',
    "images/*/Dockerfile": r"^ARG VERSION=(.+)$",
    "deploy/operator.yaml": _IMAGE,
    "deploy/server.yaml": _IMAGE,
    "crds/examples/*-template.yaml": _IMAGE,
}


def differences(tag: str) -> Iterator[str]:
    """What keeps this checkout from being the release that the tag names."""
    named = _TAG.fullmatch(tag)
    if named is None:
        yield f"{tag!r} names no release: it must look like v1.2.3"
        return
    for pattern, expression in PLACES.items():
        for path in sorted(ROOT.glob(pattern)):
            found = re.findall(expression, path.read_text(encoding="utf-8"), re.MULTILINE)
            if not found or set(found) != {named[1]}:
                yield f"{path.relative_to(ROOT)}: says {', '.join(sorted(set(found))) or 'no version'}, not {named[1]}"
    heading = rf"^## {re.escape(named[1])} \(\d{{4}}-\d\d-\d\d\)$"
    if not re.search(heading, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE):
        yield f"CHANGELOG.md: has no heading `## {named[1]} (YYYY-MM-DD)`"


def build(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    _build_wheel(out)
    write_packages(out)
    for image in sbom.IMAGES:
        sbom.write(image, sbom.find_archive(image), out)
    write_sums(out)


def write_packages(out: Path) -> None:
    """Charts, extension and manifests; nothing but what is committed decides their bytes."""
    for chart in CHARTS:
        folder = ROOT / "charts" / chart
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        (out / f"chart-{chart}-{sbom.version()}.tgz").write_bytes(extension.pack(files))
    extension.build(out)
    name = f"devworkspace-manifests-{sbom.version()}"
    tree = subprocess.check_output(["git", "archive", f"--prefix={name}/", "HEAD", "crds", "deploy"], cwd=ROOT)
    (out / f"{name}.tar.gz").write_bytes(gzip.compress(tree, mtime=0))


def _build_wheel(out: Path) -> None:
    committed = subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=ROOT, text=True).strip()
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation",
         "--wheel-dir", out, ROOT],
        check=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": committed},
    )  # fmt: skip


def write_sums(folder: Path) -> None:
    """As `sha256sum --check` reads them."""
    files = sorted(path for path in folder.iterdir() if path.name != SUMS)
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check").add_argument("tag")
    commands.add_parser("build").add_argument("--out", type=Path, default=ROOT / "dist" / "release")
    options = parser.parse_args()
    if options.command == "check":
        found = list(differences(options.tag))
        print("\n".join(found) or f"everything says {options.tag}")
        return int(bool(found))
    try:
        build(options.out)
    except (extension.ExtensionError, sbom.SbomError) as error:
        print(error, file=sys.stderr)
        return 1
    print((options.out / SUMS).read_text(encoding="utf-8"), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
