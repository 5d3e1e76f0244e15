"""Two functions in the whole product delete volumes; whoever adds a third must come past this test.

The operator's follows an owner's recorded consent (`core.deletion.decide_on_volume`), the server's the explicit command
of a person who may (`find_purge_obstacle`).
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import devworkspace
from devworkspace.core.plan import Delete

SOURCES = Path(devworkspace.__file__).parent
VOLUME_NAMES = {"PVCS", "persistentvolumeclaims"}


def deletions(source: str) -> Iterator[str]:
    """Functions with a call `.delete(...)` or a DELETE request whose arguments name volumes."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and _deletes(call) and VOLUME_NAMES & _words(call):
                yield function.name


def _deletes(call: ast.Call) -> bool:
    named = isinstance(call.func, ast.Attribute) and "delete" in call.func.attr
    return named or "delete" in _words(call) or "DELETE" in _words(call)


def _words(call: ast.Call) -> set[str]:
    nodes = [node for argument in (*call.args, *call.keywords) for node in ast.walk(argument)]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return names | attributes | {str(node.value) for node in nodes if isinstance(node, ast.Constant)}


def test_operator_and_server_delete_volumes_in_one_function_each() -> None:
    found = [
        (path.relative_to(SOURCES).as_posix(), name)
        for part in ("api", "core", "kube", "operator", "server")
        for path in sorted((SOURCES / part).rglob("*.py"))
        for name in deletions(path.read_text(encoding="utf-8"))
    ]
    assert found == [("operator/volumes.py", "delete"), ("server/purging.py", "purge")]


def test_another_one_would_be_found() -> None:
    assert list(deletions("async def f(client):\n    await client.delete(PVCS, key, uid=uid)")) == ["f"]
    assert list(deletions("def f(c):\n    c.raw('DELETE', resource='persistentvolumeclaims')")) == ["f"]
    assert list(deletions("def f(c):\n    c.delete(PODS, key)\n    c.get(PVCS, key)")) == []


def test_general_deletions_cannot_name_a_volume() -> None:
    assert "PersistentVolumeClaim" not in get_args(get_type_hints(Delete)["kind"])
