"""Writes what an image is made of as CycloneDX 1.6, the same bytes for the same image.

`python scripts/sbom.py [--out FOLDER] [--archive FILE] [IMAGE ...]` reads the archive that images/build.sh has made (or
FILE, for one image) and writes <out>/<image>.cdx.json, checked against CycloneDX's own schema. Without a name: every
image.

What is in the image counts: Debian's list of packages, the metadata of Python packages, package.json of Node.js
packages. The lock file says what Python packages must be there in which version; a difference is an error. The
dashboard's libraries are in its scripts, where nothing names them, so that they come from its lock file.
"""

import argparse
import base64
import email.parser
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT: Final = Path(__file__).parent.parent
IMAGES: Final = ("base", "python", "nodejs", "go", "java", "devworkspace")
# Where our own virtual environment is, and what it must hold.
LOCKED_FOLDER: Final = "opt/devworkspace/"
LOCK: Final = ROOT / "requirements" / "runtime.txt"
DASHBOARD_LOCK: Final = ROOT / "dashboard" / "package-lock.json"
# Of these only programs are in the images, without what pip writes about them.
_NODE_LOCK: Final = ROOT / "images" / "base" / "editor" / "node.txt"
_GO_LOCK: Final = ROOT / "images" / "go" / "go.txt"
_UNNAMED: Final = {"devworkspace": (), "go": (_NODE_LOCK, _GO_LOCK)}
_STATUS: Final = "var/lib/dpkg/status"
_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_LISTS: Final = re.compile(
    r"(^|/)var/lib/dpkg/status$|\.dist-info/METADATA$|(^|/)node_modules/(@[^/]+/)?[^/@][^/]*/package\.json$"
)
_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://devworkspace.kubesphere.io/sbom")

Json = dict[str, Any]


class SbomError(Exception):
    """There is no true list; the message says why."""


class Package(NamedTuple):
    """`kind` is the package URL's type; `qualifiers` stand behind its `?`."""

    kind: str
    name: str
    version: str
    namespace: str = ""
    qualifiers: str = ""
    license: str = ""
    sha512: str = ""

    @property
    def url(self) -> str:
        parts = [quote(part, safe="") for part in (*self.namespace.split("/"), self.name) if part]
        ending = f"?{self.qualifiers}" if self.qualifiers else ""
        return f"pkg:{self.kind}/{'/'.join(parts)}@{quote(self.version, safe='')}{ending}"


def make_sbom(image: str, archive: Path) -> Json:
    """The document for one image."""
    files = read_lists(archive)
    packages = {*debian(files), *node(files), *python(files)}
    for lock in _UNNAMED.get(image, (_NODE_LOCK,)):
        packages |= {Package("pypi", *pinned) for pinned in read_lock(lock)}
    if image == "devworkspace":
        _compare_with_lock(files)
        packages |= set(dashboard(DASHBOARD_LOCK.read_text(encoding="utf-8")))
    return document(image, packages)


def read_lists(archive: Path) -> dict[str, bytes]:
    """The files that name packages, as a container of this image sees them: later layers replace and remove."""
    found: dict[str, bytes] = {}
    with tarfile.open(archive) as outer:
        (manifest, *others) = json.loads(_content(outer, "manifest.json"))
        if others:
            raise SbomError(f"{archive} holds several images; give it one")
        for layer in manifest["Layers"]:
            stream = outer.extractfile(layer)
            assert stream is not None
            with tarfile.open(fileobj=stream, mode="r:*") as inner:
                _apply(inner, found)
    if _STATUS not in found:
        raise SbomError(f"{archive} is no image that stands on Debian: it has no {_STATUS}")
    return found


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    assert stream is not None
    return stream.read()


def _apply(layer: tarfile.TarFile, found: dict[str, bytes]) -> None:
    fresh: dict[str, bytes] = {}
    for entry in layer:
        path = entry.name.removeprefix("./")
        folder, _, name = path.rpartition("/")
        if name == _OPAQUE:
            _forget(found, f"{folder}/")
        elif name.startswith(_WHITEOUT):
            gone = f"{folder}/{name.removeprefix(_WHITEOUT)}".removeprefix("/")
            found.pop(gone, None)
            _forget(found, f"{gone}/")
        elif entry.isfile() and _LISTS.search(path):
            stream = layer.extractfile(entry)
            assert stream is not None
            fresh[path] = stream.read()
    # What a layer adds is not hidden by what it removes, in whatever order it says so.
    found |= fresh


def _forget(found: dict[str, bytes], folder: str) -> None:
    for path in [path for path in found if path.startswith(folder)]:
        del found[path]


def debian(files: dict[str, bytes]) -> Iterator[Package]:
    for paragraph in files[_STATUS].decode(errors="replace").split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            qualifiers = f"arch={fields['Architecture']}&distro=debian-12"
            yield Package("deb", fields["Package"], fields["Version"], namespace="debian", qualifiers=qualifiers)


