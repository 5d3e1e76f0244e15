from typing import Any

import pytest

from devworkspace.api import reasons
from devworkspace.api.instance import InstanceStatus, TemplateUse
from devworkspace.api.template import EnvVar
from devworkspace.core.resolve import Refusal, Settings, resolve
from tests.support.builders import make_instance, make_settings, make_template


def refusal(instance: Any, template: Any, **labels: str) -> Refusal:
    result = resolve(instance, template, namespace_labels=labels)
    assert isinstance(result, Refusal), result
    return result


def test_a_founding_manifest_runs_with_the_template_s_values() -> None:
    template = make_template(
        resources={"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}},
        storage={"size": "20Gi"},
    )
    settings = make_settings(make_instance(), template)
    assert settings.requests == {"cpu": "500m", "memory": "1Gi"}
    assert settings.limits == {"cpu": "1", "memory": "2Gi"}
    assert settings.storage.size == "20Gi"
    assert settings.start_timeout.total_seconds() == 300


def test_a_template_without_resources_gets_both_sides_so_that_a_quota_accepts_the_pod() -> None:
    settings = make_settings()
    assert settings.requests == {"cpu": "100m", "memory": "256Mi"}
    assert settings.limits == {"cpu": "2", "memory": "2Gi"}


@pytest.mark.parametrize(
    ("template", "override", "requests", "limits"),
    [
        pytest.param(
            {"requests": {"cpu": "4"}}, {}, {"cpu": "4"}, {"cpu": "4"}, id="a request above the default limit"
        ),
        pytest.param(
            {"limits": {"cpu": "50m"}}, {}, {"cpu": "50m"}, {"cpu": "50m"}, id="a limit below the default request"
        ),
        pytest.param(
            {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}},
            {"limits": {"cpu": "500m"}},
            {"cpu": "500m"},
            {"cpu": "500m"},
            id="an override lowers the limit below the template's request",
        ),
        pytest.param(
            {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}},
            {"requests": {"cpu": "3"}},
            {"cpu": "3"},
            {"cpu": "3"},
            id="an override raises the request above the template's limit",
        ),
        pytest.param(
            {"limits": {"nvidia.com/gpu": 1}}, {}, {"cpu": "100m"}, {"nvidia.com/gpu": 1}, id="an extended resource"
        ),
    ],
)
def test_one_side_follows_the_other(
    template: dict[str, Any], override: dict[str, Any], requests: dict[str, Any], limits: dict[str, Any]
) -> None:
    settings = make_settings(make_instance(overrides={"resources": override}), make_template(resources=template))
    assert {name: settings.requests[name] for name in requests} == requests
    assert {name: settings.limits[name] for name in limits} == limits


def test_environment_variables_of_the_instance_win_and_keep_their_place() -> None:
    template = make_template(
        environment={"image": "i", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        overrides={"env": True},
    )
    settings = make_settings(
        make_instance(overrides={"env": [{"name": "A", "value": "9"}, {"name": "C", "value": "3"}]}), template
    )
    assert settings.environment.env == (
        EnvVar(name="A", value="9"),
        EnvVar(name="B", value="2"),
        EnvVar(name="C", value="3"),
    )


@pytest.mark.parametrize(
    ("allowed", "override", "message"),
    [
        pytest.param(
            {"maxResources": {"cpu": "4"}},
            {"resources": {"limits": {"cpu": "8"}}},
            "Template 'python' allows at most 4 of cpu, and this asks for 8; lower the override.",
            id="more cpu than allowed",
        ),
        pytest.param(
            {"maxResources": {"cpu": "4"}},
            {"resources": {"limits": {"nvidia.com/gpu": 1}}},
            "Template 'python' does not allow to change nvidia.com/gpu; remove the override.",
            id="a resource that the bound does not name",
        ),
        pytest.param(
            {"maxStorage": "20Gi"},
            {"storage": {"size": "21Gi"}},
            "Template 'python' allows at most 20Gi of storage, and this asks for 21Gi; lower the override.",
            id="more storage than allowed",
        ),
        pytest.param(
            {},
            {"image": "evil"},
            "Image 'evil' is not allowed by template 'python'; it allows no other image.",
            id="another image where none is allowed",
        ),
        pytest.param(
            {"images": ["a", "b"]},
            {"image": "evil"},
            "Image 'evil' is not allowed by template 'python'; allowed are: a, b.",
            id="an image outside the list",
        ),
        pytest.param(
            {},
            {"env": [{"name": "A", "value": "1"}]},
            "Template 'python' does not allow own environment variables; remove overrides.env.",
            id="variables where none are allowed",
        ),
    ],
)
def test_an_override_beyond_the_template_is_refused(
    allowed: dict[str, Any], override: dict[str, Any], message: str
) -> None:
    result = refusal(make_instance(overrides=override), make_template(overrides=allowed))
    assert result == Refusal(reason=reasons.OVERRIDE_NOT_ALLOWED, message=message)


@pytest.mark.parametrize(
    ("allowed", "override"),
    [
        ({"maxResources": {"cpu": "4"}}, {"resources": {"limits": {"cpu": "4000m"}}}),
        ({}, {"resources": {"limits": {"cpu": "64"}}}),
        ({"maxStorage": "20Gi"}, {"storage": {"size": "20Gi"}}),
        ({}, {"storage": {"size": "1Ti"}}),
        ({"images": ["other"]}, {"image": "other"}),
        ({"env": True}, {"env": [{"name": "A", "value": "1"}]}),
    ],
)
def test_an_override_within_the_template_is_taken(allowed: dict[str, Any], override: dict[str, Any]) -> None:
    result = resolve(make_instance(overrides=override), make_template(overrides=allowed), namespace_labels={})
    assert isinstance(result, Settings)


def test_a_missing_template_is_named() -> None:
    result = refusal(make_instance(templateRef="gone"), None)
    assert result.reason == reasons.TEMPLATE_MISSING
    assert "'gone' does not exist; ask an admin" in result.message


def test_a_hidden_template_takes_no_new_environment_but_keeps_the_old() -> None:
    hidden = make_template(state="Hidden")
    assert refusal(make_instance(), hidden).reason == reasons.TEMPLATE_HIDDEN
    started = make_instance(status=InstanceStatus(template=TemplateUse(name="python", revision="r")))
    assert isinstance(resolve(started, hidden, namespace_labels={}), Settings)


@pytest.mark.parametrize(
    ("selector", "labels", "allowed"),
    [
        ({"matchLabels": {"team": "a"}}, {"team": "a"}, True),
        ({"matchLabels": {"team": "a"}}, {"team": "b"}, False),
        ({"matchLabels": {"team": "a"}}, {}, False),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}]}, {"team": "b"}, True),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["a"]}]}, {}, False),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]}, {}, True),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]}, {"team": "a"}, False),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, {"team": ""}, True),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, {}, False),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, {}, True),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, {"team": "a"}, False),
        ({}, {}, True),
    ],
)
def test_the_namespace_selector_decides_where_a_template_may_be_used(
    selector: dict[str, Any], labels: dict[str, str], allowed: bool
) -> None:
    template = make_template(access={"namespaceSelector": selector})
    result = resolve(make_instance(), template, namespace_labels=labels)
    assert isinstance(result, Settings) is allowed
    if isinstance(result, Refusal):
        assert result.reason == reasons.TEMPLATE_NOT_ALLOWED
