"""How results look on a terminal: progress on standard error, tables and lines on standard output."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from .diagnosis_words import bar, grouped

STAGE_WORDS = {
    "probe": "reading",
    "prompt": "looking for its prompt",
    "diagnose": "diagnosing",
    "route": "choosing",
    "try": "trying",
    "excerpt": "cutting out",
    "process": "repairing",
    "verify": "verifying",
    "deliver": "delivering",
    "wait": "waiting",
}
_COLOURS = {
    "clean": "green",
    "repaired": "green",
    "kept": "cyan",
    "flagged": "yellow",
    "failed": "red",
    "cancelled": "dim",
    "incoherent": "red",
    "error": "red",
    "warning": "yellow",
    "info": "cyan",
}
REASON_WORDS = {"preview": "A preview: no repaired clip is put there."}
_PIPE_WIDTH = 1000
"""Characters a line where nobody looks at a terminal: what reads it shall find a clip on one line."""


class ClipProgress:
    """Stage and percent of the clip at hand: a bar where standard error is a terminal, a line a stage elsewhere."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._told: tuple[str, str] | None = None
        self._shows_bar = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.clear()

    def update(self, path: str, stage: str, part: float) -> None:
        words = f"{one_line(os.path.basename(path))}: {STAGE_WORDS.get(stage, stage)}"
        if self._shows_bar:
            shown = self._bar = self._bar or _new_bar()
            shown.update(shown.task_ids[0], description=words, completed=part)
        elif self._told != (path, stage):
            self._told = (path, stage)
            print(words, file=sys.stderr, flush=True)  # noqa: T201

    def clear(self) -> None:
        """Take the bar away, so that a result can be printed."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._told = None


def _new_bar() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)  # results are not for this console
    bar.add_task("", total=1.0)
    bar.start()
    return bar


def one_line(text: str) -> str:
    """A name with its line breaks and control characters made visible."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode() for character in text
    )


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, wraps: str | None = None) -> None:
    """A table on standard output; the column ``wraps`` takes several lines where the terminal is narrow."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    cells = list(rows)
    for index, heading in enumerate(headings):
        widest = max(Text.from_markup(row[index]).cell_len for row in cells)
        table.add_column(heading, min_width=None if heading == wraps else widest, overflow="fold")
    for row in cells:
        table.add_row(*row)
    _console().print(table)


def names(paths: Sequence[str]) -> list[str]:
    """What to call these clips in a table: by name, or by path where names are not enough."""
    short = [os.path.basename(path) for path in paths]
    return [escaped(name) for name in (short if len(set(short)) == len(set(paths)) else paths)]


def print_findings(records: Sequence[Mapping[str, Any]]) -> None:
    """What ``diagnose`` found: one clip in full on a terminal; else a line a clip, causes with advice below."""
    if len(records) == 1 and sys.stdout.isatty():
        from .diagnosis_table import block  # here: it brings OpenCV

        _console().print(block(records[0], one_line(os.path.basename(records[0]["path"]))))
        return
    clips = names([record["path"] for record in records])
    rows = [
        (
            clip,
            coloured(record["verdict"]),
            f"{bar(record['flicker_score'], 8)} {record['flicker_score']:.2f}",
            record["route"],
            escape(record["summary"]),
        )
        for clip, record in zip(clips, records, strict=True)
    ]
    print_table(("clip", "verdict", "flicker", "repair", "what it is"), rows, wraps="what it is")
    for clip, record in zip(clips, records, strict=True):
        for group in grouped(record["causes"]):
            print_hanging(f"{clip}: {group.name}, {group.frames()}. {escape(group.advice)}")
        for found in record["lint"]:
            print_hanging(f"{clip}: {lint_words(found)}")


def print_hanging(markup: str) -> None:
    """A paragraph whose further lines are indented."""
    console = _console()
    lines = Text.from_markup(markup).wrap(console, max(20, console.width - 6))
    for index, line in enumerate(lines):
        console.print(Text("  " if index == 0 else "      ") + line, no_wrap=True, overflow="ignore", crop=False)


def lint_words(found: Mapping[str, Any]) -> str:
    """One finding in a stored prompt, as markup."""
    return f"{coloured(found['severity'])} {escaped(found['rule'])}: {escaped(found['message'])} [dim]({escaped(found['source'])})[/]"


def ending_line(summary: Mapping[str, Any]) -> str:
    """One line for a clip that has ended, and where its results are."""
    name = one_line(summary["path"])
    if summary["outcome"] == "failed":
        return f"{name}: failed. {summary['error']['title']}: {summary['error']['message']}"
    line = f"{name}: {summary['outcome']}{_repair(summary)}. {REASON_WORDS.get(summary['reason'], summary['reason'])}"
    shown = summary["output"] or summary["comparison"] or summary["report"]
    return f"{line}\n  -> {one_line(shown)}" if shown else line


def writing_words(writing: Sequence[Mapping[str, Any]]) -> str | None:
    """``1 file is still being written: take.mp4, since 14:02``; None where none is."""
    if not writing:
        return None
    named = ", ".join(
        f"{one_line(os.path.basename(each['path']))}, since {time.strftime('%H:%M', time.localtime(each['since']))}" for each in writing[:3]
    )
    more = f" and {len(writing) - 3} more" if len(writing) > 3 else ""
    return f"{len(writing)} {'file is' if len(writing) == 1 else 'files are'} still being written: {named}{more}"


def coloured(word: str | None) -> str:
    if word is None:
        return ""
    return f"[{_COLOURS[word]}]{word}[/]" if word in _COLOURS else word


def job_rows(jobs: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """A row a job: id, state, what it does or did, when, clip."""
    clips = names([job["path"] for job in jobs])
    return [
        (
            job["id"],
            coloured(job["outcome"] or job["state"]),
            _running(job) if job["state"] == "running" else (job["route"] or ""),
            _ago(job["finished"] or job["started"] or job["created"]),
            clip,
        )
        for clip, job in zip(clips, jobs, strict=True)
    ]


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line; None is left out."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        if value is not None:
            words = ("no", "yes")[value] if isinstance(value, bool) else str(value)
            table.add_row(name, escaped(words))
    _console().print(table)


def print_marked(text: str) -> None:
    """Text with rich's markup, not wrapped."""
    _console().print(text, soft_wrap=True)


def escaped(text: str) -> str:
    """Text in which brackets are no markup."""
    return escape(one_line(text))


def _running(job: Mapping[str, Any]) -> str:
    percent = f" {job['progress']:.0%}" if job["progress"] is not None else ""
    return f"{STAGE_WORDS.get(job['stage'] or '', job['stage'] or '')}{percent}"


def _ago(epoch_s: float) -> str:
    seconds = max(0.0, time.time() - epoch_s)
    for unit, length_s in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length_s:
            return f"{seconds / length_s:.0f} {unit} ago"
    return "just now"


def _repair(summary: Mapping[str, Any]) -> str:
    if summary["outcome"] != "repaired":
        return ""
    before, after = summary["before"], summary["after"]
    scores = f", flicker {before['flicker_score']:.2f} -> {after['flicker_score']:.2f}" if before and after else ""
    return f" by {summary['route']}{scores}{'' if summary['verified'] else ', not verified as better'}"


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
