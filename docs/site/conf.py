"""Settings of Sphinx for both languages; docs/build.sh says which one by a tag."""

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.search import SearchLanguage

project = "KubeSphere DevWorkspace"
chinese = tags.has("zh")  # type: ignore[name-defined] # noqa: F821
html_title = f"{project} 文档" if chinese else f"{project} documentation"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns: list[str] = []
# The anchors of GitHub, by which our pages link to each other.
myst_heading_anchors = 4
# Pages quote each other's lines; a dash stays a dash.
smartquotes = False
highlight_language = "text"
templates_path = ["templates"]
html_theme = "furo"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_search_summary = False
html_use_index = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}

_PAIRS_IN_JAVASCRIPT = """
function splitQuery(query) {
  const terms = [];
  for (const run of query.match(/[\\u4e00-\\u9fff]+|[\\p{Letter}\\p{Number}_]+/gu) || []) {
    if (!/[\\u4e00-\\u9fff]/.test(run) || run.length === 1) {
      terms.push(run);
      continue;
    }
    for (let at = 0; at + 1 < run.length; at += 1) {
      terms.push(run.slice(at, at + 2));
    }
  }
  return terms;
}
"""


class ChineseByPairs(SearchLanguage):
    """Chinese has no blanks between words: every two characters that stand together are a term.

    A dictionary finds words that it knows and misses our own; pairs find whatever stands on a page.
    """

    lang = "zh"
    language_name = "Chinese"
    stopwords = frozenset()
    js_splitter_code = _PAIRS_IN_JAVASCRIPT

    def split(self, input: str) -> list[str]:
        terms: list[str] = []
        for run in re.findall(r"[\u4e00-\u9fff]+|\w+?(?=[\u4e00-\u9fff]|\b)", input):
            if "\u4e00" <= run[0] <= "\u9fff" and len(run) > 1:
                terms += [run[at : at + 2] for at in range(len(run) - 1)]
            else:
                terms.append(run)
        return terms

    def stem(self, word: str) -> str:
        return word.lower()

    def word_filter(self, word: str) -> bool:
        return bool(word)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_search_language(ChineseByPairs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
