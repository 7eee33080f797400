"""deshimmer for Python users: ``diagnose`` says what flickers in a clip, ``fix`` repairs it, ``write_sidecar`` keeps what it was rendered from.

    from deshimmer.processors.api import diagnose, fix

    finding = diagnose("clip.mp4")
    print(finding.diagnosis.verdict, finding.diagnosis.summary)
    receipt = fix("clip.mp4", output="repaired")
    print(receipt.outcome, receipt.output, receipt.reason)

None of them touches the queue or needs a running daemon; the command line's ``diagnose`` and ``fix`` are these functions.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from os import PathLike, fspath
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config.errors import MissingClip, UnreadableClip
from ..config.profiles import Profile
from ..config.settings import Settings, load_settings
from . import identity, media, road, work_folders
from .measurement import evidence
from .options import Options
from .prompts import lint, station
from .prompts.stored import Stored
from .prompts.writing import WrittenSidecar as WrittenSidecar
from .prompts.writing import write_sidecar as write_sidecar
from .records import MAP_PREFIX, Band, Clip, Diagnosis, Passage, Receipt, Request, Route, to_json
from .sequences import frame_folders

StageProgress = Callable[[str, float], None]
"""Called with a stage's name and its part done, 0 to 1."""

_FIX_MARK = "-fix"
"""Tells the receipts and work folders of ``fix`` from those of the queue."""


@dataclass(frozen=True)
class Finding:
    """What ``diagnose`` found.

    ``curves``: one float32 value a frame for each measure, and ``time_s``; bands in 8-bit levels against the frame before. ``maps``: where
    in the frame, float32 levels (rows, columns) for each band that was measured.
    """

    path: str
    clip: Clip
    diagnosis: Diagnosis
    curves: Mapping[str, NDArray[np.floating]]
    maps: Mapping[Band, NDArray[np.float32]]
    stored: Stored = field(default_factory=lambda: Stored(None))  # the prompt that it was rendered from

    def as_dict(self) -> dict[str, Any]:
        """The object that ``deshimmer diagnose --json`` prints."""
        diagnosis, clip = to_json(self.diagnosis), self.clip
        reading = diagnosis["reading"]
        return {
            "path": self.path,
            **{key: diagnosis[key] for key in ("verdict", "confidence")},
            "flicker_score": reading["flicker_score"],
            **{key: diagnosis[key] for key in ("route", "summary", "amounts", "causes")},
            **{key: reading[key] for key in ("bands", "codec")},
            "shots": diagnosis["shots"],
            "lint": [lint.as_dict(each) for each in self.stored.lint],
            "worst": self._worst(),
            "map": {band: self._map(band) for band in (Band.LOW_LUMA, Band.LOW_CHROMA, Band.DETAIL)},
            "article_mean_diff": reading["article_mean_diff"],
            "article_verdict": diagnosis["article_verdict"],
            "frames": clip.frames,
            "fps": float(clip.frame_rate),
            "fps_fraction": f"{clip.frame_rate.numerator}/{clip.frame_rate.denominator}",
            "width": clip.width,
            "height": clip.height,
            "seconds": float(clip.duration),
        }

    def _map(self, band: Band) -> list[list[float]] | None:
        return np.round(self.maps[band].astype(float), 2).tolist() if band in self.maps else None

    def _worst(self) -> dict[str, int] | None:
        stretch = evidence.worst_stretch(self.curves, float(self.clip.frame_rate))
        return None if stretch is None else {"start_frame": stretch.start, "end_frame": stretch.end - 1}


def diagnose(path: str | PathLike[str], settings: Settings | None = None, *, progress: StageProgress | None = None) -> Finding:
    """Measure a clip's flicker and say what it is. Writes nothing that stays.

    ``path`` is a file, or a folder of numbered frames. Raises ClipError for a clip that is missing, unreadable, incomplete or refused;
    DeshimmerError for anything else.
    """
    settings = settings or load_settings()
    source = _existing(path)
    with TemporaryDirectory(prefix="deshimmer-") as temporary:
        work_folder = Path(temporary)
        passage = Passage("diagnose", Request(source, work_folder, fspath(path)), work_folder)
        while passage.diagnosis is None and (stage := road.next_stage(passage)):
            passage = road.run_stage(stage, passage, settings, _part_of(progress, stage.name))
        assert passage.clip is not None
        assert passage.diagnosis is not None
        curves, maps = _read_curves(passage.diagnosis.curves)
        stored = passage.stored or Stored(None)
        return Finding(fspath(path), passage.clip, replace(passage.diagnosis, curves=None), curves, maps, stored)


def stored_prompt(path: str | PathLike[str], settings: Settings | None = None) -> Stored:
    """The prompt that a clip was rendered from, and what is wrong with its parameters as far as the clip is not looked at.

    Raises MissingClip or UnreadableClip where there is no file to speak of, SidecarError for a sidecar of ours that does not fit.
    """
    source = _existing(path)
    prompt = station.read(source, station.folder_of(source, settings or load_settings()))
    return Stored(prompt, lint.lint(prompt, None, None) if prompt is not None else ())


