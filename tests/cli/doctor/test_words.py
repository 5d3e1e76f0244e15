"""Every text is there in both languages, with the same places for values, and with a next step where one is due."""

import re
from pathlib import Path
from typing import Final

import pytest

from devworkspace.cli.doctor import words

FOLDER: Final = Path(words.__file__).parent
USED: Final = {
    (verdict, text)
    for path in FOLDER.glob("*.py")
    for verdict, text in re.findall(r'\.(ok|advice|problem|unknown)\(\s*"([a-z.-]+)"', path.read_text(encoding="utf-8"))
}


def places(text: str) -> set[str]:
    return set(re.findall(r"(?<!\{)\{(\w+)", text))


@pytest.mark.parametrize("key", words.TEXTS)
def test_both_languages_say_the_same(key: str) -> None:
    sentences = words.TEXTS[key]
    assert places(sentences.en) == places(sentences.zh)
    assert places(sentences.next_en) == places(sentences.next_zh)
    assert bool(sentences.next_en) == bool(sentences.next_zh)
    assert re.search("[\u4e00-\u9fff]", sentences.zh)
    assert not re.search("工作区|企业空间", sentences.zh + sentences.next_zh)


def test_what_is_wrong_has_a_next_step() -> None:
    assert len(USED) > 40
    assert [text for verdict, text in USED if verdict != "ok" and not words.TEXTS[text].next_en] == []


def test_no_text_is_left_over() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py") if "words_" not in path.name)
    assert [key for key in words.TEXTS if f'"{key}"' not in source] == []
