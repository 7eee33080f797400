"""Is a clip that was rendered again better than the original? It has motion and detail of its own, so it is judged by its own diagnosis.

Fidelity frame by frame, which ``requirements`` asks of a repair, does not apply. What does: it flickers less, on the same scale; it is not calm
because it stands still or is soft; it is what the plan promised, and no other scene.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ...config.errors import ClipError, ToolFailed
from .. import diagnosis, media
from ..families.family import Kind, Means
from ..families.table import family_of
from ..inventory import inventories
from ..inventory.entries import Difference
from ..records import VERDICT_WORDS, Candidate, Check, Clip, Diagnosis, Progress, Regeneration, Verdict, Verification
from . import lasting, likeness, media_checks, picture_checks, requirements, tolerances
from .likeness import Likeness

if TYPE_CHECKING:
    from ...config.settings import Settings

LEAST_AMOUNT = 0.5
"""Of a verdict's amount: at 0.5 it begins to show. What does not show need not fall."""
SHAPE = 0.06
"""Part by which the picture's proportions may differ: models draw in steps of 16 or 32 pixels."""
MOTION, ALIVE_PX = (0.33, 3.0), 0.3
"""Mean motion against the original's, whose flicker adds to what is measured: what moves by 0.3 pixels a frame does not stand still
whatever the original seems to do. Frozen clips have 0.00."""
DETAIL, DETAIL_FLOOR = 0.33, 5.0
"""Energy of the detail that lasts from frame to frame against the original's, and where there is too little of it to compare (levels
squared). A blur of one pixel leaves 0.15; what flickers has little, so there is no upper border."""
DETAIL_HEIGHT_PX = 480
LAYOUT = {Kind.VIDEO: 0.5, Kind.IMAGE: 0.3}
PALETTE = 0.3
"""Likeness (docs/verification.md): another scene has a layout under 0.5 in 439 of 440 pairs, the same one with strong flicker 0.69 and more."""
_LEAST_FRAMES = 2


@dataclass(frozen=True)
class Evidence:
    clip: Clip
    before: Diagnosis
    made: Regeneration
    result: Clip
    after: Diagnosis
    alike: Likeness
    lasting: tuple[float, float]  # detail of original and result, levels squared
    differences: tuple[Difference, ...] = ()  # of what the files hold besides pictures
    notes: tuple[str, ...] = ()  # the candidate's
    picture: tuple[Check, ...] = ()  # of its properties


def verify(clip: Clip, found: Diagnosis, candidate: Candidate, curves: Path | None, settings: Settings, progress: Progress) -> Verification:
    """Measure the candidate by itself and judge it. Raises ToolFailed when the file written cannot be read back."""
    made = candidate.treatment.regeneration
    assert made is not None
    try:
        result = media.probe_result(candidate.path, clip)
        after = diagnosis.diagnose(result, curves, lambda done: progress(0.7 * done), settings=settings)
        height_px = min(clip.height, result.height, DETAIL_HEIGHT_PX)
        kept = (
            lasting.detail(clip, height_px, lambda done: progress(0.8 + 0.1 * done)),
            lasting.detail(result, height_px, lambda done: progress(0.9 + 0.1 * done)),
        )
        differs = inventories.differences(inventories.of(clip), inventories.of(result), candidate.treatment)
        alike = likeness.measure(clip, result, lambda done: progress(0.7 + 0.1 * done), framewise=made.kind is Kind.VIDEO)
        picture = () if made.means is Means.COMFYUI else picture_checks.of(clip, result, candidate, settings)  # whose file is its own
    except ClipError as error:
        raise ToolFailed(
            f"The clip that was rendered cannot be read back ({error}). Retry; the original is untouched.", path=clip.path
        ) from error
    evidence = Evidence(clip, found, made, result, after, alike, kept, differs, candidate.notes, picture)
    whole = tuple(wholeness(evidence))
    broken = not all(check.passed for check in whole)
    judged = whole if broken else (*whole, *gains(evidence), *harms(evidence))
    failed = [check for check in judged if not check.passed]
    reason = " ".join(check.detail for check in failed[:2]) or _praise(evidence)
    return Verification(not failed, broken, reason, judged, after.reading, curves)


def wholeness(seen: Evidence) -> Iterator[Check]:
    """What makes a file broken: it is not what the plan promised."""
    frames, (least, most) = seen.alike.frames, promised_frames(seen.clip, seen.made)
    fits = frames >= least and (most is None or frames <= most)
    promised = "" if fits else f" of {most or least}"
    yield _check("frames", fits, seen.clip.frames, frames, f"{frames}{promised} frames can be played; the original has {seen.clip.frames}.")
    length, had = seen.result.duration, seen.clip.duration
    wanted = Fraction(frames) / seen.clip.frame_rate if seen.made.kind is Kind.VIDEO else length
    fits = abs(length - wanted) <= 1 / seen.clip.frame_rate and length > 0
    yield _check("duration", fits, float(had), float(length), f"It lasts {float(length):.2f} s; the original lasts {float(had):.2f} s.")
    yield _shape(seen)
    yield _sound(seen)
    yield from seen.picture
    yield from media_checks.checks(seen.differences, seen.notes)


