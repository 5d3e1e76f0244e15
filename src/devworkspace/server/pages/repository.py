"""How far the clone of an environment's repository is, on the waiting page. It does not hold back the editor."""

from html import escape
from typing import Final, NamedTuple

from devworkspace.api.instance import Repository
from devworkspace.core.repository import RepositoryState, directory_of
from devworkspace.server.pages.texts import Language, text

_SIGNS: Final = {"waiting": "·", "cloning": "◌", "cloned": "✓", "failed": "▲"}


class Clone(NamedTuple):
    """What is to be cloned, and what the pod has said of it."""

    git: Repository
    known: RepositoryState | None

    @property
    def is_open(self) -> bool:
        """Whether its end is not known yet."""
        return self.known is None or self.known.state == "cloning"


def clone_lines(clone: Clone, language: Language) -> str:
    """Its state in a line; below it, of one that failed, why and what to do."""
    state = clone.known.state if clone.known is not None else "waiting"
    name = text("clone.name", language)
    sentence = text(f"clone.{state}", language)
    line = (
        f'<p class="clone" data-clone="{state}" role="status"><span aria-hidden="true">{_SIGNS[state]}</span> {name}: '
        f'<span class="address">{escape(clone.git.repository)}</span> – {sentence}</p>'
    )
    if clone.known is None or state != "failed":
        return line
    reason = clone.known.reason or "other"
    folder = f"~/{directory_of(clone.git)}"
    why = text(f"clone.reason.{reason}", language)
    then = text(f"clone.next.{reason}", language, folder=folder, ref=clone.git.ref or "")
    return f'{line}<p class="hint">{escape(why)} {escape(then)}</p>'
