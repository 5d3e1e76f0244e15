from devworkspace.api.meta import Key
from devworkspace.kube.index import Index

ONE, TWO = Key("team", "one"), Key("team", "two")


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def test_objects_are_found_by_each_of_their_values() -> None:
    index = Index({"word": words})
    index.replace(TWO, None, "red green")
    index.replace(ONE, None, "red")
    assert index.find("word", "red") == (ONE, TWO)
    assert index.find("word", "green") == (TWO,)
    assert (index.count("word", "red"), index.count("word", "blue")) == (2, 0)


def test_a_change_moves_and_an_end_removes_an_object() -> None:
    index = Index({"word": words})
    index.replace(ONE, None, "red")
    index.replace(ONE, "red", "blue")
    assert (index.find("word", "red"), index.find("word", "blue")) == ((), (ONE,))
    index.replace(ONE, "blue", None)
    assert index.find("word", "blue") == ()
