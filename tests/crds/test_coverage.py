"""The tables are complete: no rule, pattern, bound or field of the CRDs is without its cases. Needs no cluster."""

import pytest
from tests.crds.cases import load_cases
from tests.crds.schema import BOUNDS, KINDS, Json, bounds, changed, has_value, rule_texts, walk


def _rules() -> list[tuple[str, str, Json]]:
    return [
        (short, path, rule)
        for short, kind in KINDS.items()
        for path, node in walk(kind.schema)
        for rule in node.get("x-kubernetes-validations", [])
    ]


def _patterns() -> list[tuple[str, str]]:
    return [(short, path) for short, kind in KINDS.items() for path, node in walk(kind.schema) if "pattern" in node]


def _fields() -> list[tuple[str, str, Json]]:
    return [(short, path, node) for short, kind in KINDS.items() for path, node in walk(kind.schema)]


@pytest.mark.parametrize(
    ("kind", "path", "rule"),
    [pytest.param(*rule, id=f"{rule[0]} {rule[1]} {rule[2]['message'][:40]}") for rule in _rules()],
)
def test_rule_has_an_accepted_and_a_refused_case(kind: str, path: str, rule: Json) -> None:
    about = [
        case
        for case in load_cases()
        if (case.kind, case.at) == (kind, path) and any(case.check in text for text in rule_texts(rule))
    ]
    assert {case.accepted for case in about} == {True, False}
    transition = "oldSelf" in rule["rule"]
    assert all((case.before is not None) == transition for case in about), "a rule on changes needs `from` and `to`"


@pytest.mark.parametrize(("kind", "path"), _patterns(), ids=lambda value: value)
def test_pattern_has_an_accepted_and_a_refused_case(kind: str, path: str) -> None:
    about = [case for case in load_cases() if (case.kind, case.at, case.check) == (kind, path, "pattern")]
    assert {case.accepted for case in about} == {True, False}
    for case in about:
        assert has_value(changed({}, case.changes), path), f"{case}: sets nothing at {path}"


def test_every_case_is_about_a_rule_or_pattern_that_exists() -> None:
    known = {(kind, path, text) for kind, path, rule in _rules() for text in rule_texts(rule)}
    patterns = set(_patterns())
    for case in load_cases():
        matches = [text for kind, path, text in known if (kind, path) == (case.kind, case.at) and case.check in text]
        assert matches or (case.check == "pattern" and (case.kind, case.at) in patterns), case


def test_a_check_names_one_rule_only() -> None:
    for case in load_cases():
        if case.check != "pattern":
            same = [
                rule
                for kind, path, rule in _rules()
                if (kind, path) == (case.kind, case.at) and any(case.check in text for text in rule_texts(rule))
            ]
            assert len(same) == 1, f"{case}: {case.check!r} is part of several messages at {case.at}"


def test_sentences_are_unique() -> None:
    names = [str(case) + case.at for case in load_cases()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", KINDS)
def test_full_manifest_has_every_field(kind: str) -> None:
    """The generated tests of the bounds change this manifest: a field that it lacks would be tested by nothing."""
    paths = [path for short, path, _ in _fields() if short == kind and path]
    missing = [path for path in paths if not has_value(KINDS[kind].showing(path), path)]
    assert missing == []


@pytest.mark.parametrize(
    ("kind", "path", "node"), [pytest.param(*field, id=f"{field[0]} {field[1]}") for field in _fields()]
)
def test_field_is_described_and_bounded(kind: str, path: str, node: Json) -> None:
    if path != "metadata":
        assert node.get("description", "").strip(), "`kubectl explain` has nothing to show"
    if path in ("", "apiVersion", "kind") or path.startswith("metadata"):
        return
    match node.get("type"):
        case "string":
            assert "maxLength" in node or "enum" in node or node.get("format") == "date-time"
        case "array":
            assert "maxItems" in node
            assert "x-kubernetes-list-type" in node
        case "object":
            assert "properties" in node or "maxProperties" in node
        case "integer":
            assert "minimum" in node
        case None:
            assert node["x-kubernetes-int-or-string"]
            assert {"maxLength", "minimum", "pattern"} <= node.keys()
    assert "x-kubernetes-preserve-unknown-fields" not in node


@pytest.mark.parametrize(
    ("kind", "path", "rule"), [pytest.param(*rule, id=f"{rule[0]} {rule[1]}") for rule in _rules()]
)
def test_message_says_what_to_do(kind: str, path: str, rule: Json) -> None:
    """Messages have the form `what is wrong: what to do`."""
    wrong, separator, remedy = rule["message"].rpartition(": ")
    assert wrong and separator and remedy


def test_bounds_are_of_known_kinds() -> None:
    assert {bound.check for bound in bounds()} <= set(BOUNDS)
    assert len(bounds()) > 100
