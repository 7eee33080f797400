"""Is a candidate better than its source? Less of what the plan set out to repair, no more of anything else, nothing lost.

A frozen clip has no flicker and a blurred one little, so calm alone is never enough: motion and detail are measured against the
source, along the source's own motion. What is required stands in ``checks``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.errors import ClipError, ToolFailed
from . import diagnosis, fields, interpolation, media, timing, work_folders
from .checks import fidelity, inserted, picture_checks, regenerated, requirements
from .checks.fidelity import Fidelity
from .checks.inserted import Inserted
from .checks.requirements import Evidence
from .inventory import inventories
from .records import Candidate, Check, Clip, Diagnosis, Passage, Progress, Reading, Route, Treatment, Verification

if TYPE_CHECKING:
    from ..config.settings import Settings

log = logging.getLogger(__name__)


def verify_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """Judge the candidate. A rejected one makes room for the next attempt while there is one; the last verdict stays."""
    clip, found, plan, candidate = passage.clip, passage.diagnosis, passage.plan, passage.candidate
    assert clip is not None
    assert found is not None
    assert plan is not None
    assert candidate is not None
    curves = passage.work_folder / f"curves-after-{passage.attempt}.npz"
    verdict = verify(clip, found, candidate, curves, settings, progress)
    if verdict.better or passage.attempt + 1 >= len(plan.treatments):
        return replace(passage, verification=verdict)
    log.info("attempt %s of %s rejected: %s", passage.attempt + 1, clip.path.name, verdict.reason)
    with suppress(OSError):
        work_folders.remove(candidate.path)
    return replace(passage, attempt=passage.attempt + 1, candidate=None, rejected=(*passage.rejected, verdict))


def verify(clip: Clip, found: Diagnosis, candidate: Candidate, curves: Path | None, settings: Settings, progress: Progress) -> Verification:
    """Measure the candidate against its source and judge it. Raises ToolFailed when the file written cannot be read back."""
    if candidate.treatment.regeneration is not None:
        return regenerated.verify(clip, found, candidate, curves, settings, progress)
    evidence = _gather(clip, found, candidate, curves, settings, progress)
    whole = tuple(requirements.wholeness(evidence))
    broken = not all(check.passed for check in whole)
    made = whole if broken else (*whole, *requirements.gains(evidence), *requirements.harms(evidence), *_of_other_field(evidence, progress))
    failed = [check for check in made if not check.passed]
    return Verification(
        better=not failed,
        broken=broken,
        reason=" ".join(check.detail for check in failed[:2]) or requirements.praise(evidence),
        checks=made,
        reading=evidence.reading,
        curves=curves,
    )


def _gather(clip: Clip, found: Diagnosis, candidate: Candidate, curves: Path | None, settings: Settings, progress: Progress) -> Evidence:
    try:
        result = media.probe_result(candidate.path, clip)
        if clip.interlaced and result.frames == clip.frames:
            reading = diagnosis.read(result, curves, _part(progress, 0.0, 0.5), guide=clip, shots=found.shots, settings=settings)
            seen, between = _of_field("top", clip, found, result, _part(progress, 0.5, 0.75)), None
        elif candidate.treatment.route is not Route.INTERPOLATE and result.frames == clip.frames:
            reading, seen, between = *_in_one_walk(clip, found, result, curves, settings, progress), None
        else:
            reading = diagnosis.read(result, curves, _part(progress, 0.0, 0.6), settings=settings)
            seen, between = _compare(clip, found, candidate.treatment, result, _part(progress, 0.6, 1.0))
        picture = picture_checks.of(clip, result, candidate, settings)
        differs = inventories.differences(inventories.of(clip), inventories.of(result), candidate.treatment)
    except ClipError as error:
        raise ToolFailed(
            f"The result that was written cannot be read back ({error}). Retry; the original is untouched.", path=clip.path
        ) from error
    return Evidence(clip, found, candidate.treatment, result, reading, seen, between, differs, candidate.notes, picture)


def _of_field(field: str, clip: Clip, found: Diagnosis, result: Clip, progress: Progress) -> Fidelity:
    """Frames of two moments are compared field by field: their combs would pass for edges and grain."""
    cuts = tuple(shot.start for shot in found.shots)
    return fidelity.measure(fields.half(clip, field), fields.half(result, field), progress, cuts=cuts)


def _of_other_field(evidence: Evidence, progress: Progress) -> Iterator[Check]:
    """What the second field of an interlaced result fails in; the first one is judged in full."""
    clip, result = evidence.clip, evidence.result
    if clip.interlaced and result.frames == clip.frames:
        seen = _of_field("bottom", clip, evidence.diagnosis, result, _part(progress, 0.75, 1.0))
        other = replace(evidence, fidelity=seen, picture=())
        failed = (check for check in (*requirements.wholeness(other), *requirements.harms(other)) if not check.passed)
        yield from (replace(check, name=f"{check.name} (second field)") for check in failed)


def _in_one_walk(
    clip: Clip, found: Diagnosis, result: Clip, curves: Path | None, settings: Settings, progress: Progress
) -> tuple[Reading, Fidelity]:
    """Both clips are decoded once, because decoding costs much of a verification."""
    beside = fidelity.Beside(clip, result, [shot.start for shot in found.shots])
    frames = beside.frames()
    reading = diagnosis.read(result, curves, progress, guide=clip, shots=found.shots, settings=settings, decoded=frames)
    return reading, beside.conclude()


def _compare(clip: Clip, found: Diagnosis, treatment: Treatment, result: Clip, progress: Progress) -> tuple[Fidelity, Inserted | None]:
    cuts = tuple(shot.start for shot in found.shots)
    if treatment.route is not Route.INTERPOLATE:
        return fidelity.measure(clip, result, progress, cuts=cuts), None
    seen = fidelity.measure(
        clip,
        result,
        _part(progress, 0.0, 0.6),
        factor=treatment.factor if treatment.fps is None else None,
        stretch=timing.stretch(clip, treatment),
        cuts=cuts,
        replaced=interpolation.replaced_frames(clip, treatment),
    )
    return seen, inserted.measure(clip, result, treatment, _part(progress, 0.6, 1.0), cuts=cuts)


def _part(progress: Progress, start: float, end: float) -> Progress:
    return lambda done: progress(start + (end - start) * done)
