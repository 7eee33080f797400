"""The daemon's life: queue, watcher and API, from start to signal; and the same in the foreground for one folder."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from ..config.editing import Source
from ..config.errors import DeshimmerError
from ..config.settings import HotFolder, Settings
from ..processors.records import Receipt, Request, Route
from . import signals, workers
from .api import Api
from .api.status import status
from .bulletin import Bulletin
from .courtesy.after_queue import AfterQueue
from .courtesy.senses import Machine, Senses
from .edits import Edit, folder_changes
from .jobs import Jobs
from .log_file import logging_to_file
from .presence import Presence
from .states import State
from .steps import OnFinished
from .supervision import Supervisor
from .table import JobRow
from .watcher import Watcher, Writing

log = logging.getLogger(__name__)

OnRunning = Callable[[list[JobRow]], None]
"""Called several times a second with the jobs that run at the moment."""

_LOOK_EVERY_S = 0.2
_SNOOZE = "snooze"


class Daemon:
    """Everything that runs for one state folder. ``serves``: with API. ``takes_all``: also what was passed over when its folder was
    first watched. ``ignore_pause``: neither a stored pause nor courtesy holds it, and nothing happens after the queue.
    ``senses``: what courtesy knows of the machine. ``source``: where the settings came from.
    """

    def __init__(
        self,
        settings: Settings,
        hot_folders: Iterable[HotFolder],
        *,
        on_finished: OnFinished | None = None,
        on_running: OnRunning | None = None,
        serves: bool = True,
        ignore_pause: bool = False,
        takes_all: bool = False,
        road: str = workers.ROAD,
        senses: Senses | None = None,
        source: Source | None = None,
    ) -> None:
        self._settings = settings
        self._source = source or Source()
        self._editing = threading.Lock()
        self._hot_folders = tuple(hot_folders)
        self._serves = serves
        self._takes_all = takes_all
        self._on_running = on_running
        self._on_finished = on_finished
        senses = senses or Machine()
        self.jobs = Jobs(settings, on_finished=self._finished, on_change=self.changed, ignore_pause=ignore_pause, road=road, senses=senses)
        self._after_queue = None if ignore_pause else AfterQueue(settings.courtesy, senses, self._is_empty, self._tell_empty)
        self.presence = Presence()
        self._bulletin = Bulletin(partial(status, self), self._next_change_s, partial(self.jobs.hub.tell, "status"))
        self.stopping = threading.Event()
        self._stack = ExitStack()

    def start(self, *, watches: bool = True) -> None:
        """``watches`` False: the caller scans. Raises DaemonError when another daemon holds the state folder."""
        with ExitStack() as stack:
            self.jobs.launch()
            if self._after_queue is not None:
                stack.callback(self._after_queue.close)
            stack.callback(self.jobs.close)
            self._drop_deleted()
            seen = None if self._takes_all else self.jobs.seen
            self._watcher = Watcher(
                self._hot_folders,
                self._take,
                self.jobs.gone,
                self._settings,
                seen=seen,
                on_change=self.changed,
                on_prompt=self._prompt_came,
            )
            if watches:
                self._watcher.start()
                stack.callback(self._watcher.stop)
            if self._serves:
                self._bulletin.start()
                stack.callback(self._bulletin.stop)
                self._api = Api(self)
                self._api.start()
                stack.callback(self._api.stop)
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """A stage that runs is cut short; its job goes on at the next start."""
        self._stack.close()

    def wait(self, supervisor: Supervisor | None = None) -> None:
        """Until somebody asks it to stop. ``supervisor`` hears meanwhile that it is well."""
        while not self.stopping.wait(_LOOK_EVERY_S):
            self._tell_running()
            if supervisor is not None:
                supervisor.beat(self.is_alive)

    def is_alive(self) -> bool:
        """It watches, and its API answers."""
        return self._watcher.is_alive() and self._api.answers()

    def work_off(self) -> bool:
        """Take what lies in the hot folders and wait until all of it has ended. False when it was stopped before."""
        self._watcher.scan_once(self.stopping)
        while not self.stopping.is_set():
            if not any(self._is_ours(row.path) for row in self.jobs.unfinished()) and not self.jobs.is_telling():
                return True
            self._tell_running()
            self.stopping.wait(_LOOK_EVERY_S)
        return False

    def hot_folders(self) -> tuple[HotFolder, ...]:
        return self._watcher.hot_folders

    def add_hot_folder(self, hot_folder: HotFolder) -> None:
        self._watcher.add(hot_folder)

    def writing(self) -> tuple[Writing, ...]:
        """Renders that are still being written, it seems."""
        return self._watcher.writing

    def problems(self) -> tuple[DeshimmerError, ...]:
        return self._watcher.problems

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def source(self) -> Source:
        return self._source

    def edit_settings(self, changes: Mapping[str, Any], hot_folders: Sequence[Mapping[str, Any]] | None) -> Edit:
        """Write changes into the settings file and act on them from now on. Raises SettingsError or CannotWrite, and changes nothing."""
        with self._editing:
            edited = self._source.edit(changes, hot_folders)
            edit = Edit.between(self._settings, edited, changes, self._source.fixed())
            self._watcher.change(*folder_changes(self._settings, edited), edited)
            self._settings = edited
            self.jobs.apply(edited)
            if self._after_queue is not None:
                self._after_queue.apply(edited.courtesy)
        self.jobs.hub.tell("settings", {})
        return edit

    def snooze(self, seconds: float) -> None:
        """No notifications for so long; kept over restarts. 0 ends it."""
        self.jobs.set_note(_SNOOZE, {"until": time.time() + seconds} if seconds else None)

    def snoozed_until(self) -> float | None:
        """Seconds since the epoch; None: not snoozed."""
        note = self.jobs.note(_SNOOZE)
        return note["until"] if note and note["until"] > time.time() else None

    def changed(self) -> None:
        """Something that the status tells may have changed."""
        self._bulletin.poke()

    def request_stop(self) -> None:
        self.stopping.set()

    def _tell_running(self) -> None:
        if self._on_running is not None:
            self._on_running(self.jobs.list(State.RUNNING))

    def _finished(self, receipt: Receipt) -> None:
        if self._after_queue is not None:
            self._after_queue.ended(receipt.outcome)
        if self._on_finished is not None:
            self._on_finished(receipt)

    def _is_empty(self) -> bool:
        return not self.jobs.unfinished()

    def _tell_empty(self, counts: Mapping[str, int]) -> None:
        self.jobs.hub.tell("queue_empty", {"counts": dict(counts)})

    def _next_change_s(self) -> float | None:
        snoozed_until = self.snoozed_until()
        ends = [self.presence.ends_in_s(), snoozed_until and snoozed_until - time.time()]
        return min((max(0.0, end) for end in ends if end is not None), default=None)

    def _is_ours(self, path: str) -> bool:
        return any(Path(path).is_relative_to(folder.path) for folder in self._hot_folders)

    def _take(self, path: Path, hot_folder: HotFolder) -> None:
        try:
            digest = self.jobs.content_digest(path)
        except FileNotFoundError:  # deleted just now, which the watcher will notice
            return
        self.jobs.enqueue(request_for(path, hot_folder, self._settings), digest, hot_folder.priority)

    def _prompt_came(self, clip: Path, arrived: float | None) -> None:
        """A sidecar may say another rate of a sequence, which is another job then."""
        self.jobs.prompt_came(clip, arrived)
        if clip.is_dir() and self.jobs.was_taken(clip):
            self._take(
                clip, max((each for each in self.hot_folders() if clip.is_relative_to(each.path)), key=lambda each: len(each.path.parts))
            )

    def _drop_deleted(self) -> None:
        """Renders that were deleted while nobody watched. Where their folder is gone too, a disk may be unmounted."""
        for row in self.jobs.unfinished():
            path = Path(row.path)
            if not path.exists() and path.parent.exists():
                self.jobs.gone(path)


def request_for(path: Path, hot_folder: HotFolder, settings: Settings) -> Request:
    """What a render in this hot folder asks for; its outputs mirror the tree."""
    return Request(
        path=path,
        output_dir=hot_folder.results / path.relative_to(hot_folder.path).parent,
        shown_path=str(path),
        name=hot_folder.name,
        routes=tuple(Route(route) for route in hot_folder.routes),
        strength=settings.repair.strength,
        comparison=hot_folder.comparison,
        markers=hot_folder.markers,
        profile=hot_folder.profile,
        regenerate=hot_folder.regenerate,
    )


def run_daemon(
    settings: Settings, *, on_finished: OnFinished | None = None, road: str = workers.ROAD, source: Source | None = None
) -> None:
    """Watch all hot folders of the settings until SIGINT, SIGTERM or the API's stop. Raises DaemonError."""
    supervisor = Supervisor()
    daemon = Daemon(settings, settings.hot_folders, on_finished=on_finished, road=road, source=source)
    with logging_to_file(), signals.calling(daemon.request_stop):
        daemon.start()
        supervisor.ready()
        try:
            daemon.wait(supervisor)
        finally:
            supervisor.stopping()
            daemon.stop()


def watch(
    settings: Settings,
    hot_folder: HotFolder,
    once: bool,
    on_finished: Callable[[Receipt], None],
    on_running: OnRunning | None = None,
    *,
    road: str = workers.ROAD,
    source: Source | None = None,
) -> bool:
    """One hot folder in the foreground, renders that lie there included. ``on_finished`` gets the receipts of this folder's renders.

    ``once``: work off what is there, without API and whatever pause is stored. Returns True when that was done, False when it
    was stopped. Raises DaemonError when a daemon runs on the same state folder.
    """

    def tell(receipt: Receipt) -> None:
        if Path(receipt.path).is_relative_to(hot_folder.path):
            on_finished(receipt)

    daemon = Daemon(
        settings,
        [hot_folder],
        on_finished=tell,
        on_running=on_running,
        serves=not once,
        ignore_pause=once,
        takes_all=True,
        road=road,
        source=source,
    )
    with logging_to_file(), signals.calling(daemon.request_stop):
        daemon.start(watches=not once)
        try:
            if once:
                return daemon.work_off()
            daemon.wait()
            return False
        finally:
            daemon.stop()
