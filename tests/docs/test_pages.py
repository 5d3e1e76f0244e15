"""The site's pages: both languages say the same, and what tests do not run is known by number."""

import re
from collections import Counter

import pytest
from scripts.docsite.fences import Block, find_blocks, tell_notes
from scripts.docsite.words import LANGUAGES, NOT_RUN

from tests.support.manual import PAGES, SHELL, page_names, read_blocks

# Why a block of a page is not run by tests/cluster/test_manual.py. A new one is a decision, and this table tells of it.
NOT_RUN_HERE = {
    "changes-installation": 6,
    "gpu": 1,
    "image-build": 1,
    "install": 1,
    "kubesphere": 1,
    "provider": 1,
    "registry": 2,
    "snapshots": 1,
}
TEXT = """# A page

```sh not-run=gpu
nvidia-smi
```

- in a list:

  ```sh
  echo one
  echo two
  ```

````text
```sh
no command
```
````
"""


def outline(language: str, page: str) -> list[str]:
    """Headings by level, rows of tables, pictures and blocks, in their order: all of a page but its words."""
    text = (PAGES / language / page).read_text(encoding="utf-8")
    found = []
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
            found.append("fence")
        elif not fenced and (marked := re.match(r"#+ |\| |- |\d+\. |!\[", line)):
            found.append(marked[0])
    return found


def test_every_page_is_there_in_both_languages() -> None:
    chinese = sorted(str(path.relative_to(PAGES / "zh")) for path in (PAGES / "zh").rglob("*.md"))
    assert chinese == page_names()


@pytest.mark.parametrize("page", page_names())
def test_both_languages_have_the_same_headings_rows_pictures_and_blocks(page: str) -> None:
    assert outline("zh", page) == outline("en", page)


@pytest.mark.parametrize("page", page_names())
def test_commands_and_notes_are_the_same_in_both_languages(page: str) -> None:
    def commands(language: str) -> list[tuple[str, str]]:
        return [(block.note, block.text) for block in read_blocks(page, language) if block.language == "sh"]

    assert commands("zh") == commands("en")


def test_what_is_not_run_is_known_by_number() -> None:
    notes = Counter(block.note for page in page_names() for block in read_blocks(page) if block.note)
    assert dict(notes) == NOT_RUN_HERE
    assert set(notes) <= set(NOT_RUN)


def test_only_commands_that_are_not_run_have_notes_and_every_command_is_marked_as_sh() -> None:
    for language in LANGUAGES:
        for page in page_names():
            for block in read_blocks(page, language):
                assert not block.note or block.language == "sh", (page, block.line)
                assert block.language not in ("", "shell", "bash", "console"), (page, block.line)


def test_the_tutorial_tells_what_the_tests_type_first() -> None:
    assert any(SHELL in block.text for block in read_blocks("tutorial.md"))


def test_chinese_pages_do_not_use_the_names_of_a_tenant() -> None:
    for path in (PAGES / "zh").rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert not re.search("工作区|企业空间", text), path


def test_blocks_are_found_with_line_language_and_note() -> None:
    assert list(find_blocks(TEXT)) == [
        Block(4, "sh", "gpu", "nvidia-smi"),
        Block(10, "sh", "", "echo one\necho two"),
        Block(15, "text", "", "```sh\nno command\n```"),
    ]


def test_a_reader_sees_why_a_block_is_not_run() -> None:
    told = tell_notes(TEXT, {"gpu": "needs a GPU"}, "Not run: {reason}.")
    assert "```sh\nnvidia-smi\n```\n\n*Not run: needs a GPU.*\n" in told
    assert told.count("Not run") == 1


def test_a_reason_without_words_is_refused() -> None:
    with pytest.raises(KeyError):
        tell_notes(TEXT, {}, "{reason}")


def test_pictures_are_small_and_all_used() -> None:
    for language in LANGUAGES:
        used = set()
        for page in page_names():
            text = (PAGES / language / page).read_text(encoding="utf-8")
            used |= {name.rpartition("/")[2] for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)}
        pictures = {path.name: path.stat().st_size for path in (PAGES / language / "pictures").iterdir()}
        assert set(pictures) == used
        assert max(pictures.values()) <= 150_000
