"""The command line's parser in the person's language: Click's own sentences, help texts, and how lines break."""

import copy
import inspect
import re
from collections.abc import Iterable
from typing import Final

import click
from click import core, decorators, exceptions, formatting, parser, termui, types

from devworkspace.cli.language import language, translate, width

# Click keeps the lines of a paragraph that begins so.
_KEEP_LINES: Final = "\b\n"
_CHINESE: Final = "\u2e80-\u9fff\uff00-\uffef"
# What a line may end behind: a word, one Chinese character, blanks. Marks stay with what they belong to.
_PIECE: Final = re.compile(
    rf"\s+|[（“《]*(?:[^\s（“《，。；：、）”》？！{_CHINESE}]+|[^\s（“《])[，。；：、）”》？！]*|[（“《]+"
)


def teach_click() -> None:
    """Has Click ask our catalogue for its sentences.

    It asks gettext, which knows catalogues as binary files only; ours are modules, as all our texts are.
    """
    for module in (core, decorators, exceptions, formatting, parser, termui, types):
        vars(module).update(_=translate, ngettext=_one_or_many)


def _one_or_many(one: str, many: str, count: int) -> str:
    return translate(one if count == 1 else many)


def translated(command: click.Command) -> click.Command:
    """The command as the person reads it: a copy, because the original belongs to all languages."""
    if language() == "en":
        return command
    shown = copy.copy(command)
    if command.help:
        shown.help = translate(inspect.cleandoc(command.help))
        # Click finds the end of a first sentence by the blank behind it.
        shown.short_help = f"{shown.help.partition('。')[0]}。"
    shown.params = [_translated_parameter(parameter) for parameter in command.params]
    # Click keeps the one that it makes first, whatever language it was for.
    shown._help_option = None
    shown.context_class = _Context
    if isinstance(shown, click.Group):
        shown.commands = {name: translated(inner) for name, inner in shown.commands.items()}
    return shown


def _translated_parameter(parameter: click.Parameter) -> click.Parameter:
    if not isinstance(parameter, click.Option | click.Argument) or not parameter.help:
        return parameter
    shown = copy.copy(parameter)
    shown.help = translate(parameter.help)
    return shown


class _Formatter(click.HelpFormatter):
    """Breaks lines as a terminal needs it: Chinese has no blanks, and its characters take two places."""

    def write_text(self, text: str) -> None:
        paragraphs = text.split("\n\n")
        kept = (_KEEP_LINES + wrap(paragraph, self.width - self.current_indent) for paragraph in paragraphs)
        super().write_text("\n\n".join(kept))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        rows = list(rows)
        first = min(max((len(name) for name, _ in rows), default=0), col_max) + col_spacing
        kept = [(name, text and _KEEP_LINES + wrap(text, max(self.width - first - 2, 10))) for name, text in rows]
        super().write_dl(kept, col_max, col_spacing)


class _Context(click.Context):
    formatter_class = _Formatter


def wrap(text: str, places: int) -> str:
    """The text in lines of at most so many places of a terminal, but for words that are longer."""
    lines = [""]
    for piece in _PIECE.findall(" ".join(text.split())):
        if lines[-1] and width(lines[-1] + piece.rstrip()) > places:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return "\n".join(line.rstrip() for line in lines)