def fix(
    path: str | PathLike[str],
    output: str | PathLike[str] | None = None,
    settings: Settings | None = None,
    *,
    route: Route | str | None = None,
    profile: Profile | str = Profile.MATCH,
    preset: str | None = None,
    strength: float | None = None,
    factor: int | None = None,
    fps: Fraction | float | None = None,
    slow_motion: bool = False,
    drop_duplicates: bool = False,
    candidates: int | None = None,
    preview: bool = False,
    comparison: bool = True,
    markers: bool = False,
    progress: StageProgress | None = None,
) -> Receipt:
    """Diagnose a clip, repair it, verify the result and deliver it with comparison and report.

    ``output`` is the folder for the results, ``deshimmered`` beside the clip by default; the clip's own former results there are
    replaced. ``route`` names the repair instead of leaving it to the diagnosis. ``strength`` 0 to 2 scales smoothing; ``factor``,
    ``fps`` and ``slow_motion`` ask for interpolation, and ``drop_duplicates`` for one that goes on where frames are repeated.
    Route ``regenerate`` renders the clip again from its stored prompt, with ``candidates`` (1 to 8) seeds of which the best is kept.
    ``preview`` repairs and compares the worst two seconds only, beside whatever an earlier repair left. ``markers`` adds an EDL and an
    OpenTimelineIO file that mark where something was found and repaired.

    A clip that cannot be treated ends as a receipt with outcome ``failed`` and ``error``. Raises MissingClip or UnreadableClip
    when there is no file to speak of, WrongUsage for options that do not go together, CannotWrite for the output folder. Whatever
    interrupts it, no work files stay.
    """
    settings = settings or load_settings()
    options = Options(route, profile, preset, strength, factor, fps, slow_motion, drop_duplicates, candidates, preview)
    options.check()
    source = _existing(path)
    folder = source.parent / "deshimmered" if output is None else Path(output).expanduser().absolute()
    request = options.request(source, folder, fspath(path), settings, comparison=comparison, markers=markers)
    return _walk(request, settings, progress or _ignore)


def _walk(request: Request, settings: Settings, progress: StageProgress) -> Receipt:
    """The whole road in a work folder of its own, of which nothing stays."""
    digest = _digest(request)
    job_id = f"{identity.job_digest(digest, request, settings)}{_FIX_MARK}{secrets.token_hex(2)}"
    made = _first_absent(request.output_dir)
    _sweep(request.output_dir)
    work_folder = work_folders.make_work_folder(request.output_dir, job_id)
    try:
        return road.walk(Passage(job_id, request, work_folder), settings, progress)
    finally:
        work_folders.abandon(work_folder)
        _remove_empty(request.output_dir, made)


def _existing(path: str | PathLike[str]) -> Path:
    source = Path(path).absolute()
    try:
        mode = os.stat(fspath(path)).st_mode  # not of ``source``: "" would be the working folder
    except (FileNotFoundError, NotADirectoryError):
        raise MissingClip("There is no such file. Check its path.", path=path) from None
    except OSError as error:
        raise UnreadableClip(f"The file cannot be read ({error.strerror}). Check its path and permissions.", path=path) from None
    if stat.S_ISDIR(mode):
        frame_folders.find(Path(path))  # says what the folder is not
        return source
    if not stat.S_ISREG(mode):
        raise UnreadableClip("It is not a regular file. Give a video file, or a folder of frames.", path=path)
    return source


def _digest(request: Request) -> str:
    try:
        return media.digest(request.path)
    except OSError as error:
        raise UnreadableClip(f"The file cannot be read ({error.strerror}). Check its permissions.", path=request.shown_path) from None


def _part_of(progress: StageProgress | None, stage: str) -> Callable[[float], None]:
    return lambda part: progress(stage, part) if progress else None


def _ignore(stage: str, part: float) -> None:
    pass


def _read_curves(file: Path | None) -> tuple[dict[str, NDArray[np.float32]], dict[Band, NDArray[np.float32]]]:
    """Curves, and maps."""
    if file is None:
        return {}, {}
    with np.load(file) as stored:
        curves = {key: stored[key] for key in stored.files if not key.startswith(MAP_PREFIX)}
        maps = {band: stored[key] for band in Band if (key := f"{MAP_PREFIX}{band}") in stored.files}
    return curves, maps


def _sweep(output_dir: Path) -> None:
    """Work folders of a ``fix`` that was killed; those of the queue are the daemon's to judge."""
    root = output_dir / work_folders.ROOT
    if root.is_dir():
        work_folders.sweep_work_folders(output_dir, {folder.name for folder in root.iterdir() if _FIX_MARK not in folder.name})


def _first_absent(folder: Path) -> Path | None:
    absent = [each for each in (folder, *folder.parents) if not each.exists()]
    return absent[-1] if absent else None


def _remove_empty(folder: Path, made: Path | None) -> None:
    """Take back the folders that were made for results which never came."""
    with suppress(OSError):  # there are results in it
        while made is not None and folder.is_relative_to(made):
            folder.rmdir()
            folder = folder.parent
