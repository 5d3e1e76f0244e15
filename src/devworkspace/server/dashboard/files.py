"""What `dashboard/build.sh` has made, read once."""

import gzip
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

PAGE: Final = "index.html"
ASSETS: Final = "assets"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
# The build puts a hash of the content into every name, so that a name's content never changes.
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+-[A-Za-z0-9_-]{8}(\.[a-z0-9]+)")
_WORTH_COMPRESSING: Final = 1024
# What the page loads before it shows anything.
_FIRST: Final = re.compile(r'"\./(assets/[A-Za-z0-9_.-]+\.(?:js|css))"')


class Asset(NamedTuple):
    """A file; `compressed` is its gzip form where that is shorter."""

    content: bytes
    compressed: bytes | None
    content_type: str


class DashboardFiles(NamedTuple):
    """A build: the page as a template and the files that it loads, by name."""

    page: str
    assets: dict[str, Asset]

    @property
    def first(self) -> tuple[str, ...]:
        """Paths of the files that the page needs at once."""
        return tuple(f"/{path}" for path in _FIRST.findall(self.page))


def read_files(folder: Traversable | None = None) -> DashboardFiles | None:
    """The build in `folder`, by default the package's own; None where nothing was built."""
    folder = folder or files("devworkspace.server.dashboard").joinpath("built")
    page = folder.joinpath(PAGE)
    if not page.is_file():
        return None
    assets = {item.name: _read_asset(item) for item in folder.joinpath(ASSETS).iterdir() if _NAME.fullmatch(item.name)}
    return DashboardFiles(page=page.read_text(encoding="utf-8"), assets=assets)


def _read_asset(item: Traversable) -> Asset:
    content = item.read_bytes()
    compressed = gzip.compress(content, mtime=0) if len(content) > _WORTH_COMPRESSING else content
    match = _NAME.fullmatch(item.name)
    return Asset(
        content=content,
        compressed=compressed if len(compressed) < len(content) else None,
        content_type=_TYPES.get(match[1] if match else "", "application/octet-stream"),
    )
