"""Our extension of KubeSphere as its console and ks-apiserver get it, without Helm."""

from pathlib import Path
from typing import Any, Final

import yaml

from devworkspace.api.names import SYSTEM_NAMESPACE

CHART: Final = Path(__file__).parents[2] / "extension/charts/extension"
BUNDLE: Final = CHART / "index.js"


def read_reverse_proxy() -> dict[str, Any]:
    """The ReverseProxy of a release in the namespace that all tests use; tests/charts compare with Helm's work."""
    text = (CHART / "templates/reverseproxy.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text.replace("{{ .Release.Namespace }}", SYSTEM_NAMESPACE))
    return found
