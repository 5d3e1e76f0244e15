"""`devworkspace server` with options of a test's choice; the fixture `seen` keeps it from serving."""

from pathlib import Path

from click.testing import CliRunner, Result

from devworkspace.cli import server


def start(folder: Path, *options: str) -> Result:
    (folder / "key").write_bytes(b"k" * 32)
    required = ("--public-url=http://localhost:8080", f"--master-key-file={folder / 'key'}")
    return CliRunner().invoke(server.command, [*required, *options])
