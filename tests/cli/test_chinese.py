"""The whole command line speaks Chinese where the locale does: parser, help, questions, refusals, the installer."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest
from click.testing import CliRunner, Result

from devworkspace import cli
from devworkspace.cli.chinese import CATALOGUE
from devworkspace.cli.chinese.parser import PARSER
from devworkspace.cli.language import phrase, width
from devworkspace.cli.localized import wrap
from devworkspace.cli.main import main

ENGLISH: Final = {"LC_ALL": "C.UTF-8"}
CHINESE: Final = {"LC_ALL": "zh_CN.UTF-8"}
HAN: Final = re.compile("[\u4e00-\u9fff]")
OURS: Final = Path(cli.__file__).parent
CLICK: Final = Path(click.__file__).parent
# Names of kinds of files, which stand in capitals for a value; what only programmers and programs read; what an editor
# or a pager of Click's says, which we have none of.
NOT_FOR_PEOPLE: Final = re.compile(
    r"file|directory|path|d|Name '\{name\}' defined twice|Arguments take exactly .*|Value must be an iterable\.|"
    r"Choice\(.*|Invalid start character .*|Unknown (standard stream|color) .*|\{editor\}: .*|Windows error: .*|"
    r"Press any key .*|.*[Ss]hell completion is not supported.*|No options defined .*|Could not determine name .*|"
    r"Boolean option .*"
)
# Those whose sentence must come from a catalogue.
SPEAKING: Final = {"ClickException", "UsageError", "BadParameter", "CommandError", "confirm", "prompt", "fail"}


def run(*arguments: str, locale: dict[str, str], answer: str | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), env=locale, input=answer, prog_name="devworkspace")


def commands(group: click.Group = main, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it."""
    yield above, group
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*above, name))
        else:
            yield (*above, name), command


def help_texts(command: click.Command) -> set[str]:
    parameters = (part for part in command.params if isinstance(part, click.Option | click.Argument))
    return {inspect.cleandoc(text) for text in (command.help, *(part.help for part in parameters)) if text}


