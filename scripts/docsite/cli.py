"""Reference of the command line, made from its parser."""

import inspect
import os
from collections.abc import Iterator
from typing import Final
from unittest import mock

import click
from scripts.docsite.tables import code, plain, table
from scripts.docsite.words import Language, say

from devworkspace.cli.main import main

_LOCALES: Final[dict[Language, str]] = {"en": "C.UTF-8", "zh": "zh_CN.UTF-8"}


def make_page(language: Language) -> str:
    """Every command with its options, in the words of its own help."""
    with mock.patch.dict(os.environ, LC_ALL=_LOCALES[language]):
        return _make_page(language)


def _make_page(language: Language) -> str:
    lines = [
        f"# {say('cli', language)}",
        "",
        say("made-too", language, source="devworkspace.cli"),
        "",
        say("cli-lead", language),
    ]
    # With its own settings: click keeps the help option that is first asked for, for the whole process.
    context = click.Context(main, info_name="devworkspace", **main.context_settings)
    for name, command, inner in _commands(main, context):
        lines += ["", f"## {name}", "", *_about(command, inner, language)]
    return "\n".join(lines).rstrip() + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield inner.command_path, command, inner
        if isinstance(command, click.Group):
            yield from _commands(command, inner)


def _about(command: click.Command, context: click.Context, language: Language) -> list[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    paragraphs = inspect.cleandoc(command.help or "").replace("\b", "").split("\n\n")
    lines = ["```text", usage, "```", ""]
    for paragraph in paragraphs:
        lines += [plain(paragraph), ""]
    # What click's own help lists; arguments are in the usage.
    told = (parameter.get_help_record(context) for parameter in command.params)
    records = [record for record in told if record is not None]
    head = [say("option", language), say("meaning", language)]
    return lines + (table(head, ([code(flag), plain(text)] for flag, text in records)) if records else [])
