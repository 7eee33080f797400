"""Regeneration: a clip is rendered again from its prompt, by diffusers here or by the user's own ComfyUI."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.errors import DeshimmerError, NotSetUp, RouteRefused
from . import diagnosis, media, rendered, rendering
from .families import ladder, model_folder, pipelines, table
from .families.family import Family, Means
from .records import Candidate, Progress, Regeneration

if TYPE_CHECKING:
    from .treatment import Job

log = logging.getLogger(__name__)

_RENDERING = 0.9  # of a candidate's time; the rest is encoding and measuring
_SEEDS = 1 << 64


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
        from . import comfyui

        return comfyui.render(job)
    return _by_diffusers(job, wanted)


def _by_diffusers(job: Job, wanted: Regeneration) -> Candidate:
    folder, family = _model(job, wanted)
    pipelines.require()
    ask = rendering.Ask.of(job.clip, wanted, family)
    notes = list(ask.notes)
    seeds = [(ask.seed + index) % _SEEDS for index in range(max(1, wanted.candidates))]
    made: list[tuple[Candidate, int, float | None]] = []
    with pipelines.device() as device:
        for index, seed in enumerate(seeds):
            progress = _part(job.progress, index, len(seeds))
            frames = _render(folder, replace(ask, seed=seed), device, _part(progress, 0, 1, _RENDERING), notes.append)
            stem = job.output_stem.with_name(f"{job.output_stem.name}-{seed}") if len(seeds) > 1 else job.output_stem
            candidate = rendered.encode(replace(job, output_stem=stem), ask, frames)
            del frames
            made.append((candidate, seed, _score(job, candidate) if len(seeds) > 1 else None))
            progress(1.0)
    best, seed, _ = min(made, key=lambda each: each[2] or 0.0)
    for other, _, _ in made:
        if other is not best:
            other.path.unlink(missing_ok=True)
    told = [f"seed {each}: flicker score {score:.2f}" for _, each, score in made if score is not None]
    return replace(
        best,
        treatment=replace(job.treatment, regeneration=replace(wanted, prompt=replace(wanted.prompt, seed=seed))),
        notes=(*dict.fromkeys((*best.notes, *notes)), *told, f"rendered by {family.name} from {wanted.kind} with seed {seed}"),
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
    rungs = ladder.rungs(family, ask.width, ask.height, ask.frames, rendering.free_bytes(device), device)
    with _translated(folder):
        return ladder.climb_down(rungs, run, tell)


@contextlib.contextmanager
def _translated(folder: Path) -> Any:
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


def _score(job: Job, candidate: Candidate) -> float:
    return diagnosis.read(media.probe(candidate.path), None, lambda part: None, settings=job.settings).flicker_score


def _part(progress: Progress, index: int, count: int, share: float = 1.0) -> Progress:
    return lambda part: progress(min(1.0, (index + part * share) / count))
