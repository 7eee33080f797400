"""The tray's menu, a pure function of the state: a tree of frozen items, which any backend can draw.

Two menus are equal when nothing but a ``detail`` (a percent) differs, so that a backend rebuilds only when the list changes:
a menu that is rebuilt several times a second never opens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .look import Mood, cost, headline, percent, picture, queue
from .state import Approval, Ended, Link, State, name, shown

_SHOWN_CHARACTERS = 48


class Do(StrEnum):
    """What a click can ask for; ``actions`` says how it is done."""

    OPEN = "open"
    COMPARE = "compare"
    SHOW_IN_FOLDER = "show in folder"
    CANCEL = "cancel"
    APPROVE = "approve"
    PAUSE = "pause"
    PAUSE_GPU = "pause gpu"
    RESUME = "resume"
    RESUME_GPU = "resume gpu"
    FREE_GPU = "free gpu"
    SEEN = "seen"
    HOT_FOLDER = "hot folder"
    PAGE = "page"
    START = "start"
    STOP = "stop"
    LOGIN = "login"
    LOG_FOLDER = "log folder"
    QUIT = "quit"


@dataclass(frozen=True)
class Action:
    """``target``: a job's id, a folder, or a path on the page."""

    do: Do
    target: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class Item:
    """A line of the menu. Without action and children it only says something. ``detail`` follows the text and may change at any time."""

    text: str
    action: Action | None = None
    children: Menu = ()
    checked: bool | None = None
    detail: str = field(default="", compare=False)

    @property
    def enabled(self) -> bool:
        return self.action is not None or bool(self.children)

    @property
    def label(self) -> str:
        return f"{self.text}  {self.detail}" if self.detail else self.text


@dataclass(frozen=True)
class Separator:
    pass


Entry = Item | Separator
Menu = tuple[Entry, ...]

DEFAULT = Action(Do.PAGE, "/")
"""What a click on the icon itself does."""


def menu(state: State, *, at_login: bool) -> Menu:
    """``at_login``: whether the tray starts when the user logs in."""
    groups = (_head(state), _approvals(state), _results(state), _pauses(state), _places(state), _own(state, at_login))
    entries: list[Entry] = []
    for group in filter(None, groups):
        entries += [Separator(), *group] if entries else group
    return tuple(entries)


def _head(state: State) -> list[Entry]:
    lines: list[Entry] = [Item(headline(state), detail=queue(state))]
    if state.trouble is not None:
        lines.append(Item(_short(f"{state.trouble.title}: {state.trouble.message}", 90)))
    if state.link is Link.DOWN:
        lines.append(Item("Start deshimmer", Action(Do.START)))
    lines += [Item(_short(problem.message, 90)) for problem in state.problems]
    return lines + [_running(job.id, job.path, job.part) for job in state.running]


def _running(job_id: str, path: str, part: float | None) -> Item:
    children = (Item("Open its page", Action(Do.PAGE, f"/jobs/{job_id}")), Item("Cancel", Action(Do.CANCEL, job_id)))
    return Item(_short(name(path)), children=children, detail=percent(part))


def _approvals(state: State) -> list[Entry]:
    """What would be rendered again: its cost first, and approving it only one level deeper, out of a slip's way."""
    if state.link is not Link.UP or not state.approvals:
        return []
    more = state.approving - len(state.approvals)
    rest: tuple[Entry, ...] = (Item(f"{more} more on the page", Action(Do.PAGE, _APPROVALS_PAGE)),) if more > 0 else ()
    children = (*map(_approval, state.approvals), *rest, Separator(), Item("Mark all as seen", Action(Do.SEEN)))
    return [Item("Waiting for approval", children=children)]


_APPROVALS_PAGE = "/?outcome=approval"
_APPROVAL_NAME, _APPROVAL_COST = 26, 50
"""Characters: a third level has to find room beside them on a narrow screen."""


def _approval(each: Approval) -> Item:
    children = (Item("Open its page", Action(Do.PAGE, f"/jobs/{each.id}#offer")), Item("Approve", Action(Do.APPROVE, each.id)))
    return Item(f"{_short(name(each.path), _APPROVAL_NAME)}: {_short(cost(each), _APPROVAL_COST)}", children=children)


def _results(state: State) -> list[Entry]:
    if state.link is not Link.UP:
        return []
    lines: list[Entry] = []
    approving = {each.id for each in state.approvals}
    flagged = tuple(each for each in state.flagged if each.id not in approving)[: state.needs_you]
    if flagged:
        lines.append(Item("Needs you", children=(*map(_ended, flagged), Separator(), Item("Mark all as seen", Action(Do.SEEN)))))
    recent = [each for each in state.recent if each not in flagged]
    if recent:
        lines.append(Item("Recent results", children=tuple(map(_ended, recent))))
    return lines


def _ended(job: Ended) -> Item:
    children = (
        Item("Open", Action(Do.OPEN, job.id)),
        Item("Compare" if job.output else "Open its page", Action(Do.COMPARE, job.id)),
        Item("Show in folder", Action(Do.SHOW_IN_FOLDER, job.id)),
    )
    return Item(f"{_short(name(job.path))}: {job.outcome}", children=children)


def _pauses(state: State) -> list[Entry]:
    if state.link is not Link.UP:
        return []
    lines: list[Entry] = []
    if state.paused:
        lines.append(Item("Resume", Action(Do.RESUME)))
    if state.gpu_paused:
        lines.append(Item("Resume on the GPU", Action(Do.RESUME_GPU)))
    return [*lines, Item("Pause", children=_PAUSES), Item("Free GPU memory", Action(Do.FREE_GPU))]


_PAUSES = (
    Item("For 30 minutes", Action(Do.PAUSE, seconds=1800.0)),
    Item("For 2 hours", Action(Do.PAUSE, seconds=7200.0)),
    Item("Until resumed", Action(Do.PAUSE)),
    Separator(),
    Item("GPU only", Action(Do.PAUSE_GPU)),
)


def _places(state: State) -> list[Entry]:
    folders = [Item(_short(folder), Action(Do.HOT_FOLDER, folder)) for folder in state.hot_folders]
    lines: list[Entry] = []
    if len(folders) == 1:
        lines.append(Item("Open hot folder", Action(Do.HOT_FOLDER, state.hot_folders[0])))
    elif folders:
        lines.append(Item("Open hot folder", children=tuple(folders)))
    if state.link is not Link.UP:
        return [*lines, Item("Open log folder", Action(Do.LOG_FOLDER))]
    pages = (("Open page", "/"), ("Settings", "/settings"), ("Log", "/log"))
    return [*lines, *(Item(text, Action(Do.PAGE, path)) for text, path in pages)]


def _own(state: State, at_login: bool) -> list[Entry]:
    lines: list[Entry] = [Item("Start at login", Action(Do.LOGIN), checked=at_login), Item("Quit tray", Action(Do.QUIT))]
    return [*lines, Item("Stop service", Action(Do.STOP))] if picture(state).mood is not Mood.DOWN else lines


def _short(text: str, characters: int = _SHOWN_CHARACTERS) -> str:
    """On one line; the middle of what is too long is left out, since names of takes differ at their end."""
    text = shown(text)
    if len(text) <= characters:
        return text
    half = (characters - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
