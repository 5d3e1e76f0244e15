"""One log format in a process; in a process of its own, because it is configured once."""

import functools
import json
import os
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest

from tests.cli.conftest import ROOT

PROGRAM = """
import logging, sys, structlog
from devworkspace.cli.logs import configure_logging
configure_logging(log_format=sys.argv[1], verbose=sys.argv[2] == "verbose")
structlog.get_logger("ours").info("signed in", user="李", count=2)
structlog.get_logger("ours").debug("a detail of ours")
library = logging.getLogger("a.library")
library.warning("%s is slow: %d ms", "the disk", 70, extra={"known": 1})
library.debug("a detail of a library")
try:
    {}["absent"]
except KeyError:
    library.exception('it "broke"\\non two lines')
    structlog.get_logger("ours").exception("ours broke", token=b"bytes", what=object)
try:
    raise ValueError("oops\\n2026-01-01 [info] signed in user=root")
except ValueError:
    user = "a\\r\\n\\u2028\\u202e\\x1b[31m\\ud800b"
    structlog.get_logger("ours").exception("forged", user=user, deep={"x\\n": ["y\\n"]})
logging.getLogger("kopf.objects").info("Handler succeeded.")
logging.getLogger("asyncio").debug("Using selector")
logging.getLogger("asyncio").warning("slow callback")
"""


@functools.cache
def run(log_format: str, verbose: str = "") -> list[str]:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, log_format, verbose],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "", "standard output belongs to commands that print something"
    return result.stderr.splitlines()


def events(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def test_every_line_is_a_json_object() -> None:
    ours, library, exception, our_exception, _, callback = events(run("json", ""))
    assert datetime.fromisoformat(ours.pop("timestamp")).tzinfo is not None
    assert ours == {"event": "signed in", "user": "李", "count": 2, "logger": "ours", "level": "info"}
    library.pop("timestamp")
    assert library == {"event": "the disk is slow: 70 ms", "logger": "a.library", "level": "warning"}
    assert exception["event"] == r'it "broke"\non two lines'
    assert exception["exception"].endswith("KeyError: 'absent'")
    assert "Traceback (most recent call last)" in exception["exception"]
    assert our_exception["exception"].endswith("KeyError: 'absent'")
    assert callback["event"] == "slow callback"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_text_from_outside_cannot_make_a_line_or_hide_one(log_format: str) -> None:
    output = "\n".join(run(log_format))
    assert "signed in user=root" in output, "it is told"
    assert [line for line in output.split("\n") if line.startswith("2026-01-01")] == []
    for character in "\r\u2028\u202e\x1b":
        assert character not in output
    if log_format == "json":
        event = next(event for event in events(run("json")) if event["event"] == "forged")
        assert event["user"] == r"a\r\n\u2028\u202e\x1b[31m\ud800b"
        assert event["deep"] == {r"x\n": [r"y\n"]}


@pytest.mark.parametrize(
    ("verbose", "shown"),
    [
        ("", set[str]()),
        ("verbose", {"a detail of ours", "a detail of a library", "Handler succeeded."}),
    ],
    ids=["normal", "verbose"],
)
def test_details_are_shown_on_request(verbose: str, shown: set[str]) -> None:
    told = {event["event"] for event in events(run("json", verbose))}
    details = {"a detail of ours", "a detail of a library", "Handler succeeded.", "Using selector"}
    assert told & details == shown
    assert {"signed in", "slow callback"} <= told


def test_lines_for_people_have_no_colours_in_a_file() -> None:
    lines = run("console")
    assert "\x1b" not in "".join(lines)
    assert "signed in" in lines[0]
    assert "user=李" in lines[0]
    assert "[info" in lines[0]
    assert "the disk is slow: 70 ms" in lines[1]
    assert "KeyError: 'absent'" in "\n".join(lines)
