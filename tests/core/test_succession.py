"""Which template is offered instead of one that was replaced."""

import pytest

from devworkspace.core.succession import Successor, find_successor
from tests.support.builders import make_template

Catalogue = dict[str, dict[str, str]]

DEPRECATED = {"state": "Deprecated"}
HIDDEN = {"state": "Hidden"}


def to(name: str, state: str = "Deprecated") -> dict[str, str]:
    return {"state": state, "replacedBy": name}


@pytest.mark.parametrize(
    ("catalogue", "expected"),
    [
        pytest.param({"a": DEPRECATED}, None, id="none is named"),
        pytest.param({"a": to("b"), "b": {}}, Successor("b"), id="one that is offered"),
        pytest.param({"a": to("b", "Hidden"), "b": {}}, Successor("b"), id="of a hidden one"),
        pytest.param({"a": to("b"), "b": DEPRECATED}, Successor("b"), id="a deprecated one can still be used"),
        pytest.param({"a": to("b"), "b": to("c"), "c": {}}, Successor("c"), id="the one at the end of the way"),
        pytest.param({"a": to("b"), "b": to("c", "Hidden"), "c": {}}, Successor("c"), id="by way of a hidden one"),
        pytest.param({"a": to("b")}, Successor("b", "Missing"), id="one that does not exist"),
        pytest.param({"a": to("b"), "b": to("c")}, Successor("c", "Missing"), id="the way breaks off"),
        pytest.param({"a": to("b"), "b": HIDDEN}, Successor("b", "Hidden"), id="one that is hidden"),
        pytest.param({"a": to("a")}, Successor("a", "Circular"), id="itself"),
        pytest.param({"a": to("b"), "b": to("a")}, Successor("a", "Circular"), id="each other"),
        pytest.param(
            {"a": to("b"), "b": to("c"), "c": to("b")}, Successor("b", "Circular"), id="a circle that it is no part of"
        ),
    ],
)
def test_the_successor_is(catalogue: Catalogue, expected: Successor | None) -> None:
    templates = {name: make_template(name, **spec) for name, spec in catalogue.items()}
    assert find_successor(templates["a"], templates.get) == expected
