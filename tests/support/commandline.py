"""The command line as a script sees it: standard output, standard error, exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output, which must be one JSON object a line and nothing else."""
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ended]


def program(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    """In a process of its own, which takes Ctrl-C also where this one was started to ignore it."""
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from deshimmer.daemon.cli import main; main()"
    argv = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, **{"stderr": subprocess.PIPE, **options})
