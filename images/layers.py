#!/usr/bin/env python3
"""Hunts for secrets in all layers of images: also in files that a later layer deletes or replaces, which everybody who
pulls the image still gets, and in the image's settings and history.

Usage: layers.py ARCHIVE ...         standard input: values of this machine that must not be there, one a line
       layers.py --plant ARCHIVE     writes a small image with a secret of each kind, as a control

Says where something is and never what it is. Exit code 1 if there is anything.
"""

import io
import json
import re
import sys
import tarfile
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """`marker` stands in each match, and is faster to look for. `where`: paths to which it is limited."""

    name: str
    marker: bytes
    pattern: re.Pattern[bytes]
    where: re.Pattern[str] | None = None


SETTINGS = re.compile(r"(^|/)(etc|root|home|run)/|(^|/)(\.?npmrc|pip\.conf|\.condarc|settings\.xml|\.env)$")
KINDS = (
    Kind("private key", b"PRIVATE KEY-----", re.compile(rb"BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:\\n|\s)+[\w+/=]{40}")),
    Kind("token of a registry", b"_authToken", re.compile(rb"_authToken\s*=\s*[\"']?[\w./+-]{16}")),
    Kind("password of a registry", b"_password", re.compile(rb"(?m)^//[^\n]*_password\s*=\s*\S{8}"), SETTINGS),
    Kind("address with a password", b"://", re.compile(rb"\w://[^\s:/@\"'<>{}$]+:[^\s:/@\"'<>{}$]+@[\w.-]+"), SETTINGS),
    Kind("GitHub token", b"gh", re.compile(rb"\bgh[pousr]_[A-Za-z0-9]{36}\b")),
    Kind("AWS key", b"AKIA", re.compile(rb"\bAKIA(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b")),
    Kind("signed token", b"eyJ", re.compile(rb"\beyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{32,}"), SETTINGS),
)
# What has no business in an image, whatever is in it.
NAMES = re.compile(
    r"(^|/)(\.netrc|\.git-credentials|\.docker/config\.json|id_(rsa|dsa|ecdsa|ed25519)|ssh_host_\w+_key|\.git/HEAD"
    r"|[\w.-]*kubeconfig|admin-password\w*|run/secrets/.+)$"
)
# Keys that came with packages, and that everybody has: of their own tests, and of a library's test of itself.
PUBLISHED = re.compile(
    r"/node_modules/.+/test/|^usr/lib/[^/]+/libgnutls\.so\.|^usr/local/go/src/crypto/x509/platform_root_key\.pem$"
)
VARIABLES = re.compile(r"(?i)passw|secret|token|credential|api_?key|private")
WHITEOUT = ".wh."


class Place(NamedTuple):
    """A file of a layer, or a text about the image."""

    where: str
    path: str
    content: bytes


def places(archive: tarfile.TarFile, seen: set[str]) -> Iterator[Place]:
    """Everything in an archive but the layers that were `seen` in another one."""
    manifest = archive.extractfile("manifest.json")
    assert manifest is not None
    for image in json.load(manifest):
        config = archive.extractfile(image["Config"])
        assert config is not None
        yield Place(image["Config"][:12], "settings and history", config.read())
        for layer in image["Layers"]:
            if layer in seen:
                continue
            seen.add(layer)
            yield from files(archive.extractfile(layer), layer[:12])


def files(layer: Any, name: str) -> Iterator[Place]:
    with tarfile.open(fileobj=layer, mode="r|*") as opened:
        for entry in opened:
            if entry.isfile():
                content = opened.extractfile(entry)
                yield Place(name, entry.name.removeprefix("./"), content.read() if content is not None else b"")


def find(place: Place, values: Sequence[bytes]) -> Iterator[str]:
    """What is wrong with a place."""
    published = PUBLISHED.search(place.path) is not None
    if place.path == "settings and history":
        for variable in json.loads(place.content).get("config", {}).get("Env") or ():
            if VARIABLES.search(variable.partition("=")[0]):
                yield f"variable {variable.partition('=')[0]}"
    elif NAMES.search(place.path) and not published and not place.path.rpartition("/")[2].startswith(WHITEOUT):
        yield "a file of this name"
    for kind in KINDS:
        if kind.marker not in place.content or (published and kind.name == "private key"):
            continue
        limited = kind.where is not None and place.path != "settings and history"
        if (not limited or kind.where.search(place.path)) and kind.pattern.search(place.content):
            yield kind.name
    if any(value in place.content for value in values):
        yield "a value of this machine"


def hunt(archives: Sequence[str], values: Sequence[bytes]) -> tuple[list[str], str]:
    """What was found, and how much was looked at."""
    seen: set[str] = set()
    found, looked, deleted = [], 0, 0
    for path in archives:
        with tarfile.open(path) as archive:
            for place in places(archive, seen):
                looked += 1
                deleted += place.path.rpartition("/")[2].startswith(WHITEOUT)
                found += [f"{place.where} {place.path}: {what}" for what in find(place, values)]
    return found, f"{looked} files in {len(seen)} layers, {deleted} marks of deletion"


def planted() -> dict[str, bytes]:
    """A file with each kind of secret, put together here so that this file has none."""
    random = "q7Zx" * 16
    return {
        "root/key.pem": f"-----BEGIN {'EC'} PRIVATE KEY-----\n{random}\n".encode(),
        "tmp/npmrc": f"//registry.example.com/:_authToken{'='}{random[:36]}\n".encode(),
        "root/.npmrc": f"//registry.example.com/:_password{'='}{random[:36]}\n".encode(),
        "etc/pip.conf": f"index-url = https://me:{random[:12]}@example.com/simple\n".encode(),
        "opt/app/hub": b"x = ghp" + b"_" + random[:36].encode(),
        "opt/app/cloud": b"AKIA" + b"QWERTYUIOPASDFGH",
        "home/dev/token": f"eyJ{random[:20]}.eyJ{random[:20]}.{random[:40]}".encode(),
        "etc/ssh/ssh_host_ed25519_key": b"",
    }


def plant(target: str) -> None:
    """An image whose first layer has all of them and whose second deletes them."""
    secret = planted()
    whiteouts = {f"{path.rpartition('/')[0]}/{WHITEOUT}{path.rpartition('/')[2]}": b"" for path in secret}
    settings = {"config": {"Env": ["PATH=/bin", "DEPLOY_TOKEN=x"]}, "history": [{"created_by": "RUN make"}]}
    images = [{"Config": "settings.json", "RepoTags": None, "Layers": ["first.tar", "second.tar"]}]
    _write(
        target,
        {
            "settings.json": json.dumps(settings).encode(),
            "first.tar": _tar(secret),
            "second.tar": _tar(whiteouts),
            "manifest.json": json.dumps(images).encode(),
        },
    )


def _tar(content: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    _write(buffer, content)
    return buffer.getvalue()


def _write(target: str | io.BytesIO, content: dict[str, bytes]) -> None:
    where: dict[str, Any] = {"name": target} if isinstance(target, str) else {"fileobj": target}
    with tarfile.open(mode="w", **where) as archive:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def main(arguments: Sequence[str]) -> int:
    if arguments[0] == "--plant":
        plant(arguments[1])
        return 0
    values = [line for line in sys.stdin.buffer.read().splitlines() if len(line) >= 16]
    found, looked = hunt(arguments, values)
    sys.stdout.write("".join(f"{line}\n" for line in found) + f"{looked}: {len(found)} found\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
