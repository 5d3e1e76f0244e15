"""Hatchling's hook: a wheel without the dashboard would be half a product, so there is none."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardHook(BuildHookInterface[Any]):
    """Runs before a wheel is packed; an editable one points to the checkout, where the build may come later."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        page = Path(self.root) / "src/devworkspace/server/dashboard/built/index.html"
        if version == "standard" and not page.is_file():
            raise SystemExit("the dashboard is not built: run dashboard/build.sh first")
