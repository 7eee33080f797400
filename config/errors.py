"""Every failure a user can meet, in one tree. Each has a title, a message that says what to do next, and a path.

DeshimmerError
├── ClipError              the clip itself
│   ├── UnreadableClip         no decoder makes frames of it
│   │   └── SequenceError          a folder is not one sequence of numbered frames
│   │       ├── NoFrames               it holds none
│   │       ├── MissingFrames          there are gaps in it
│   │       ├── TwoSequences           it holds more than one
│   │       └── MixedFrames            its frames differ in format, size or numbering
│   ├── IncompleteClip         it is still being written, or was cut off
│   ├── RefusedClip            it is readable, but we will not open it (playlists, scripts)
│   ├── ChangingClip           size, format or colours change half-way
│   └── MissingClip            there is no such file
├── SidecarError           the stored prompt beside a clip is not as docs/sidecar.md says
├── RouteRefused           the route or preset asked for cannot treat this clip
├── NotSetUp               an optional part is absent; the message is its remedy
├── ToolFailed             an external program ended with an error
├── WorkerCrashed          the process that treated the clip died
├── CannotWrite            the output folder or the disk does not take the result
├── SettingsError          a settings file, variable or option is wrong
├── DaemonError            the daemon is not running, or is already
│   └── NoSuchJob              no job has this id
└── WrongUsage             the command line is wrong (exit code 2)

The same object is shown by the command line, the page, the tray, the log and the receipt.
"""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any, Self


class DeshimmerError(Exception):
    """``str(error)`` is the message. ``as_dict`` is the form that receipts and ``--json`` carry."""

    title = "deshimmer stopped"

    def __init__(self, message: str, *, path: str | PathLike[str] | None = None, title: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = None if path is None else fspath(path)
        if title is not None:
            self.title = title

    def as_dict(self) -> dict[str, str | None]:
        return {"title": self.title, "message": self.message, "path": self.path}

    @classmethod
    def from_dict(cls, record: dict[str, str | None]) -> DeshimmerError:
        return cls(record["message"] or "", path=record["path"], title=record["title"])

    @classmethod
    def from_answer(cls, answer: Any) -> Self | None:
        """The error that an answer of the API carries; None where it carries none as ours do: somebody else answers."""
        match answer:
            case {"error": {"title": str(title), "message": str(message), "path": str() | None as path}}:
                return cls(message, path=path, title=title)
            case _:
                return None


class ClipError(DeshimmerError):
    title = "The clip cannot be used"


class UnreadableClip(ClipError):
    title = "The clip cannot be read"


class IncompleteClip(ClipError):
    title = "The file is incomplete"


class RefusedClip(ClipError):
    title = "The file is refused"


class ChangingClip(ClipError):
    title = "The picture changes half-way"


class MissingClip(ClipError):
    title = "There is no such clip"


class SequenceError(UnreadableClip):
    title = "The folder is not a sequence of frames"


class NoFrames(SequenceError):
    title = "There are no frames in the folder"


class MissingFrames(SequenceError):
    title = "Frames are missing"


class TwoSequences(SequenceError):
    title = "There are several sequences in the folder"


class MixedFrames(SequenceError):
    title = "The frames do not match each other"


class SidecarError(DeshimmerError):
    title = "The sidecar does not fit"


class RouteRefused(DeshimmerError):
    title = "This route cannot treat this clip"


class NotSetUp(DeshimmerError):
    title = "Not set up"


class ToolFailed(DeshimmerError):
    title = "A tool failed"


class WorkerCrashed(DeshimmerError):
    title = "The worker crashed on this clip"


class CannotWrite(DeshimmerError):
    title = "The result cannot be written"


class SettingsError(DeshimmerError):
    title = "The settings are wrong"


class DaemonError(DeshimmerError):
    title = "The daemon cannot do this now"


class NoSuchJob(DaemonError):
    title = "There is no such job"


class WrongUsage(DeshimmerError):
    title = "The command is wrong"
