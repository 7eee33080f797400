"""Regeneration: a clip is rendered again from its prompt, by diffusers here or by the user's own ComfyUI."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..config.errors import DeshimmerError, NotSetUp, RouteRefused
from . import candidates, diagnosis, media, rendered, rendering, work_folders
from .families import ladder, model_folder, pipelines, table
from .families.family import Family, Means
from .records import Candidate, Progress, Regeneration

if TYPE_CHECKING:
    from .jobs import Job

log = logging.getLogger(__name__)

_RENDERED, _ENCODED = 0.9, 0.95
"""Parts of a candidate's time that have passed then; the rest is measuring."""


class _Made(NamedTuple):
    candidate: Candidate
    seed: int


class _FromProgress(BaseException):
    """Carries what ``job.progress`` raised: nothing on the way takes it for its own and translates it, or tries again."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def regenerate(job: Job) -> Candidate:
    """Render the clip again, once for each candidate's seed; the one that flickers least.

    Raises NotSetUp where a part of the machinery is absent, RefusedModel for weights that are not safe, RouteRefused for a clip or a prompt
    that the model cannot take, and what ``job.progress`` raises, at once.
    """
    wanted = job.treatment.regeneration
    if wanted is None:
        raise RouteRefused(
            "It was not said how to render it again. Start it from its offer, or with --route regenerate.", path=job.clip.path
        )
    if wanted.means is Means.COMFYUI:
        from .comfyui import user_comfyui

        return user_comfyui.render(job)
    return _by_diffusers(job, wanted)


def _by_diffusers(job: Job, wanted: Regeneration) -> Candidate:
    folder, family = _model(job, wanted)
    pipelines.require()
    ask = rendering.Ask.of(job.clip, wanted, family)
    seeds = candidates.seeds(ask.seed, max(1, wanted.candidates))
    notes = list(ask.notes)
    with _untouched(job.progress) as progress, pipelines.device() as device:

        def part_of(seed: int, start: float, end: float) -> Progress:
            return _part(progress, (seeds.index(seed) + start) / len(seeds), (seeds.index(seed) + end) / len(seeds))

        def make(seed: int) -> _Made:
            stem = job.output_stem.with_name(f"{job.output_stem.name}-{seed}") if len(seeds) > 1 else job.output_stem
            this = replace(ask, seed=seed)
            frames = _render(folder, this, device, part_of(seed, 0, _RENDERED), notes.append)
            encoded = rendered.encode(replace(job, output_stem=stem, progress=part_of(seed, _RENDERED, _ENCODED)), this, frames)
            return _Made(encoded, seed)

        def score(made: _Made) -> float:
            measured = diagnosis.read(media.probe(made.candidate.path), None, part_of(made.seed, _ENCODED, 1), settings=job.settings)
            return measured.flicker_score

        best = candidates.best_of(seeds, make, score, lambda made: work_folders.remove(made.candidate.path))
        progress(1.0)
    told = (best.note(), f"rendered by {family.name} from {wanted.kind} with seed {best.seed}")
    return replace(
        best.made.candidate,
        treatment=replace(job.treatment, regeneration=replace(wanted, prompt=replace(wanted.prompt, seed=best.seed))),
        notes=tuple(note for note in dict.fromkeys((*best.made.candidate.notes, *notes, *told)) if note),
    )


def _model(job: Job, wanted: Regeneration) -> tuple[Path, Family]:
    if wanted.model is None or wanted.kind is None:
        raise NotSetUp("No model's folder is known for it. Name it in models.folders, then try again.", path=job.clip.path)
    family = table.family_of(wanted.prompt.model or wanted.model.name, wanted.prompt.pipeline)
    if family is None:
        raise NotSetUp(
            f"The model {wanted.prompt.model or wanted.model.name!r} is of no family that deshimmer can render.", path=wanted.model
        )
    return wanted.model, family


def _render(folder: Path, ask: rendering.Ask, device: str, progress: Progress, tell: Callable[[str], None]) -> Any:
    """Frames of one seed, (frames, height, width, 3), RGB, 0-1, in the way that memory suffices for."""
    adapter = table.ADAPTERS[ask.family.name]

    def run(rung: Any) -> Any:
        pipe = pipelines.load(folder, ask.family, adapter, ask.kind, device, ladder.prepare(rung))
        with pipelines.quiet():
            ladder.apply(pipe, rung)
        return rendering.run(pipe, ask, adapter, ladder.options(rung), progress)

    family = model_folder.counted(folder, ask.family)
    free_bytes, total_bytes = rendering.memory_bytes(device)
    rungs = ladder.rungs(family, ask.width, ask.height, ask.frames, free_bytes, device, total_bytes=total_bytes)
    with _translated(folder):
        return ladder.climb_down(rungs, run, tell)


@contextlib.contextmanager
def _translated(folder: Path) -> Generator[None, None, None]:
    """What the libraries raise at loading and running, as an error for a person."""
    try:
        yield
    except (ValueError, TypeError, KeyError, ImportError, RuntimeError, OSError) as error:
        if isinstance(error, DeshimmerError) or not type(error).__module__.startswith(
            ("builtins", "torch", "safetensors", "huggingface_hub")
        ):
            raise
        log.info("rendering failed", exc_info=True)
        raise DeshimmerError(f"The model could not be run: {error}. Check its folder.", path=folder, title="Rendering failed") from error


@contextlib.contextmanager
def _untouched(progress: Progress) -> Generator[Progress, None, None]:
    """``progress``, of which what it raises leaves the block as it is, whatever lies between."""

    def tell(part: float) -> None:
        try:
            progress(part)
        except Exception as error:
            raise _FromProgress(error) from None

    try:
        yield tell
    except _FromProgress as carrier:
        error = carrier.error
    else:
        return
    raise error


def _part(progress: Progress, start: float, end: float) -> Progress:
    return lambda part: progress(min(1.0, start + part * (end - start)))