def promised_frames(clip: Clip, made: Regeneration) -> tuple[int, int | None]:
    """(least, most): models make frames in steps, and what does not fill the last one may be dropped. ComfyUI's graph promises none."""
    family = family_of(made.prompt.model, made.prompt.pipeline)
    wanted = clip.frames if made.kind is Kind.VIDEO else made.prompt.num_frames
    if made.kind is None or wanted is None:
        return _LEAST_FRAMES, None
    return max(_LEAST_FRAMES, family.nearest_frames(wanted)) if family else wanted, wanted


def _shape(seen: Evidence) -> Check:
    mine, theirs = seen.clip.display_size, seen.result.display_size
    ratio = (theirs[0] / theirs[1]) / (mine[0] / mine[1])
    sizes = [" x ".join(map(str, size)) for size in (theirs, mine)]
    promised = (seen.made.prompt.width, seen.made.prompt.height)
    fits = abs(ratio - 1) <= SHAPE or (seen.made.kind is not Kind.VIDEO and theirs == promised)
    return _check("size", fits, None, None, f"The picture is {sizes[0]}; the original's is {sizes[1]}.")


def _sound(seen: Evidence) -> Check:
    """Where it lasts as long as the original, it has the original's sound."""
    left_out = sum(media_checks.is_named(each, seen.notes) and each.subject.startswith("audio track") for each in seen.differences)
    mine, theirs = len(seen.clip.audio) - left_out, len(seen.result.audio)
    if abs(seen.clip.duration - seen.result.duration) > 1 / seen.clip.frame_rate + Fraction(1, 20):
        return _check(
            "sound", True, mine, theirs, "It has another length than the original, whose sound does not fit it." if mine else _SILENT
        )
    told = "Sound is as it was." if mine else _SILENT
    return _check("sound", theirs >= mine, mine, theirs, told if theirs >= mine else f"It has {theirs} audio tracks, the original {mine}.")


_SILENT = "There is no sound, as in the original."


def gains(seen: Evidence) -> Iterator[Check]:
    """Less flicker, on the one scale of ``flicker_score``, and of each kind that showed."""
    old, new = seen.before.reading.flicker_score, seen.after.reading.flicker_score
    fell = new <= old * (1 - tolerances.LEAST_FALL)
    asked = "" if fell else f"; at least {tolerances.LEAST_FALL:.0%} less is asked for"
    yield _check("flicker", fell, old, new, f"The flicker score went from {old:.2f} to {new:.2f}{asked}.")
    for kind in (Verdict.LUMINANCE, Verdict.GENERATIVE, Verdict.INCOHERENT):
        old, new = seen.before.amounts.get(kind, 0.0), seen.after.amounts.get(kind, 0.0)
        if old >= LEAST_AMOUNT:
            yield _check(f"flicker: {kind}", new < old, old, new, f"{VERDICT_WORDS[kind].name} went from {old:.2f} to {new:.2f}.")
        elif new >= LEAST_AMOUNT:
            yield _check(f"no new flicker: {kind}", False, old, new, f"{VERDICT_WORDS[kind].name}, which did not show, is {new:.2f} now.")


def harms(seen: Evidence) -> Iterator[Check]:
    yield from requirements.new_codec_damage(seen.before.reading.codec, seen.after.reading.codec, debands=False)
    before, after = seen.before.reading, seen.after.reading
    least = min(MOTION[0] * before.motion, ALIVE_PX)
    fits = least <= after.motion <= MOTION[1] * max(before.motion, ALIVE_PX)
    word = "" if fits else "; it stands still beside it" if after.motion < before.motion else "; it moves too much beside it"
    yield _check(
        "motion",
        fits,
        before.motion,
        after.motion,
        f"It moves by {after.motion:.2f} pixels a frame, the original by {before.motion:.2f}{word}.",
    )
    old, new = (max(each, DETAIL_FLOOR) for each in seen.lasting)
    kept = new / old
    word = "" if kept >= DETAIL else "; it is blurred"
    yield _check("detail", not word, seen.lasting[0], seen.lasting[1], f"Detail that lasts is {kept:.0%} of the original's{word}.")
    yield from _likeness(seen)


def _likeness(seen: Evidence) -> Iterator[Check]:
    alike = seen.alike
    if alike.layout is not None:
        border = LAYOUT.get(seen.made.kind) if seen.made.kind is not None else None
        passed = border is None or alike.layout >= border
        word = "" if passed else ": it shows another scene"
        yield _check(
            "likeness: layout", passed, 1, alike.layout, f"Light and dark lie where they lay to {max(0.0, alike.layout):.0%}{word}."
        )
    passed = alike.palette >= PALETTE
    word = "" if passed else ": it shows other colours altogether"
    yield _check("likeness: palette", passed, 1, alike.palette, f"Brightness and colours are the original's to {alike.palette:.0%}{word}.")


def _praise(seen: Evidence) -> str:
    old, new = seen.before.reading.flicker_score, seen.after.reading.flicker_score
    look = f"light and dark lie where they lay to {max(0.0, seen.alike.layout):.0%}, " if seen.alike.layout is not None else ""
    fell = (
        f"its flicker score fell from {old:.2f} to {new:.2f}"
        if f"{old:.2f}" != f"{new:.2f}"
        else f"it flickers as little as before ({new:.2f})"
    )
    return f"Rendered again, {fell}; {look}colours are the original's to {seen.alike.palette:.0%}."


def _check(name: str, passed: bool, before: float | None, after: float | None, detail: str) -> Check:
    return Check(name, bool(passed), None if before is None else float(before), None if after is None else float(after), detail)
