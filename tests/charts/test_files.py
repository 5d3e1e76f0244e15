"""The charts' files fit deploy/, crds/ and each other; what Helm makes of them is tests/charts."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from devworkspace.kube.clock import now
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.metrics import Metrics as OperatorMetrics
from devworkspace.server.metrics import Metrics as ServerMetrics
from scripts import chart

pytestmark = pytest.mark.helm

CHARTS: Final = Path(__file__).parents[2] / "charts"
MADE: Final = "Made from "


def test_the_templates_are_current() -> None:
    """Otherwise: python scripts/chart.py."""
    assert list(chart.differences()) == []


def test_a_template_that_was_changed_by_hand_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(chart.CHANGES, "roles.yaml", (chart.Change("devworkspace:admins", "somebody"),))
    assert list(chart.differences()) == ["charts/devworkspace/templates/roles.yaml"]


def test_a_manifest_that_lost_what_the_values_change_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(chart.CHANGES, "roles.yaml", (chart.Change("absent", "x"),))
    with pytest.raises(chart.ChartError, match="expected once, found 0 times: 'absent'"):
        list(chart.differences())


def test_everything_in_deploy_is_in_the_chart() -> None:
    # The namespace is that of the release.
    assert {path.name for path in (chart.ROOT / "deploy").iterdir()} == {*chart.CHANGES, "namespace.yaml"}


def test_no_template_that_was_made_is_left_over() -> None:
    marked = {path for path in CHARTS.glob("*/templates/*") if MADE in path.read_text(encoding="utf-8")}
    assert marked == set(chart.make_templates())


def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHARTS / "devworkspace/values.yaml").read_text(encoding="utf-8"))
    return found


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHARTS / "devworkspace/values.schema.json").read_text(encoding="utf-8"))
    return found


def paths(value: Any, properties: Callable[[Any], Any], prefix: str = "") -> Iterator[str]:
    inner = properties(value)
    if not inner:
        yield prefix.removeprefix(".")
    for name, part in inner.items():
        yield from paths(part, properties, f"{prefix}.{name}")


def test_each_value_has_a_default_and_a_rule() -> None:
    free = {"podAnnotations", "nodeSelector", "annotations", "labels", "resources"}

    def of_schema(part: Any) -> Any:
        return part.get("properties", {})

    def of_values(part: Any) -> Any:
        return part if isinstance(part, dict) else {}

    ruled = {path for path in paths(schema(), of_schema) if not set(path.split(".")) & free}
    given = {path for path in paths(values(), of_values) if not set(path.split(".")) & free}
    assert ruled - given == {"global"}
    assert given - ruled == set()


def test_what_is_not_known_is_refused_at_every_level() -> None:
    def walk(part: dict[str, Any], place: str) -> Iterator[str]:
        if "properties" in part:
            if part.get("additionalProperties") is not False:
                yield place
            for name, inner in part["properties"].items():
                yield from walk(inner, f"{place}.{name}")

    # A reference to a Gateway is the Gateway API's to judge; it is an item of a list, which is not walked.
    assert list(walk(schema(), "")) == []


def test_both_charts_have_the_product_s_version() -> None:
    project = (CHARTS.parent / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert found is not None
    for name in ("devworkspace", "devworkspace-crds"):
        about = yaml.safe_load((CHARTS / name / "Chart.yaml").read_text(encoding="utf-8"))
        assert (about["name"], about["version"], about["appVersion"]) == (name, found[1], found[1])


def known_series() -> set[str]:
    """The names of all series that operator and server have."""
    operator, server = OperatorMetrics(), ServerMetrics()
    operator.watch(Cluster.__new__(Cluster), now=now)
    names = {"devworkspace_environments", "devworkspace_server_request_seconds_bucket"}
    for registry in (operator.registry, server.registry):
        names |= set(registry._names_to_collectors)
    return names


def test_the_dashboard_shows_series_that_there_are() -> None:
    board = json.loads((CHARTS / "devworkspace/dashboards/devworkspace.json").read_text(encoding="utf-8"))
    asked = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\bdevworkspace_\w+", target["expr"])
    }
    assert len(asked) >= 10
    assert asked - known_series() == set()