def literals(node: ast.AST) -> set[str]:
    """A text that stands there, or either of two that a condition chooses from."""
    if isinstance(node, ast.IfExp):
        return literals(node.body) | literals(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def calls(folder: Path, *names: str) -> Iterator[tuple[Path, ast.Call]]:
    """Calls of functions and methods of these names, if they are given anything."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
                if called in names:
                    yield path, node


def said(folder: Path, *names: str, places: int = 1) -> set[str]:
    return {text for _, call in calls(folder, *names) for part in call.args[:places] for text in literals(part)}


CLICKS_OWN: Final = {text for text in said(CLICK, "_") | said(CLICK, "ngettext", places=2) if text}
OF_HELP: Final = {text for _, command in commands() for text in help_texts(command)}
OF_SENTENCES: Final = said(OURS, "phrase", "step", "note", "translate")


def test_nothing_that_a_person_reads_is_without_chinese() -> None:
    """If this fails: write the Chinese into src/devworkspace/cli/chinese/."""
    assert len(CLICKS_OWN) > 60
    assert len(OF_HELP) > 110
    assert len(OF_SENTENCES) > 50
    people = {text for text in CLICKS_OWN if NOT_FOR_PEOPLE.fullmatch(text) is None}
    assert (people | OF_HELP | OF_SENTENCES) - set(CATALOGUE) == set()


def test_no_chinese_is_left_over() -> None:
    # Click asks for the last one by a variable.
    assert set(CATALOGUE) - OF_HELP - OF_SENTENCES - CLICKS_OWN == {"required"}


@pytest.mark.parametrize("english", CATALOGUE)
def test_both_languages_say_the_same(english: str) -> None:
    chinese = CATALOGUE[english]
    assert HAN.search(chinese)
    assert not re.search("工作区|企业空间|[.,;?!]$", chinese)
    gaps, found = (set(re.findall(r"\{[^}]*\}|%\(\w+\)s", text)) for text in (english, chinese))
    # Names that exist in English only are left out.
    assert found <= gaps
    assert gaps - found <= ({"{number_type}", "{name}", "{param_type}"} if english in PARSER else set())
    for flag in re.findall(r"--[a-z-]+[a-z]", english):
        assert flag in chinese


def test_every_sentence_comes_from_a_catalogue() -> None:
    """Of those that end a command or ask; `str(error)` and variables have been made elsewhere."""
    bare = [
        f"{path.name}:{call.lineno}"
        for path, call in calls(OURS, *SPEAKING)
        if isinstance(call.args[0], ast.JoinedStr | ast.Constant)
    ]
    assert bare == []


@pytest.mark.parametrize("words", [words for words, command in commands() if command.add_help_option], ids=" ".join)
def test_help_is_in_the_language_of_the_shell(words: tuple[str, ...]) -> None:
    english, chinese = (run(*words, "--help", locale=locale) for locale in (ENGLISH, CHINESE))
    assert (english.exit_code, chinese.exit_code) == (0, 0)
    assert HAN.search(english.output) is None
    assert chinese.output.startswith("用法： devworkspace")
    plain = " ".join(chinese.output.split())
    assert [text for text in OF_HELP if " " in text and text in plain] == []
    for left in ("Usage:", "Options:", "Commands:", "default:", "required]", "Show this"):
        assert left not in plain
    # As wide as in English, though each character takes two places.
    assert max(width(line) for line in chinese.output.splitlines()) <= 80


@pytest.mark.parametrize(
    ("arguments", "english", "chinese"),
    [
        (["create", "one"], "Error: Missing option '--template' / '-t'.", "错误：缺少选项 '--template' / '-t'."),
        (["describe"], "Missing argument 'NAME'.", "缺少参数 'NAME'."),
        (["list", "--spase"], "No such option '--spase'.", "没有选项 '--spase'。"),
        (["stop", "--namespac", "x"], "Did you mean '--namespace'?", "您要找的是 '--namespace' 吗？"),
        (["descrbe"], "No such command 'descrbe'. Did you mean 'describe'?", "您要找的是 'describe' 吗？"),
        (["list", "-o", "xml"], "'xml' is not one of 'table'", "'xml' 不是下列值之一：'table'"),
        (["open", "x", "--timeout=0"], "0.0 is not in the range x>=1", "0.0 不在范围 x>=1 内"),
        (["open", "x", "--timeout=x"], "'x' is not a valid float range", "'--timeout' 的值无效：'x' 不是有效的数字"),
        (["stop"], "Try 'devworkspace stop --help' for help.", "使用 'devworkspace stop --help' 查看帮助。"),
        (["list", "more"], "Got unexpected extra argument (more)", "多余的参数（more）"),
        (["list", "-n"], "Option '-n' requires an argument.", "选项 '-n' 需要一个值。"),
        (["list", "--all-namespaces=x"], "does not take a value", "选项 '--all-namespaces' 不接受值。"),
        (["ssh", "x", "--token-file=/no"], "File '/no' does not exist.", "'/no' 不存在。"),
        (["logs", "x", "-f", "-p"], "exclude each other", "不能同时使用"),
        (["logs", "x", "--since=x"], "'x' is not a duration", "'x' 不是时长"),
        (["create", "x", "-t", "y", "--env", "z"], "'z' is not NAME=VALUE", "'z' 不是 NAME=VALUE 的形式"),
        (["port-forward", "-n", "team", "x", "y"], "is neither PORT nor", "'y' 既不是 PORT"),
    ],
)
def test_refusals_of_the_parser(arguments: list[str], english: str, chinese: str) -> None:
    for locale, expected in ((ENGLISH, english), (CHINESE, chinese)):
        result = run(*arguments, locale=locale)
        assert result.exit_code == 2
        assert expected in result.output


def test_the_version() -> None:
    assert run("--version", locale=ENGLISH).exit_code == run("--version", locale=CHINESE).exit_code == 0


@pytest.mark.parametrize(
    ("locale", "question", "end"),
    [
        (ENGLISH, "Remove DevWorkspace from the embedded", "Aborted!"),
        (CHINESE, "移除 DevWorkspace（本机内置的 Kubernetes）", "已中止！"),
    ],
    ids=["English", "Chinese"],
)
def test_a_no_is_an_end_in_the_language_of_the_shell(locale: dict[str, str], question: str, end: str) -> None:
    result = run("uninstall", "--embedded", "--cluster-name=none", locale=locale, answer="n\n")
    assert result.exit_code == 1
    assert question in result.output
    assert result.output.endswith(f"{end}\n")


def test_one_language_leaves_no_trace_in_the_other() -> None:
    first = run("create", "--help", locale=ENGLISH).output
    run("create", "--help", locale=CHINESE)
    assert run("create", "--help", locale=ENGLISH).output == first


def test_a_text_without_chinese_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert phrase("{what} nobody has written", what="This") == "This nobody has written"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("中文没有空格，也要换行。", ["中文没有空", "格，也要换", "行。"]),
        ("停止 `make cluster` 再试", ["停止 `make", "cluster`", "再试"]),
        ("一二三四五，六（七）八", ["一二三四", "五，六", "（七）八"]),
        ("averylongwordthatfitsnowhere 中", ["averylongwordthatfitsnowhere", "中"]),
        ("", [""]),
    ],
)
def test_lines_break_where_a_terminal_needs_it(text: str, lines: list[str]) -> None:
    assert wrap(text, 10) == "\n".join(lines)
