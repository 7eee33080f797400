"""What every command has: its settings, its way to speak, and its exit code.

Results go to standard output, one JSON object a line with ``--json``; all else goes to standard error.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..config.errors import DeshimmerError, SettingsError, WrongUsage
from ..config.settings import Settings, load_settings

if TYPE_CHECKING:
    from ..config.editing import Source

OK, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

Body = Callable[..., int | None]
"""A command: takes a Session named ``session`` and its own options; returns an exit code, None for 0."""


class Session:
    def __init__(self, config: Path | None = None, overrides: list[str] | None = None, *, json_lines: bool = False) -> None:
        self.config = config
        self.overrides = overrides or []
        self.json_lines = json_lines

    @cached_property
    def settings(self) -> Settings:
        return load_settings(self.config, self.overrides)

    @property
    def source(self) -> Source:
        """Where the settings come from."""
        from ..config.editing import Source  # here: tomlkit takes a while to import

        return Source(self.config, tuple(self.overrides))

    def result(self, record: Mapping[str, Any], human: str | None = None) -> None:
        """One result: the record as a line of JSON, else ``human`` where there is something to print."""
        if self.json_lines:
            print(json.dumps(record), flush=True)  # noqa: T201
        elif human is not None:
            print(human, flush=True)  # noqa: T201

    def note(self, line: str) -> None:
        """A line for the person at the terminal."""
        print(line, file=sys.stderr, flush=True)  # noqa: T201

    def fail(self, error: DeshimmerError, path: str | None = None) -> None:
        """Show an error: as an object with ``--json``, and in words."""
        record = error.as_dict()
        if path is not None:
            record["path"] = path
        if self.json_lines:
            self.result({"path": record["path"], "outcome": "failed", "error": record})
        where = f" ({record['path']})" if record["path"] else ""
        self.note(f"{error.title}{where}: {error.message}")


_COMMON = (
    (
        "config",
        Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings file to use instead of the default one.")],
        None,
    ),
    ("overrides", Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any settings key; may be repeated.")], None),
    ("json_lines", Annotated[bool, typer.Option("--json", help="Print one JSON object a line on standard output, nothing else.")], False),
)


def register(app: typer.Typer, name: str, body: Body) -> None:
    """Add ``body`` to the command line as ``name``, with the options that every command takes."""
    own = [parameter for parameter in inspect.signature(body, eval_str=True).parameters.values() if parameter.name != "session"]
    common = [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind) for key, kind, default in _COMMON]
    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own] + common

    def command(*, config: Path | None, overrides: list[str] | None, json_lines: bool, **options: Any) -> int:
        return run(Session(config, overrides, json_lines=json_lines), body, options)

    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by Typer
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app.command(name, help=inspect.getdoc(body))(command)


def run(session: Session, body: Body, options: Mapping[str, Any]) -> int:
    """Run one command to its exit code; what it raises is shown."""
    try:
        return body(session=session, **options) or OK
    except DeshimmerError as error:
        session.fail(error)
        return WRONG_USAGE if isinstance(error, WrongUsage | SettingsError) else FAILED
    except KeyboardInterrupt:
        session.note("interrupted")
        return INTERRUPTED
