"""The command line: the table of commands. What they do is in commands, queue_commands, sidecar_command, open_command, config_command and doctor."""

from __future__ import annotations

import io
import logging
import sys
from importlib import metadata
from typing import Annotated, Any

import typer

from ..config.errors import WrongUsage
from . import commands, config_command, doctor, models_command, open_command, queue_commands, service_command, sidecar_command, tray_command
from .session import FAILED, INTERRUPTED, WRONG_USAGE, Body, Session, register

COMMANDS: tuple[tuple[str, Body], ...] = (
    ("watch", commands.watch),
    ("run", commands.run),
    ("diagnose", commands.diagnose),
    ("fix", commands.fix),
    ("sidecar", sidecar_command.sidecar),
    ("status", queue_commands.status),
    ("jobs", queue_commands.jobs),
    ("show", queue_commands.show_job),
    ("retry", queue_commands.retry),
    ("cancel", queue_commands.cancel),
    ("approve", queue_commands.approve),
    ("pause", queue_commands.pause),
    ("resume", queue_commands.resume),
    ("snooze", queue_commands.snooze),
    ("open", open_command.open_page),
    ("history", queue_commands.history),
    ("doctor", doctor.doctor),
    ("config", config_command.config),
    ("models", models_command.models),
    ("service", service_command.service_command),
    ("tray", tray_command.tray),
)
NOT_BUILT = ("worker",)


def build() -> typer.Typer:
    app = typer.Typer(
        help="Finds and repairs flicker in AI-generated video.", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )
    app.callback()(_program)
    for name, body in COMMANDS:
        register(app, name, body)
    for name in NOT_BUILT:
        app.command(name, hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(_not_built(name))
    return app


def main(arguments: list[str] | None = None) -> None:
    """The program ``deshimmer``: ends the process with the command's exit code."""
    argv = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    _log_warnings()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may hold what the terminal cannot show
    try:
        code = build()(argv, prog_name="deshimmer", standalone_mode=False)
    except typer.TyperException as error:
        words = " ".join(error.format_message().split())  # a list of choices comes in lines
        stop = "" if words.endswith((".", "?")) else "."
        Session(json_lines="--json" in argv).fail(WrongUsage(f"{words}{stop} 'deshimmer --help' tells more."))
        code = WRONG_USAGE
    except typer.Abort:
        code = INTERRUPTED
    except BrokenPipeError:  # who read our output has gone
        sys.stdout = None
        code = FAILED
    sys.exit(code or 0)


def _log_warnings() -> None:
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)  # the daemon's log file takes more
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler])


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"deshimmer {metadata.version('deshimmer')}")  # noqa: T201
        raise typer.Exit


def _program(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)] = False,
) -> None:
    """What may stand before the command."""


def _not_built(name: str) -> Any:
    def answer(context: typer.Context) -> int:
        Session(json_lines="--json" in context.args).fail(WrongUsage(f"'{name}' is not in this version.", title="Not in this version"))
        return WRONG_USAGE

    return answer
