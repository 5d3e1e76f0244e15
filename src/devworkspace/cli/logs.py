"""One log format for everything in a process, our own lines and those of libraries."""

import logging
import sys
from collections.abc import Callable
from typing import Any, Final, Literal

import click
import structlog

LogFormat = Literal["console", "json"]


def escape(value: object) -> object:
    """The value with every character that could end a line, hide, or turn text around written as an escape."""
    match value:
        case str():
            return value if value.isprintable() else "".join(map(_escape_one, value))
        case list() | tuple():
            return [escape(item) for item in value]
        case dict():
            return {escape(key): escape(item) for key, item in value.items()}
        case None | bool() | int() | float():
            return value
    return escape(repr(value))


def _escape_one(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def _escape_fields(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Text from outside must not look like a line of its own; those of tracebacks, which have several, are marked."""
    fields = {name: escape(value) for name, value in event.items() if name != "exception"}
    if "exception" in event:
        fields["exception"] = "\n".join(f"  | {escape(line)}" for line in str(event["exception"]).split("\n"))
    return fields


_SHARED: Final[tuple[Any, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)


def logging_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--log-format` and `--verbose` to a command."""
    function = click.option(
        "--log-format", type=click.Choice(["console", "json"]), default="console", help="Lines for people or machines."
    )(function)
    return click.option("--verbose", "-v", is_flag=True, help="Log details of every decision and request.")(function)


def configure_logging(*, log_format: LogFormat, verbose: bool) -> None:
    """Sends all records to standard error; must run before the first record."""
    renderer = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _escape_fields, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # Kopf tells every call of a handler ("Handler 'on_instance' succeeded"), which is one line per watch event.
    logging.getLogger("kopf.objects").setLevel(logging.DEBUG if verbose else logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
