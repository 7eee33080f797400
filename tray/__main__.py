"""``python -m deshimmer.tray``, which ``deshimmer tray`` starts."""

from __future__ import annotations

import argparse
import json
import logging
import sys

from ..config.errors import DeshimmerError
from .app import Wishes, run
from .backends.choice import ASKED_FOR
from .icon import Theme


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")

    def tell(error: DeshimmerError) -> None:
        if options.json_lines:
            _print({"path": error.path, "outcome": "failed", "error": error.as_dict()})
        else:
            print(f"{error.title}: {error.message}", file=sys.stderr, flush=True)  # noqa: T201

    daemon_options = [part for name in ("config", "set") for value in getattr(options, name) for part in (f"--{name}", value)]
    try:
        run(Wishes(Theme(options.theme), options.backend, tuple(daemon_options)), tell)
    except DeshimmerError as error:
        tell(error)
        return 1
    return 0


def _print(record: object) -> None:
    print(json.dumps(record), flush=True)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("deshimmer tray", description="Show what the daemon does as an icon in the desktop's tray.")
    theme = Theme.TEMPLATE if sys.platform == "darwin" else Theme.DARK
    parser.add_argument("--theme", choices=[*Theme], default=theme, help="the panel's: the icon is drawn to be seen on it")
    parser.add_argument("--backend", choices=ASKED_FOR, help="the way to show the icon; default: the first that this desktop takes")
    parser.add_argument("--config", action="append", default=[], metavar="FILE", help="for a daemon that the tray starts")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="likewise")
    parser.add_argument("--json", action="store_true", dest="json_lines", help="errors as one JSON object a line on standard output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
