"""Watches the hot folders and hands over each render once it is settled.

Watchdog's events are hints that save waiting: inotify loses events when its queue overflows, network shares send none, and
links to folders are not followed. So every folder is also walked at the start, every ``rescan_s``, and soon after a folder
came or events came in a burst.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from ..config.errors import DeshimmerError
from ..config.settings import HotFolder, Settings
from ..processors.sequences import frame_folders
from . import settled
from .folder_problems import FolderProblems, unreadable, without_events
from .hints import Events, Gathered, Hint
from .intake import Intake, Judgement, Stamp
from .prompt_files import PromptFiles, is_prompt_name
from .territory import Territory, look

log = logging.getLogger(__name__)

_BURST = 1000
"""So many hints since the last walk may be the visible part of an overflow."""
_GATHER_S = 0.05
_RESCAN_SOON_S = 0.3
_STOP_TIMEOUT_S = 10.0


class Seen(Protocol):
    """The lasting memory of renders that were taken, or lay there at the daemon's first start (``existing = "ignore"``)."""

    def is_seen(self, path: Path, size: int, mtime_ns: int) -> bool: ...
    def first_start(self, hot_folder: Path) -> bool: ...
    def mark_existing(self, hot_folder: Path, files: Mapping[Path, tuple[int, int]]) -> None: ...


class Writing(NamedTuple):
    """A render that is not whole yet, or a sequence whose next frame is waited for. ``since``: seconds since the epoch."""

    path: Path
    since: float


@dataclass
class _Watch:
    territory: Territory
    intake: Intake
    prompts: PromptFiles = field(default_factory=PromptFiles)
    settled_at: dict[Path, float] = field(default_factory=lambda: {})  # of folders of frames, seconds since the epoch
    root_id: tuple[int, int] | None = None  # device and inode of the root when it was last walked

    @property
    def hot_folder(self) -> HotFolder:
        return self.territory.hot_folder


