"""The processing stage: one treatment makes one candidate in the work folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import av

from . import (
    debanding,
    depulsing,
    encoding,
    ffmpeg,
    fields,
    interpolation,
    media,
    regeneration,
    results,
    timing,
    torch_devices,
)
from .bands import smoothers
from .comfyui import user_comfyui
from .families.family import Means
from .interpolators import backends
from .inventory import inventories
from .jobs import Job
from .records import Candidate, Clip, Passage, Progress, Route, Treatment
from .writing.orders import Order

if TYPE_CHECKING:
    from ..config.settings import Settings


def process_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """Make the candidate of the attempt that is due. Raises DeshimmerError."""
    clip, diagnosis, treatment = passage.clip, passage.diagnosis, passage.treatment
    assert clip is not None
    assert diagnosis is not None
    assert treatment is not None
    stem = passage.work_folder / f"candidate-{passage.attempt}"
    return replace(passage, candidate=make(Job(clip, diagnosis, treatment, stem, settings, progress)))


def wants_gpu(passage: Passage, settings: Settings) -> bool:
    """Whether the attempt that is due works on a GPU. Smoothing does where torch finds one, interpolation where its interpolator does,
    rendering again likewise, and a ComfyUI on this machine.
    """
    return passage.treatment is not None and is_on_gpu(passage.treatment, settings)


def is_on_gpu(treatment: Treatment, settings: Settings) -> bool:
    if treatment.regeneration is not None and treatment.regeneration.means is Means.COMFYUI:
        return user_comfyui.is_on_this_machine(settings)
    if treatment.regeneration is not None:
        return torch_devices.has_gpu()
    return treatment.route in _ON_GPU and _ON_GPU[treatment.route](settings)


def make(job: Job) -> Candidate:
    """Raises DeshimmerError."""
    started = time.monotonic()
    return replace(MAKERS[job.treatment.route](job), seconds=round(time.monotonic() - started, 3))


def _smooth(job: Job) -> Candidate:
    return _smoothed(job, lambda smooth: fields.each(job.clip, lambda clip: smooth(clip, job.diagnosis, job.treatment)))


def _deband(job: Job) -> Candidate:
    if job.treatment.preset == "article":
        return _article(job)
    pulses = job.treatment.depulse
    frames = depulsing.depulse(job.clip, job.diagnosis, job.treatment.strength) if pulses else _working_frames(job.clip)
    return _encoded(job, frames, _filters(job))


def _deband_smooth(job: Job) -> Candidate:
    return _smoothed(job, lambda smooth: smooth(job.clip, job.diagnosis, job.treatment), _filters(job))


def _smoothed(job: Job, frames: Callable[[smoothers.Smooth], Iterable[av.VideoFrame]], filters: str | None = None) -> Candidate:
    notes = list[str]()
    with smoothers.chosen(job.settings, notes.append) as smooth:
        made = _encoded(job, frames(smooth), filters)
    return replace(made, notes=(*made.notes, *notes))


def _interpolate(job: Job) -> Candidate:
    account, notes = interpolation.Account(), list[str]()
    with backends.chosen(job.clip, job.settings, job.output_stem.parent, notes.append) as interpolator:
        made = _encoded(job, interpolation.interpolate(job.clip, job.diagnosis, job.treatment, account, interpolator))
    return replace(made, notes=(*made.notes, *notes, *account.notes()))


_ON_GPU: dict[Route, Callable[[Settings], bool]] = {
    Route.SMOOTH: smoothers.uses_gpu,
    Route.DEBAND_SMOOTH: smoothers.uses_gpu,
    Route.INTERPOLATE: backends.uses_gpu,
}

MAKERS: dict[Route, Callable[[Job], Candidate]] = {
    Route.SMOOTH: _smooth,
    Route.DEBAND: _deband,
    Route.DEBAND_SMOOTH: _deband_smooth,
    Route.INTERPOLATE: _interpolate,
    Route.REGENERATE: regeneration.regenerate,
}


def _encoded(job: Job, frames: Iterable[av.VideoFrame], filters: str | None = None) -> Candidate:
    chosen = encoding.choose(job.clip, job.treatment)
    output = job.output_stem.with_suffix(chosen.suffix)
    expected = timing.frame_count(job.clip, job.treatment)
    written = results.write(
        Order(
            job.clip,
            frames,
            chosen,
            output,
            job.settings,
            filters=filters,
            frame_rate=timing.frame_rate(job.clip, job.treatment),
            progress=job.progress,
            expected_frames=expected,
        )
    )
    return Candidate(output, job.treatment, chosen.description, written, 0.0, chosen.notes)


def _article(job: Job) -> Candidate:
    chosen = encoding.choose(job.clip, job.treatment)
    output = job.output_stem.with_suffix(chosen.suffix)
    argv = debanding.article_command(ffmpeg.tool(job.settings), job.clip, output)
    with ffmpeg.running(argv, seconds=float(job.clip.duration), progress=job.progress) as run:
        written = run.finish(output)
    return Candidate(output, job.treatment, chosen.description, written, 0.0, _lost_by_article(job, output))


def _lost_by_article(job: Job, output: Path) -> tuple[str, ...]:
    """Its command says nothing of what else is in the file: what became of that is seen afterwards."""
    before, after = inventories.of(job.clip), inventories.take(output)
    found = inventories.differences(before, after, job.treatment)
    return tuple(f"the article's command: {each.subject}. {each.detail}" for each in found if not each.grave)


def _filters(job: Job) -> str:
    return debanding.filters(job.clip, job.treatment, job.diagnosis.reading.codec)


def _working_frames(clip: Clip) -> Generator[av.VideoFrame, None, None]:
    wanted = media.working_format(clip)
    for frame in media.frames(clip):
        yield media.to_format(frame, wanted)
