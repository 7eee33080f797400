"""The commands that treat clips: diagnose, fix, watch, run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ..config import paths, profiles
from ..config.errors import CannotWrite, DaemonError, DeshimmerError, WrongUsage
from ..config.profiles import Profile
from ..config.settings import HotFolder
from . import client, show
from .lock import require_free
from .service_command import require_hot_folders
from .session import FAILED, INTERRUPTED, OK, Session
from .signals import Interruption

if TYPE_CHECKING:
    from ..processors.api import StageProgress
    from ..processors.records import Receipt
    from .table import JobRow

T = TypeVar("T")

Clips = Annotated[
    list[str],
    typer.Argument(metavar="CLIP", help="Videos, or folders of frames. Names that begin with '-' go after '--'.", show_default=False),
]


def diagnose(
    session: Session,
    clips: Clips,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw when and where it flickers, and why, as PNG or SVG by the suffix.")
    ] = None,
) -> int:
    """Say what flickers in clips, and why. Writes nothing else."""
    from ..processors import api  # here: it brings PyAV and OpenCV, which other commands do without

    if plot is not None and len(clips) != 1:
        raise WrongUsage("--plot draws one clip. Give a single CLIP.")
    if plot is not None and plot.suffix.lower() not in (".png", ".svg"):
        raise WrongUsage("--plot writes .png or .svg. End the file's name with one of them.")
    settings = session.settings
    records: list[dict[str, Any]] = []

    def tell(finding: api.Finding) -> bool:
        records.append(finding.as_dict())
        session.result(records[-1])
        if plot is not None:
            from .plot import draw

            draw(finding, plot)
        return True

    code = _each(session, clips, lambda clip, progress: api.diagnose(clip, settings, progress=progress), tell)
    if records and not session.json_lines:
        show.print_findings(records)
    return code


def fix(
    session: Session,
    clips: Clips,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Where results go; default: deshimmered/ beside the clip.")] = None,
    route: Annotated[str | None, typer.Option(metavar="R", help="keep, smooth, deband, deband+smooth, interpolate or regenerate.")] = None,
    profile: Annotated[str, typer.Option(metavar="P", help="What the result is delivered as (docs/profiles.md).")] = "match",
    preset: Annotated[str | None, typer.Option(metavar="article", help="The article's recipe as written.")] = None,
    strength: Annotated[float | None, typer.Option(help="Of smoothing, 0 to 2; 1 removes what was measured.")] = None,
    factor: Annotated[int | None, typer.Option(metavar="N", help="Interpolate to N times the frame rate.")] = None,
    fps: Annotated[str | None, typer.Option(metavar="F", help="Interpolate to this frame rate: 60, 59.94 or 60000/1001.")] = None,
    slow_motion: Annotated[bool, typer.Option("--slow-motion", help="Keep the frame rate and stretch the time.")] = False,
    drop_duplicates: Annotated[
        bool, typer.Option("--drop-duplicates", help="Interpolate, and move on where frames of the clip are repeated.")
    ] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Repair and compare the worst two seconds only.")] = False,
    markers: Annotated[bool, typer.Option("--markers", help="Mark what was found for editing programs: EDL and OpenTimelineIO.")] = False,
    candidates: Annotated[int | None, typer.Option(metavar="N", help="Render N seeds and keep the best; with --route regenerate.")] = None,
) -> int:
    """Repair clips, verify the results and put them beside the clips. Originals are never touched."""
    from ..processors import api, delivery  # here: they bring PyAV and OpenCV, which other commands do without
    from ..processors.options import Options

    options: dict[str, Any] = dict(route=route, profile=profile, preset=preset, strength=strength, factor=factor, fps=_frame_rate(fps))
    options |= dict(slow_motion=slow_motion, drop_duplicates=drop_duplicates, candidates=candidates, preview=preview)
    settings = session.settings
    Options(**options).check()

    def tell(receipt: Receipt) -> bool:
        summary = delivery.summary(receipt)
        _end(session, summary)
        return summary["outcome"] != "failed"

    return _each(
        session, clips, lambda clip, progress: api.fix(clip, output, settings, progress=progress, markers=markers, **options), tell
    )


def watch(
    session: Session,
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The hot folder; default: deshimmer in your Videos.", show_default=False)
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Where results go; default: deshimmered/ inside DIR.")] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="P", help="What results are delivered as (docs/profiles.md); default: as the settings say.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Work off what is there, then exit.")] = False,
) -> int:
    """Watch a hot folder in the foreground: every clip dropped there is repaired."""
    hot_folder = _hot_folder(session, folder, output, profile)
    daemon = client.find()
    if daemon is not None and once:
        raise DaemonError("The daemon is running and takes clips itself. Use 'watch' without --once, or stop it.", path=hot_folder.path)
    if daemon is None:
        require_free()
    _introduce(session, hot_folder, once=once)
    if daemon is not None:
        return _follow(session, daemon, hot_folder)
    return _watch_here(session, hot_folder, once=once)


def run(session: Session) -> int:
    """The daemon: watch all hot folders of the settings."""
    settings = session.settings
    require_hot_folders(session)
    for hot_folder in settings.hot_folders:
        session.note(f"watching {show.one_line(str(hot_folder.path))}, results in {show.one_line(str(hot_folder.results))}")
    from ..processors import delivery
    from .app import run_daemon

    run_daemon(settings, on_finished=lambda receipt: _end(session, delivery.summary(receipt)), source=session.source)
    return OK


def _each(session: Session, clips: Iterable[str], treat: Callable[[str, StageProgress], T], tell: Callable[[T], bool]) -> int:
    """Treat one clip after the other and tell what came of it; an error of one ends that one. ``tell`` says whether it is good."""
    code = OK
    with Interruption.by_signals() as interruption:
        for clip in clips:
            try:
                made = _treated(clip, treat, interruption)
                interruption.check()
                good = tell(made)
            except WrongUsage:
                raise
            except DeshimmerError as error:
                interruption.check()
                session.fail(error, path=clip)
                good = False
            code = code if good else FAILED
    return code


def _treated(clip: str, treat: Callable[[str, StageProgress], T], interruption: Interruption) -> T:
    with show.ClipProgress() as progress:

        def update(stage: str, part: float) -> None:
            interruption.check()
            progress.update(clip, stage, part)

        return treat(clip, update)


def _end(session: Session, summary: Mapping[str, Any]) -> None:
    session.result(summary, show.ending_line(summary))
    if session.json_lines and summary["outcome"] == "failed":
        session.note(show.ending_line(summary))


def _frame_rate(text: str | None) -> Fraction | None:
    try:
        return None if text is None else Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise WrongUsage(f"--fps is a frame rate such as 60, 59.94 or 60000/1001, not '{text}'.") from None


def _hot_folder(session: Session, folder: Path | None, output: Path | None, profile: str | None) -> HotFolder:
    """The hot folder of this name in the settings, else a new one; made when absent."""
    if profile is not None and profile not in list(Profile):
        raise WrongUsage(profiles.unknown(profile))
    path = Path(os.path.abspath((folder or paths.default_hot_folder()).expanduser()))
    known = next((each for each in session.settings.hot_folders if each.path == path), HotFolder(path=path))
    results = known.output if output is None else Path(os.path.abspath(output.expanduser()))
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"The hot folder cannot be made ({error.strerror}). Choose another.", path=path) from None
    delivered = {} if profile is None else {"profile": Profile(profile)}
    return known.model_copy(update={"output": results, "existing": "process", **delivered})


def _introduce(session: Session, hot_folder: HotFolder, *, once: bool) -> None:
    session.note(f"Drop clips into    {show.one_line(str(hot_folder.path))}")
    session.note(f"Results appear in  {show.one_line(str(hot_folder.results))}")
    session.note(
        "Each clip is diagnosed; where it flickers it is repaired, the repair verified, and a comparison and a report put beside it."
    )
    session.note("Your originals are never touched." + ("" if once else " Ctrl-C ends it; what is unfinished goes on at the next start."))


def _watch_here(session: Session, hot_folder: HotFolder, *, once: bool) -> int:
    from ..processors import delivery
    from .app import watch as watch_folder

    tally = _Tally(session)
    with show.ClipProgress() as progress:

        def end(receipt: Receipt) -> None:
            progress.clear()
            tally.end(delivery.summary(receipt))

        def tell(running: list[JobRow]) -> None:
            for job in [job for job in running if job.stage is not None][:1]:
                progress.update(job.path, str(job.stage), job.progress or 0.0)

        finished = watch_folder(session.settings, hot_folder, once, end, tell, source=session.source)
    return INTERRUPTED if once and not finished else tally.code


def _follow(session: Session, daemon: client.Client, hot_folder: HotFolder) -> int:
    """The daemon takes the folder over; show what it finishes there until Ctrl-C."""
    since, after = daemon.get("/finished")["next"], daemon.get("/status")["event"]
    daemon.post("/hot_folders", **hot_folder.model_dump(mode="json"))
    session.note(f"The daemon (process {daemon.pid}) watches it from now on, also after Ctrl-C here.")
    tally = _Tally(session)
    try:
        with Interruption.by_signals():
            for event in daemon.events(after):
                if event.kind not in ("finished", "reset"):
                    continue
                news = client.connect().get("/finished", since=since)
                since = news["next"]
                for summary in news["receipts"]:
                    if Path(summary["path"]).is_relative_to(hot_folder.path):
                        tally.end(summary)
    except KeyboardInterrupt:
        pass
    return tally.code


@dataclass
class _Tally:
    session: Session
    code: int = field(default=OK)

    def end(self, summary: Mapping[str, Any]) -> None:
        _end(self.session, summary)
        if summary["outcome"] == "failed":
            self.code = FAILED
