"""The words and signs of the page: one look for each state, outcome and stage, never told by colour alone."""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from ...processors.records import VERDICT_WORDS, Outcome, Route, Verdict
from ..show import REASON_WORDS, STAGE_WORDS, one_line, writing_words
from ..table import JobRow


class Look(NamedTuple):
    """How a state is shown: a sign of static/icons.svg, a word, and a colour class of style.css."""

    icon: str
    word: str
    tone: str


LOOKS: dict[str, Look] = {
    "queued": Look("clock", "Waiting", "quiet"),
    "running": Look("play", "Running", "accent"),
    "cancelling": Look("stop", "Cancelling", "quiet"),
    "repaired": Look("check", "Repaired", "good"),
    "kept": Look("equal", "Kept", "info"),
    "flagged": Look("flag", "Flagged", "warn"),
    "failed": Look("cross", "Failed", "bad"),
    "cancelled": Look("stop", "Cancelled", "quiet"),
    "done": Look("check", "Done", "good"),
    "approval": Look("approve", "Waits for approval", "accent"),
}
TRACK = (
    ("Reading", ("probe", "prompt")),
    ("Diagnosing", ("diagnose",)),
    ("Choosing", ("route", "try", "excerpt")),
    ("Repairing", ("process",)),
    ("Verifying", ("verify",)),
    ("Delivering", ("deliver",)),
)
"""The way of a clip as the page draws it, and the stages that each word stands for."""

OUTCOME_FILTERS = (
    ("", "All"),
    ("needs_you", "Needs you"),
    ("approval", "Waiting for approval"),
    *((outcome.value, LOOKS[outcome].word) for outcome in Outcome),
)
RETRY_ROUTES = {
    Route.SMOOTH: "By smoothing",
    Route.DEBAND: "By debanding",
    Route.DEBAND_SMOOTH: "By both",
    Route.INTERPOLATE: "By interpolation, twice the frames",
}
"""What may be chosen for another run."""
_TREATED = {
    "smooth": "smoothed",
    "deband": "debanded",
    "deband+smooth": "debanded and smoothed",
    "interpolate": "interpolated",
    "regenerate": "regenerated",
}
_PART = re.compile(r"([_-]+)(?=[^_-])")
_FILE_NAME = re.compile(r"\S*[_\d#]")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNITS = (("d", 86400), ("h", 3600), ("min", 60))


def look(state: str) -> Look:
    return LOOKS.get(state, Look("dot", state.capitalize(), "quiet"))


def treated(row: JobRow) -> str:
    """What was found and what was done: ``brightness flicker, smoothed``."""
    found = VERDICT_WORDS[Verdict(row.verdict)].name.lower() if row.verdict in set(Verdict) else row.verdict
    done = _TREATED.get(row.route or "", "") if row.outcome is Outcome.REPAIRED else ""
    return ", ".join(filter(None, (found, done)))


def reason(text: str | None) -> str:
    """A job's reason as a sentence."""
    text = REASON_WORDS.get(text or "", text or "")
    named = _FILE_NAME.match(text) is not None  # frame_0007 is missing
    return (text if named else text[:1].upper() + text[1:]) + ("" if text.endswith((".", "!", "?")) or not text else ".")


def stage(name: str | None) -> str:
    """What a running stage does, in a word: Repairing."""
    return STAGE_WORDS.get(name or "", name or "starting").capitalize()


def name(path: str) -> str:
    return one_line(os.path.basename(path))


def breakable(name: str) -> Markup:
    """A file's name that may be broken after its parts, and is not in the middle of its suffix."""
    return Markup(_PART.sub(r"\1<wbr>", str(escape(name))))


def folder(path: str) -> str:
    """Where a file lies."""
    return at_home(os.path.dirname(path))


def at_home(path: str | os.PathLike[str]) -> str:
    """With the home folder as ``~``."""
    text, home = os.fspath(path), os.path.expanduser("~")
    return one_line("~" + text[len(home) :] if text == home or text.startswith(home + os.sep) else text)


def ago(epoch_s: float | None) -> str:
    """``3 min ago``; nothing for a time that is not known."""
    if epoch_s is None:
        return ""
    seconds = max(0.0, time.time() - epoch_s)
    for unit, length_s in _UNITS:
        if seconds >= length_s:
            return f"{seconds / length_s:.0f} {unit} ago"
    return "just now"


def left(seconds: float | None) -> str:
    """``about 3 min left``; nothing while it is not known."""
    if seconds is None:
        return ""
    for unit, length_s in _UNITS:
        if seconds >= length_s:
            return f"about {seconds / length_s:.0f} {unit} left"
    return f"{max(1, round(seconds))} s left"


def clock(epoch_s: float | None) -> str:
    """The local time of day, with the date where it is not today's."""
    if epoch_s is None:
        return ""
    moment = datetime.fromtimestamp(epoch_s)
    return moment.strftime("%H:%M" if moment.date() == datetime.now().date() else "%Y-%m-%d %H:%M")


def iso(epoch_s: float | None) -> str:
    return "" if epoch_s is None else datetime.fromtimestamp(epoch_s).astimezone().isoformat(timespec="seconds")


def gigabytes(size: float | None) -> str:
    if size is None:
        return "unknown"
    return f"{size / 1e9:.0f} GB" if size >= 1e10 else f"{size / 1e9:.1f} GB"


def about(minutes: float) -> str:
    """``about 40 seconds``, ``about 12 minutes``, ``about 1.5 hours``, ``about 26 hours``."""
    for number, unit, is_short in ((minutes * 60, "second", minutes < 1.5), (minutes, "minute", minutes < 90)):
        if is_short:
            whole = max(1, round(number))
            return f"about {whole} {unit}{'' if whole == 1 else 's'}"
    hours = minutes / 60
    return f"about {hours:.1f} hours" if hours < 10 else f"about {hours:.0f} hours"


def visible(text: str) -> str:
    """Foreign text of several lines: what would turn the reading direction or control a terminal is shown as its escape."""
    return "".join(
        _escape(each) if each in _BIDI or (unicodedata.category(each) in ("Cc", "Cs") and each not in "\n\t") else each for each in text
    )


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()


def percent(part: float | None) -> str:
    return "" if part is None else f"{part:.0%}"


FILTERS: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (look, treated, reason, stage, name, folder, ago, left, clock, iso, gigabytes, percent, visible)
}
FILTERS["line"] = one_line
FILTERS["at_home"] = at_home
FILTERS["breakable"] = breakable
FILTERS["writing"] = writing_words
GLOBALS: dict[str, Any] = {"TRACK": TRACK, "OUTCOME_FILTERS": OUTCOME_FILTERS, "RETRY_ROUTES": RETRY_ROUTES}
