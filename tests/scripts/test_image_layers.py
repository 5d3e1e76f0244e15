"""images/layers.py finds each kind of secret, wherever in an image it is, and tells nobody what it is."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "images" / "layers.py"
RANDOM = "q7Zx" * 16


def tar(content: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(mode="w", fileobj=buffer) as archive:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def write_image(file: Path, *layers: dict[str, bytes], env: tuple[str, ...] = (), history: str = "RUN make") -> Path:
    names = [f"{number}.tar" for number in range(len(layers))]
    settings = {"config": {"Env": list(env)}, "history": [{"created_by": history}]}
    content = {
        "settings.json": json.dumps(settings).encode(),
        **{name: tar(layer) for name, layer in zip(names, layers, strict=True)},
        "manifest.json": json.dumps([{"Config": "settings.json", "Layers": names}]).encode(),
    }
    file.write_bytes(tar(content))
    return file


def hunt(*archives: Path, values: str = "") -> tuple[int, list[str]]:
    """Exit code and the lines of what was found."""
    result = subprocess.run([sys.executable, SCRIPT, *archives], input=values, capture_output=True, text=True)
    assert result.stderr == ""
    return result.returncode, result.stdout.splitlines()[:-1]


def test_each_kind_is_found_in_a_layer_whose_files_the_next_one_deletes(tmp_path: Path) -> None:
    image = tmp_path / "planted.tar"
    subprocess.run([sys.executable, SCRIPT, "--plant", image], check=True)
    code, lines = hunt(image)
    assert code == 1
    assert sorted(line.partition(" ")[2] for line in lines) == [
        "etc/pip.conf: address with a password",
        "etc/ssh/ssh_host_ed25519_key: a file of this name",
        "home/dev/token: signed token",
        "opt/app/cloud: AWS key",
        "opt/app/hub: GitHub token",
        "root/.npmrc: password of a registry",
        "root/key.pem: private key",
        "settings and history: variable DEPLOY_TOKEN",
        "tmp/npmrc: token of a registry",
    ]
    assert not any("q7Zx" in line for line in lines), "it says where, and not what"


def test_what_only_looks_like_one_is_let_pass(tmp_path: Path) -> None:
    image = write_image(
        tmp_path / "image.tar",
        {
            "usr/bin/ssh": b"\x00-----BEGIN OPENSSH PRIVATE KEY-----\x00-----END",
            "usr/share/doc/npm": b"//registry.example.com/:_authToken=${NPM_TOKEN}",
            "opt/app/doc.md": b"https://user:password@example.com AKIAIOSFODNN7EXAMPLE",
            "etc/passwd": b"root:x:0:0:root:/root:/bin/bash",
            "etc/apt/sources.list.d/debian.sources": b"URIs: http://mirror.example.com/debian",
            "etc/ssh/ssh_config": b"",
            "root/.wh.id_rsa": b"",
        },
        env=("PATH=/bin", "LANG=C.UTF-8"),
    )
    assert hunt(image) == (0, [])


def test_keys_that_a_package_published_are_no_secret_and_others_beside_them_are(tmp_path: Path) -> None:
    key = f"-----BEGIN {'RSA'} PRIVATE KEY-----\n{RANDOM}\n".encode()
    home = "usr/lib/node_modules/ssh2"
    image = write_image(
        tmp_path / "image.tar", {f"{home}/test/fixtures/id_rsa": key, f"{home}/lib/key.pem": key, "opt/test/x": key}
    )
    code, lines = hunt(image)
    assert (code, [line.split()[1] for line in lines]) == (1, [f"{home}/lib/key.pem:", "opt/test/x:"])
    assert hunt(image, values=f"{RANDOM}\n")[1][0].endswith("test/fixtures/id_rsa: a value of this machine")


@pytest.mark.parametrize("place", ["file", "variable", "history"])
def test_a_value_of_the_machine_is_found(tmp_path: Path, place: str) -> None:
    value = f"this-machine-{RANDOM}"
    image = write_image(
        tmp_path / "image.tar",
        {"usr/lib/x": value.encode() if place == "file" else b""},
        env=(f"X={value}",) if place == "variable" else (),
        history=f"RUN use {value}" if place == "history" else "",
    )
    assert hunt(image) == (0, [])
    code, (line,) = hunt(image, values=f"\nshort\n{value}\n")
    assert (code, line.rpartition(": ")[2]) == (1, "a value of this machine")


def test_a_layer_of_several_images_is_looked_at_once(tmp_path: Path) -> None:
    images = [write_image(tmp_path / f"{name}.tar", {"root/id_rsa": b""}) for name in ("base", "python")]
    code, lines = hunt(*images)
    assert (code, len(lines)) == (1, 1)