class Watcher:
    """Calls ``on_render`` for each settled render, ``on_gone`` when one that was handed over is deleted or renamed away.

    Both are called in one thread. A render that could not be handed over (``on_render`` raised) is offered again ``rescan_s``
    later. Without ``seen`` every render is taken that lies there at the start. ``on_change``: folders, problems or renders that are
    still being written are others now. ``on_prompt``: a file that may hold a render's prompt came or changed, at this time where
    nobody saw it come.
    """

    def __init__(
        self,
        hot_folders: Iterable[HotFolder],
        on_render: Callable[[Path, HotFolder], None],
        on_gone: Callable[[Path], None],
        settings: Settings,
        *,
        seen: Seen | None = None,
        on_change: Callable[[], None] = lambda: None,
        on_prompt: Callable[[Path, float | None], None] = lambda clip, arrived: None,
    ) -> None:
        self._on_render = on_render
        self._on_gone = on_gone
        self._on_change = on_change
        self._on_prompt = on_prompt
        self._writing: tuple[Writing, ...] = ()
        self._settings = settings.intake
        self._seen = seen
        self._watches: list[_Watch] = []
        self._problems = FolderProblems()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._events: Events | None = None
        self._thread: threading.Thread | None = None
        self._rescan_at = time.monotonic()
        self._hinted = 0  # events since the last walk
        self._lock = threading.Lock()  # guards _added and _removed, which other threads write
        self._added: list[HotFolder] = list(hot_folders)
        self._removed: set[Path] = set()
        self._take_in_changes()

    @property
    def problems(self) -> tuple[DeshimmerError, ...]:
        """Folders that cannot be watched at the moment, and why."""
        return self._problems.all()

    @property
    def writing(self) -> tuple[Writing, ...]:
        """Renders that were quiet for a moment and are not whole yet, and sequences of a slow renderer."""
        return self._writing

    @property
    def hot_folders(self) -> tuple[HotFolder, ...]:
        return tuple(watch.hot_folder for watch in self._watches)

    def start(self) -> None:
        self._events = Events(self._wake)
        self._events.start()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT_S)
        if self._events is not None:
            self._events.stop(_STOP_TIMEOUT_S)

    def add(self, hot_folder: HotFolder) -> None:
        """Watch one more folder from now on; one with the same path takes the place of the former."""
        self.change([hot_folder], set())

    def change(self, added: Iterable[HotFolder], removed: Iterable[Path], settings: Settings | None = None) -> None:
        """Watch these and leave those from now on, with these settings."""
        with self._lock:
            self._added += added
            self._removed |= set(removed)
            if settings is not None:
                self._settings = settings.intake
        self._wake.set()

    def scan_once(self, stop: threading.Event | None = None) -> list[Path]:
        """Hand over everything that is there, in this thread, waiting for what is being written but not for the rest of
        incomplete files. Returns the renders handed over; early when ``stop`` is set.
        """
        stop = stop or self._stopping
        taken: list[Path] = []
        for watch in self._watches:
            watch.intake = Intake(self._settings.quiet_s, incomplete_s=0)
        while not stop.is_set():
            for watch in self._watches:
                self._walk(watch)
                taken += self._settle(watch)
            wait_s = _until(watch.intake.next_due() for watch in self._watches)
            if wait_s is None:
                break
            stop.wait(wait_s)
        return taken

    def _run(self) -> None:
        assert self._events is not None
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self._turn(self._events.take())
            except Exception:  # the watcher outlives whatever a disk does to it; the next walk makes good what was missed
                log.exception("watching the hot folders")
                self._rescan_at = time.monotonic() + _RESCAN_SOON_S
            self._pause()

    def _turn(self, gathered: Gathered) -> None:
        now = time.monotonic()
        self._hinted += len(gathered.files)
        if self._take_in_changes():
            self._rescan_at = now
        if self._hinted > _BURST or any(watch.territory.owns_folder(folder) for folder in gathered.folders for watch in self._watches):
            self._rescan_at = min(self._rescan_at, now + _RESCAN_SOON_S)
        for root in gathered.folders & {watch.territory.root for watch in self._watches}:
            self._leave(root)
        folders = {path.parent for path in gathered.files if frame_folders.is_frame_name(path.name)}
        followed = {folder for folder in folders if self._follow_folder(folder)}
        for path, hint in gathered.files.items():
            if path.parent not in followed or not frame_folders.is_frame_name(path.name):
                self._follow(path, hint)
        if now >= self._rescan_at:
            for watch in self._watches:
                self._walk(watch)
            self._rescan_at, self._hinted = time.monotonic() + self._settings.rescan_s, 0
        for watch in self._watches:
            self._settle(watch)
            for news in watch.prompts.due(watch.intake.known(), time.monotonic()):
                self._on_prompt(*news)
        self._tell_writing()

    def _tell_writing(self) -> None:
        ago = time.time() - time.monotonic()
        unfinished = [each for watch in self._watches for each in watch.intake.unfinished().items()]
        if {path for path, _ in unfinished} != {each.path for each in self._writing}:
            self._writing = tuple(Writing(path, ago + since) for path, since in unfinished)
            self._on_change()

    def _pause(self) -> None:
        until_rescan_s = max(0.0, self._rescan_at - time.monotonic())
        until_due_s = self._until_due_s()
        self._stopping.wait(_GATHER_S)
        self._wake.wait(until_rescan_s if until_due_s is None else min(until_due_s, until_rescan_s))

    def _until_due_s(self) -> float | None:
        return _until(each.next_due() for watch in self._watches for each in (watch.intake, watch.prompts))

    def _take_in_changes(self) -> bool:
        with self._lock:
            added, self._added = self._added, []
            removed, self._removed = self._removed, set()
        for watch in self._watches:
            watch.intake.wait_for(self._settings.quiet_s, self._settings.incomplete_s)
        if not added and not removed:
            return False
        former = {watch.hot_folder.path: watch for watch in self._watches}
        stay = {path: watch.hot_folder for path, watch in former.items() if path not in removed}
        hot_folders = {**stay, **{hot_folder.path: hot_folder for hot_folder in added}}
        self._watches = [
            _Watch(Territory(hot_folder, (other for other in hot_folders.values() if other is not hot_folder)), self._new_intake())
            for hot_folder in hot_folders.values()
        ]
        for watch in self._watches:
            if (old := former.get(watch.hot_folder.path)) is not None:
                watch.intake, watch.prompts, watch.root_id, watch.settled_at = old.intake, old.prompts, old.root_id, old.settled_at
        for path in former.keys() - hot_folders.keys():
            self._leave(former[path].territory.root)
            self._problems.put(former[path].territory.root, {})
        self._on_change()
        return True

    def _new_intake(self) -> Intake:
        return Intake(self._settings.quiet_s, self._settings.incomplete_s)

    def _walk(self, watch: _Watch) -> None:
        """One look at everything. A root that is not there, or lies on another disk than before (unmounted), deletes nothing."""
        root = watch.territory.root
        problems: dict[Path, DeshimmerError] = {}
        try:
            root_id = _identity(root)
            if watch.root_id not in (None, root_id):
                watch.intake = self._new_intake()
            watch.root_id = root_id
            self._listen(root, root_id, problems)
            others: list[Path] = []
            found = dict(watch.territory.walk(lambda folder, error: problems.update({folder: unreadable(folder, error)}), others.append))
            self._mark_existing(watch, found)
            for path, stamp in found.items():
                self._observe(watch, path, stamp, Hint())
            watch.prompts.saw_all((each for each in others if is_prompt_name(each.name)), found, time.monotonic())
            missing = [path for path in watch.intake.known() - found.keys() if _is_gone(path)]
            if _identity(root) == root_id:
                for path in missing:
                    self._forget(watch, path)
        except OSError as error:
            problems[root] = unreadable(root, error)
            self._leave(root)
        if self._problems.put(root, problems):
            self._on_change()

    def _listen(self, root: Path, root_id: tuple[int, int], problems: dict[Path, DeshimmerError]) -> None:
        if self._events is None:
            return
        try:
            self._events.follow(root, root_id)
        except OSError as error:
            problems[root] = without_events(root, error, self._settings.rescan_s)

    def _leave(self, root: Path) -> None:
        if self._events is not None:
            self._events.leave(root)

    def _mark_existing(self, watch: _Watch, found: Mapping[Path, Stamp]) -> None:
        ignored = watch.hot_folder.existing == "ignore"
        if self._seen is not None and ignored and self._seen.first_start(watch.territory.root):
            self._seen.mark_existing(watch.territory.root, found)

    def _follow(self, path: Path, hint: Hint) -> None:
        watch = next((watch for watch in self._watches if watch.territory.owns(path)), None)
        if watch is None:
            self._follow_prompt(path)
            return
        with suppress(OSError):  # the walk reports it
            stamp = look(path)
            if stamp is not None:
                self._observe(watch, path, stamp, hint)
            elif watch.root_id == _identity(watch.territory.root):
                self._forget(watch, path)

    def _follow_folder(self, folder: Path) -> bool:
        """Numbered pictures in this folder changed. True when they are a sequence's."""
        watch = next((watch for watch in self._watches if watch.territory.owns_sequence(folder)), None)
        if watch is None:
            return False
        if watch.intake.will_look(folder):
            return True
        with suppress(OSError):  # the walk reports it
            found = watch.territory.frames(folder, os.listdir(folder)) if folder.is_dir() else frozenset[str]()
            stamp = look(folder) if found else None
            if stamp is not None:
                self._observe(watch, folder, stamp, Hint())
            elif watch.root_id == _identity(watch.territory.root):
                self._forget(watch, folder)
            return stamp is not None
        return False

    def _follow_prompt(self, path: Path) -> None:
        watch = next((watch for watch in self._watches if watch.territory.owns_folder(path.parent)), None)
        if watch is not None and is_prompt_name(path.name):
            watch.prompts.saw(path, time.monotonic())

    def _observe(self, watch: _Watch, path: Path, stamp: Stamp, hint: Hint) -> None:
        if self._seen is not None and watch.intake.stamp(path) != stamp and self._seen.is_seen(path, *stamp):
            watch.intake.skip(path, stamp)
            watch.settled_at[path] = time.time()
            return
        least_quiet_s, modified = 0.0, stamp.mtime_ns / 1e9
        if watch.intake.stamp(path) != stamp and (pace := settled.pace(path, watch.settled_at.get(path))) is not None:
            modified, least_quiet_s = pace.arrived, pace.quiet_s
        now = time.monotonic()
        modified_at = now - (time.time() - modified)
        watch.intake.observe(path, stamp, modified_at, now, closed=hint.closed, written=hint.written, least_quiet_s=least_quiet_s)

    def _settle(self, watch: _Watch) -> list[Path]:
        """Hand over what is due. Returns the paths."""
        return [path for path in watch.intake.due(time.monotonic()) if self._settle_one(watch, path)]

    def _settle_one(self, watch: _Watch, path: Path) -> bool:
        try:
            changed = path.is_dir() and look(path) != watch.intake.stamp(path)  # no frame need be opened then
            whole = not changed and settled.is_whole(path)
            stamp = look(path)
        except OSError as error:
            log.warning("%s: %s", path, error)
            whole, stamp = False, watch.intake.stamp(path)
        if stamp is None:
            self._forget(watch, path)
        elif stamp != watch.intake.stamp(path):
            self._observe(watch, path, stamp, Hint())
        elif not settled.is_to_take(watch.territory, path):
            watch.intake.skip(path, stamp)
        elif watch.intake.judge(path, whole=whole, now=time.monotonic()) is not Judgement.WAITING:
            return self._hand_over(watch, path)
        return False

    def _hand_over(self, watch: _Watch, path: Path) -> bool:
        try:
            self._on_render(path, watch.hot_folder)
        except Exception:  # the queue's database may be locked or its disk full: the render must not be lost for that
            log.exception("%s could not be queued; it is offered again in %g s", path, self._settings.rescan_s)
            watch.intake.offer_again(path, time.monotonic() + self._settings.rescan_s)
            return False
        if path.is_dir():
            watch.settled_at[path] = time.time()
        return True

    def _forget(self, watch: _Watch, path: Path) -> None:
        watch.settled_at.pop(path, None)
        if watch.intake.forget(path):
            self._on_gone(path)


def _until(moments: Iterable[float | None]) -> float | None:
    """Seconds until the first of them; None where there is none."""
    due_at = [moment for moment in moments if moment is not None]
    return max(0.0, min(due_at) - time.monotonic()) if due_at else None


def _is_gone(path: Path) -> bool:
    try:
        return look(path) is None
    except OSError:
        return False


def _identity(folder: Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino
