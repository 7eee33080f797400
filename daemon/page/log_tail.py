"""The end of the daemon's log, line by line, and what has come since."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from ..log_file import end_of

_LINE = re.compile(r"(?P<when>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:,\d+)? (?P<level>[A-Z]+) (?P<source>[\w.]+): (?P<text>.*)", re.DOTALL)
_PREFIX = "deshimmer."


class Line(NamedTuple):
    when: str
    level: str  # lower case; empty for what goes on from the line before, as a traceback does
    source: str
    text: str


class Tail(NamedTuple):
    lines: list[Line]
    end: int  # of what was read, in bytes: where to go on


def tail(file: Path, count: int) -> Tail:
    """The last lines. No file yet means no lines."""
    end = end_of(file, count)
    return Tail([_parsed(line) for line in end.lines], end.at)


def since(file: Path, start: int) -> Tail:
    """The whole lines from ``start`` on; from the beginning where the file has become shorter, as it does when it is rotated."""
    if not file.exists():
        return Tail([], 0)
    with file.open("rb") as log:
        log.seek(start if start <= file.stat().st_size else 0)
        begin = log.tell()
        whole = log.read().rpartition(b"\n")[0]
    return Tail([_parsed(line) for line in whole.decode(errors="replace").splitlines()], begin + len(whole) + bool(whole))


def _parsed(line: str) -> Line:
    match = _LINE.fullmatch(line)
    if match is None:
        return Line("", "", "", line)
    return Line(match["when"], match["level"].lower(), match["source"].removeprefix(_PREFIX), match["text"])
