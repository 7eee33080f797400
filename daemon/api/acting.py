"""The endpoints that change something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...config import desktop
from ...config.settings import HotFolder
from ..courtesy.rules import What
from ..table import JobRow
from . import shapes
from .bodies import Nothing, Pause, Presence, Resume, Retry, Seen, SettingsEdit, Snooze
from .control import Control
from .endpoints import Endpoint, Query, change
from .reading import settings
from .status import pauses


class Acting:
    def __init__(self, control: Control) -> None:
        self._control = control

    def endpoints(self) -> list[Endpoint]:
        return [
            change("POST", "/jobs/{id}/retry", "Do a job that has ended again", Retry, shapes.OneJob, self.retry),
            change("POST", "/jobs/{id}/cancel", "Stop a job, or take it off the queue", Nothing, shapes.OneJob, self.cancel),
            change("POST", "/jobs/{id}/approve", "Render its clip again, as its receipt offers", Nothing, shapes.OneJob, self.approve),
            change(
                "POST", "/jobs/{id}/keep", "Keep the original: its result goes, its offer is declined", Nothing, shapes.OneJob, self.keep
            ),
            change("POST", "/jobs/{id}/renew", "Read its prompt again, and what its offer costs now", Nothing, shapes.OneJob, self.renew),
            change("POST", "/jobs/{id}/open", "Open the result, else the original", Nothing, shapes.Opened, self.open),
            change("POST", "/jobs/{id}/show_in_folder", "Show it in the file manager", Nothing, shapes.Opened, self.show_in_folder),
            change("POST", "/pause", "Start no more jobs", Pause, shapes.Paused, self.pause),
            change("POST", "/resume", "Go on after a pause", Resume, shapes.Paused, self.resume),
            change("POST", "/snooze", "No notifications for a while", Snooze, shapes.Snoozed, self.snooze),
            change("POST", "/presence", "The page is before the user, or no more", Presence, shapes.InFront, self.presence),
            change("POST", "/seen", "A person has looked at a job that needed it", Seen, shapes.NeedsYou, self.seen),
            change("PATCH", "/settings", "Edit the settings file; comments stay", SettingsEdit, shapes.EditedSettings, self.edit_settings),
            change("POST", "/gpu/free", "Idle workers give back their memory, the GPU's too", Nothing, shapes.Freed, self.gpu_free),
            change("POST", "/hot_folders", "Watch one more folder, until the daemon stops", HotFolder, shapes.Folder, self.add_hot_folder),
            change("POST", "/history/rebuild", "Enter the jobs whose receipts are found", Nothing, shapes.Entered, self.history_rebuild),
            change(
                "POST", "/history/clear", "Forget the jobs that have ended; their files stay", Nothing, shapes.Cleared, self.history_clear
            ),
            change("POST", "/stop", "Stop the daemon", Nothing, shapes.Stopping, self.stop),
        ]

    def retry(self, query: Query, body: Retry) -> dict[str, Any]:
        return _job(self._control.jobs.retry(query["id"], body.route))

    def cancel(self, query: Query, _: Nothing) -> dict[str, Any]:
        return _job(self._control.jobs.cancel(query["id"]))

    def approve(self, query: Query, _: Nothing) -> dict[str, Any]:
        return _job(self._control.jobs.approve(query["id"]))

    def keep(self, query: Query, _: Nothing) -> dict[str, Any]:
        return _job(self._control.jobs.keep(query["id"]))

    def renew(self, query: Query, _: Nothing) -> dict[str, Any]:
        return _job(self._control.jobs.renew(query["id"]))

    def open(self, query: Query, _: Nothing) -> dict[str, Any]:
        return self._on_desktop(query, desktop.open_file)

    def show_in_folder(self, query: Query, _: Nothing) -> dict[str, Any]:
        return self._on_desktop(query, desktop.show_in_folder)

    def _on_desktop(self, query: Query, act: Callable[[Path], None]) -> dict[str, Any]:
        row = self._control.jobs.get(query["id"])
        path = Path(row.output or row.path)
        act(path)
        self._control.jobs.look_at(row.id)
        return {"path": str(path)}

    def pause(self, _: Query, body: Pause) -> dict[str, Any]:
        self._control.jobs.pause(body.seconds, what=_what(body.gpu), now=body.now)
        return pauses(self._control.jobs)

    def resume(self, _: Query, body: Resume) -> dict[str, Any]:
        self._control.jobs.resume(what=_what(body.gpu))
        return pauses(self._control.jobs)

    def snooze(self, _: Query, body: Snooze) -> dict[str, Any]:
        self._control.snooze(body.seconds)
        return {"snoozed_until": self._control.snoozed_until()}

    def presence(self, _: Query, body: Presence) -> dict[str, Any]:
        self._control.presence.say(body.page, in_front=body.in_front)
        self._control.changed()
        return {"page_in_front": self._control.presence.in_front()}

    def seen(self, _: Query, body: Seen) -> dict[str, Any]:
        self._control.jobs.look_at(body.id)
        return {"needs_you": len(self._control.jobs.needing().jobs)}

    def edit_settings(self, _: Query, body: SettingsEdit) -> dict[str, Any]:
        edit = self._control.edit_settings(body.changes, body.hot_folders)
        return {**settings(self._control), **edit._asdict()}

    def gpu_free(self, _: Query, __: Nothing) -> dict[str, Any]:
        return {"freed": self._control.jobs.free_gpu()}

    def add_hot_folder(self, _: Query, body: HotFolder) -> dict[str, Any]:
        self._control.add_hot_folder(body)
        return {"path": str(body.path), "output": str(body.results)}

    def history_rebuild(self, _: Query, __: Nothing) -> dict[str, Any]:
        return {"entered": self._control.jobs.history_rebuild(folder.results for folder in self._control.hot_folders())}

    def history_clear(self, _: Query, __: Nothing) -> dict[str, Any]:
        return {"cleared": self._control.jobs.history_clear()}

    def stop(self, _: Query, __: Nothing) -> dict[str, Any]:
        self._control.request_stop()
        return {"stopping": True}


def _what(gpu: bool) -> What:
    return What.GPU if gpu else What.ALL


def _job(row: JobRow) -> dict[str, Any]:
    return {"job": row.as_dict()}
