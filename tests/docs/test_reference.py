"""The reference that is made of the code leaves nothing out, and says it in both languages."""

import re

import click
import pytest
import yaml
from scripts.docsite import cli, crds, helm, metrics, reasons, rest
from scripts.docsite.stage import REFERENCE
from scripts.docsite.words import LANGUAGES, TEXTS, Language

from devworkspace.cli.main import main

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def rows(page: str) -> dict[str, list[str]]:
    """The rows of all tables by their first cell."""
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in page.splitlines() if line[:1] == "|"]
    return {row[0].strip("`"): row for row in cells}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_a_title_in_the_language(language: Language) -> None:
    found = rows(reasons.make_page(language))
    for name in reasons.all_reasons():
        assert found[name][1], name
        assert bool(CHINESE.search(found[name][1])) == (language == "zh"), name
        assert all(found[name]), name


def test_advice_in_chinese_has_no_gaps_left() -> None:
    assert "{{" not in reasons.make_page("zh")
    assert reasons.fill("镜像 {{image}}") == "镜像 ⟨镜像⟩"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_has_a_heading_and_its_options(language: Language) -> None:
    page = cli.make_page(language)
    context = click.Context(main, info_name="devworkspace")
    for name in main.list_commands(context):
        assert f"\n## devworkspace {name}\n" in page
    found = rows(page)
    assert any(flags.startswith("--adopt") for flags in found)
    assert "\n## devworkspace cluster up\n" in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_metric_is_there_with_its_labels(language: Language) -> None:
    found = rows(metrics.make_page(language))
    for registry in (metrics.operator_registry(), metrics.server_registry()):
        for family in registry.collect():
            assert family.name in found or f"{family.name}_total" in found
    assert found["devworkspace_api_requests_total"][2] == "`verb`, `resource`, `status`"
    assert found["devworkspace_namespace_running_environments"][2] == "`namespace`"
    assert "devworkspace_server_open_sockets" in found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_value_of_the_chart_is_there(language: Language) -> None:
    found = rows(helm.make_page(language))
    values = yaml.safe_load((helm.CHART / "values.yaml").read_text(encoding="utf-8"))
    for name, value in values.items():
        assert name in found
        for inner in value if isinstance(value, dict) else ():
            assert f"{name}.{inner}" in found
    assert found["publicUrl"][2] == "`http://localhost:8080`"
    assert "operator.resources.requests.cpu" not in found


@pytest.mark.parametrize("language", LANGUAGES)
def test_fields_of_both_kinds_are_there(language: Language) -> None:
    instance, template = (rows(crds.make_page(which, language)) for which in ("instance", "template"))
    assert {"templateRef", "overrides.env[].name", "conditions[].reason", "phase"} <= set(instance)
    assert {"environment.image", "resources.limits{}", "warmPool.hours[].days[]"} <= set(template)
    assert template["environment.port"][2] == "`8080`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_addresses_of_the_api_are_there(language: Language) -> None:
    assert "`GET /api/v1/environments`" in rest.make_page(language)


def test_the_frame_of_each_page_is_in_its_language() -> None:
    for name, make in REFERENCE.items():
        english, chinese = make("en"), make("zh")
        assert len(english.splitlines()) == len(chinese.splitlines()), name
        assert CHINESE.search(chinese.splitlines()[2]), name
        assert not re.search("工作区|企业空间", chinese), name
    for key, texts in TEXTS.items():
        assert set(texts) == set(LANGUAGES), key
