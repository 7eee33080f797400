"""What a notification says. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

from .notify_batches import Ended, Telling

_NAME_CHARACTERS = 48
_REASON_CHARACTERS = 160
_NAMED = 2


class Words(NamedTuple):
    title: str
    body: str  # plain text; lines apart by newlines


_APPROVAL = "approval"
"""Counted beside the outcomes: clips that would be rendered again, once approved."""

_ALONE = {
    "repaired": "Repaired: {name}",
    "kept": "Kept as it was: {name}",
    "flagged": "Needs you: {name}",
    "failed": "Failed: {name}",
    _APPROVAL: "For your approval: {name}",
}
"""Title where there is one clip, by its outcome. What matters comes first: Xfce cuts titles after some 28 characters."""


class _Kind(NamedTuple):
    outcomes: tuple[str, ...]
    one: str  # beside other kinds
    several: str
    alone: str  # several, where there is no other kind


_KINDS = (
    _Kind(("repaired",), "{} repaired", "{} repaired", "{} clips repaired"),
    _Kind(("flagged", "failed"), "{} needs you", "{} need you", "{} clips need you"),
    _Kind((_APPROVAL,), "{} waits for your approval", "{} wait for your approval", "{} clips wait for your approval"),
    _Kind(("kept",), "{} kept", "{} kept", "{} clips kept as they were"),
)
"""In the order of the sentence."""


def words(telling: Telling) -> Words:
    """Title and body for one clip or several."""
    title, told = (
        _of_one(telling.clips[0])
        if len(telling.clips) == 1
        else (_sentence(Counter(key for clip in telling.clips for key in _counted(clip))), _names(telling.clips))
    )
    more = f"{telling.left} more to come." if telling.left else ""
    held = f"While notifications were silent, since {telling.silent_since:%H:%M}." if telling.silent_since else ""
    return Words(title, "\n".join(filter(None, (told, more, held))))


def of_problem(problem: Mapping[str, str | None]) -> str:
    """The body: what it is about first, as of clips."""
    where, message = problem["path"], problem["message"] or ""
    return f"{_short(PurePath(where).name or where)}: {_shown(message)}" if where else _shown(message)


def worked_off(counts: Mapping[str, int]) -> Words:
    """Of a queue, by the number of clips of each outcome."""
    return Words("The queue is worked off", f"{_sentence(counts)}.")


def _of_one(clip: Ended) -> tuple[str, str]:
    first, *more = _counted(clip)
    return _ALONE[first].format(name=_name(clip)), " ".join((_reason(clip), *(_OFFERED for _ in more))).strip()


_OFFERED = "It can be rendered again, and waits for your approval."


def _counted(clip: Ended) -> tuple[str, ...]:
    """As what it counts: a clip that waits for an approval needs nothing else, but it may be repaired all the same."""
    if not clip.for_approval:
        return (clip.outcome,)
    return (_APPROVAL,) if clip.asks else (clip.outcome, _APPROVAL)


def _sentence(counts: Mapping[str, int]) -> str:
    numbers = [(kind, sum(counts.get(outcome, 0) for outcome in kind.outcomes)) for kind in _KINDS]
    there = [(kind, number) for kind, number in numbers if number]
    if len(there) == 1 and there[0][1] > 1:
        kind, number = there[0]
        return kind.alone.format(number)
    return ", ".join((kind.one if number == 1 else kind.several).format(number) for kind, number in there)


def _names(clips: Sequence[Ended]) -> str:
    """Whom it is about: those that need the user, else the last ones."""
    needing = [clip for clip in clips if clip.needs_you or clip.for_approval]
    if len(needing) == 1:
        return f"{_name(needing[0])}: {_reason(needing[0])}"
    names = [_name(clip) for clip in (needing or clips[::-1])]
    others = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    ask = _ask(needing) if needing and len(needing) < len(clips) else ""
    return f"{', '.join(names[:_NAMED])}{others}{ask}."


def _ask(needing: Sequence[Ended]) -> str:
    return " wait for your approval" if all(clip.for_approval for clip in needing) else " need you"


def _reason(clip: Ended) -> str:
    text = _shown(clip.reason)
    return text if len(text) <= _REASON_CHARACTERS else text[: _REASON_CHARACTERS - 1].rstrip() + "…"


def _name(clip: Ended) -> str:
    return _short(PurePath(clip.path).name)


def _short(name: str) -> str:
    name = _shown(name)
    if len(name) <= _NAME_CHARACTERS:
        return name
    return f"{name[: _NAME_CHARACTERS - 17]}…{name[-16:]}"


def _shown(text: str) -> str:
    """As D-Bus takes it and a line shows it: no surrogates, no control characters."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(" " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character for character in whole)