def python(files: dict[str, bytes]) -> Iterator[Package]:
    for path, content in files.items():
        if path.endswith(".dist-info/METADATA"):
            fields = email.parser.BytesHeaderParser().parsebytes(content)
            yield Package(
                "pypi", canonical(fields["Name"]), fields["Version"], license=fields.get("License-Expression") or ""
            )


def node(files: dict[str, bytes]) -> Iterator[Package]:
    """Folders without name or version only tell Node.js how to load their files."""
    for path, content in files.items():
        if path.endswith("/package.json"):
            try:
                fields = json.loads(content)
            except ValueError:
                continue
            name, version = fields.get("name"), fields.get("version")
            if isinstance(name, str) and isinstance(version, str) and name and version:
                namespace, _, short = name.rpartition("/")
                told = fields.get("license")
                yield Package("npm", short, version, namespace=namespace, license=told if isinstance(told, str) else "")


def dashboard(lock: str) -> Iterator[Package]:
    """What the pages' scripts are made of, without what only builds and tests them."""
    for path, entry in json.loads(lock)["packages"].items():
        if path and not {"dev", "devOptional", "optional"} & entry.keys():
            namespace, _, name = path.rpartition("node_modules/")[2].rpartition("/")
            algorithm, _, digest = entry["integrity"].partition("-")
            if algorithm != "sha512":
                raise SbomError(f"{path} has no sha512 in the dashboard's lock file")
            yield Package(
                *("npm", name, entry["version"], namespace),
                license=entry.get("license", ""),
                sha512=base64.b64decode(digest).hex(),
            )


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(path: Path) -> set[tuple[str, str]]:
    """Names and versions of a file with requirements."""
    found = {(canonical(name), version) for name, version in _PINNED.findall(path.read_text(encoding="utf-8"))}
    if not found:
        raise SbomError(f"{path} pins nothing")
    return found


def _compare_with_lock(files: dict[str, bytes]) -> None:
    locked = read_lock(LOCK)
    ours = {path: content for path, content in files.items() if path.startswith(LOCKED_FOLDER)}
    there = {(package.name, package.version) for package in python(ours)} - {("devworkspace", version())}
    if strange := there - locked:
        raise SbomError(f"the image holds what {LOCK.name} does not: {sorted(strange)}; build it anew")
    if len(there) < len(locked) // 2:
        raise SbomError(f"the image holds {len(there)} of {len(locked)} locked Python packages; build it anew")


def version() -> str:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


def document(image: str, packages: Iterable[Package]) -> Json:
    components = [_component(package) for package in sorted(set(packages))]
    root = f"devworkspace-image-{image}@{version()}"
    content = {
        "metadata": {
            "component": {
                "type": "container",
                "bom-ref": root,
                "name": f"devworkspace/{image}",
                "version": version(),
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": [component["bom-ref"] for component in components]}],
    }
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        content["metadata"]["timestamp"] = datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, digest)}",
        "version": 1,
        **content,
    }


def _component(package: Package) -> Json:
    component: Json = {
        "type": "library",
        "bom-ref": package.url,
        "name": package.name,
        "version": package.version,
        "purl": package.url,
    }
    if package.namespace:
        component["group"] = package.namespace
    if package.license:
        # As the package says it, which need not be a name that SPDX knows.
        component["licenses"] = [{"license": {"name": package.license}}]
    if package.sha512:
        component["hashes"] = [{"alg": "SHA-512", "content": package.sha512}]
    return component


def check(text: str) -> None:
    """Raises `SbomError` for anything but a valid CycloneDX document."""
    if (error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        raise SbomError(f"no valid CycloneDX 1.6: {error}")


def find_archive(image: str) -> Path:
    """What images/build.sh has made of the sources as they are."""
    path = Path(subprocess.check_output([ROOT / "images" / "build.sh", "--print", image], text=True).strip())
    if not path.is_file():
        raise SbomError(f"{path} does not exist: run images/build.sh {image}")
    return path


def write(image: str, archive: Path, out: Path) -> Path:
    """Writes the checked document of one image into a folder; returns where."""
    text = json.dumps(make_sbom(image, archive), indent=1, ensure_ascii=False) + "\n"
    check(text)
    path = out / f"{image}.cdx.json"
    path.write_text(text, encoding="utf-8")
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="*", metavar="IMAGE", help=" ".join(IMAGES))
    parser.add_argument("--out", type=Path, default=ROOT / ".local/sbom")
    parser.add_argument("--archive", type=Path, help="a docker-archive of the one image that is named")
    options = parser.parse_args()
    if unknown := set(options.images) - set(IMAGES):
        parser.error(f"unknown image: {', '.join(sorted(unknown))}")
    if options.archive and len(options.images) != 1:
        parser.error("--archive needs exactly one image")
    if options.archive and not options.archive.is_file():
        parser.error(f"{options.archive} does not exist")
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        for image in options.images or IMAGES:
            print(write(image, options.archive or find_archive(image), options.out))
    except SbomError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
