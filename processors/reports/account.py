"""What a job comes to, in words and figures: for its report, and for its page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import formers, offers, regenerating
from ..checks.requirements import treated_bands
from ..checks.tolerances import BLOCKINESS_RISE, CAMBI_RISE, POSTERISATION_UNSEEN, PULSE_RISE_LEVELS, SCORE_RISE, STILL_LEVELS
from ..prompts import shown
from ..records import (
    KEPT_BY_CHOICE,
    VERDICT_WORDS,
    Band,
    Candidate,
    Check,
    Clip,
    Diagnosis,
    Outcome,
    Passage,
    Reading,
    Receipt,
    Regeneration,
    Route,
    Treatment,
    Verdict,
    Verification,
)
from . import charts

OUTCOMES = {
    Outcome.REPAIRED: "Repaired",
    Outcome.KEPT: "Left as it is",
    Outcome.FLAGGED: "Needs your decision",
    Outcome.CANCELLED: "Cancelled",
    Outcome.FAILED: "Failed",
}
VERDICTS = {
    Verdict.CLEAN: "The picture holds still where it should. There is nothing to repair.",
    Verdict.LUMINANCE: "The whole picture pulses lighter and darker from frame to frame.",
    Verdict.GENERATIVE: "Patches, colour or texture are drawn anew in every frame instead of moving with the picture.",
    Verdict.CODEC: "Banding, blocks or pulsing at key frames: the encoder's doing, not the model's.",
    Verdict.INCOHERENT: "Objects change shape or identity. No filter repairs that; the clip has to be rendered anew.",
}
ROUTES = {
    Route.KEEP: "None: the original stays as it is",
    Route.SMOOTH: "Motion-compensated smoothing, same frame rate",
    Route.INTERPOLATE: "Frame interpolation",
    Route.DEBAND: "FFmpeg's filters against banding, blocks and flicker of the whole picture",
    Route.DEBAND_SMOOTH: "Filters against banding and blocks, and motion-compensated smoothing",
    Route.REGENERATE: "Rendering anew from the stored prompt",
}
STAGES = {
    **{
        "probe": "Reading",
        "prompt": "Prompt",
        "diagnose": "Diagnosis",
        "route": "Choice of route",
        "try": "Trials",
        "excerpt": "Cutting out",
    },
    **{"process": "Repair", "verify": "Verification", "deliver": "Delivery"},
}


_TOLD_S = 0.05
_NEXT_TO_NOTHING = 0.005
_MANIFOLD = 5


@dataclass(frozen=True)
class Row:
    """One line of the table of numbers."""

    name: str
    hint: str
    before: str
    after: str
    change: str
    trend: str  # "better", "worse" or ""
    treated: bool = False


def told(passage: Passage, receipt: Receipt) -> dict[str, Any]:
    """What a job comes to in words and figures, for the template: all but curves and pictures, for which the files are needed."""
    clip, found, judged = passage.clip, passage.diagnosis, passage.verification
    label, headline = _headline(found.verdict if found else None)
    return {
        "name": passage.request.path.name,
        "shown_path": passage.request.shown_path,
        "receipt": receipt,
        "offer": offers.in_words(receipt.offer, receipt.id, receipt.path) if receipt.offer else None,
        "outcome": "Preview" if passage.request.preview and receipt.outcome is Outcome.KEPT else OUTCOMES[receipt.outcome],
        "result": "Refused result" if _is_refused(passage, receipt) else "Result",
        "refused": _is_refused(passage, receipt),
        "label": label,
        "headline": headline,
        "says_more": _says_more(receipt.reason, headline),
        "tiles": tuple(_tiles(passage, receipt)),
        "diagnosis": found,
        "amounts": _amounts(passage),
        "done": tuple(_done(passage, receipt)),
        "has_after": judged is not None,
        "rows": tuple(_rows(found, judged.reading if judged else None, passage.treatment)) if found else (),
        "failed": _failed(judged) if judged else (),
        "passed": tuple(check for check in judged.checks if check.passed) if judged else (),
        "judged": judged,
        "rejected": tuple(_rejected(passage)),
        "stored": passage.stored,
        "parameters": shown.parameters(passage.stored.prompt) if passage.stored and passage.stored.prompt else (),
        "missing": shown.missing_words(passage.stored.prompt) if passage.stored and passage.stored.prompt else "",
        "facts": _facts(clip) if clip else (),
        "timings": tuple((STAGES.get(name, name), f"{seconds:.1f} s") for name, seconds in passage.timings.items() if seconds >= _TOLD_S),
        "versions": receipt.details.get("versions") or {},
        "settings": _settings(receipt.details.get("settings") or {}),
    }


def _headline(verdict: Verdict | None) -> tuple[str, str]:
    """What the clip has, in two or three words and in a sentence."""
    return (
        (VERDICT_WORDS[verdict].name, VERDICTS[verdict])
        if verdict is not None
        else ("Not diagnosed", "The job ended before the clip was measured.")
    )


def _is_refused(passage: Passage, receipt: Receipt) -> bool:
    """True where a result was made and is not delivered; a preview delivers none that is good enough either, and a result that was taken
    away again had been delivered.
    """
    judged = passage.verification
    return judged is not None and not judged.better and receipt.output is None and receipt.reason != KEPT_BY_CHOICE


def _tiles(passage: Passage, receipt: Receipt) -> Iterator[tuple[str, str, str]]:
    """(name, figure, remark): the few numbers that matter most."""
    found, judged = passage.diagnosis, passage.verification
    if found is None:
        return
    score = f"{found.reading.flicker_score:.2f}"
    if judged is not None:
        score += f" \u2192 {judged.reading.flicker_score:.2f}"
    yield "Flicker score", score, "of the refused result" if _is_refused(passage, receipt) else "0 is still, 1 unwatchable"
    strongest = _strongest_fall(passage)
    if strongest is not None:
        yield strongest
    yield "Diagnosis", f"{found.confidence:.0%} sure", VERDICT_WORDS[found.verdict].name.lower()
    yield "Time taken", f"{receipt.seconds:.1f} s", f"for {float(passage.clip.duration):.1f} s of video" if passage.clip else ""


def _strongest_fall(passage: Passage) -> tuple[str, str, str] | None:
    """The treated band that flickered most, before and after."""
    found, judged, treatment = passage.diagnosis, passage.verification, passage.treatment
    if found is None or judged is None or treatment is None:
        return None
    both = [band for band in treated_bands(treatment, found) if band in found.reading.bands and band in judged.reading.bands]
    if not both:
        return None
    band = max(both, key=lambda each: found.reading.bands[each].amplitude)
    old, new = found.reading.bands[band].amplitude, judged.reading.bands[band].amplitude
    return f"{charts.title(band)}: flicker", _change(old, new), f"{old:.2f} \u2192 {new:.2f} levels"


def _amounts(passage: Passage) -> tuple[tuple[str, float], ...]:
    if passage.diagnosis is None:
        return ()
    return tuple(
        (VERDICT_WORDS[verdict].name, amount) for verdict, amount in passage.diagnosis.amounts.items() if verdict is not Verdict.CLEAN
    )


def _done(passage: Passage, receipt: Receipt) -> Iterator[str]:
    """What was done to the picture, a sentence each."""
    if passage.plan is None:
        return
    yield _way(passage, receipt)
    candidate = passage.candidate
    if candidate is None:
        return
    treatment = candidate.treatment
    if treatment.bands:
        words = ", ".join(charts.title(band).lower() for band in treatment.bands)
        rest = " All other bands were left untouched." if len(treatment.bands) < len(Band) else ""
        yield f"Smoothed along motion, strength {treatment.strength:g}: {words}.{rest}"
    if treatment.deflicker_size:
        yield f"Deflicker: one gain a frame, from {treatment.deflicker_size} frames."
    if treatment.deblock:
        yield "Deblocking along the encoder's grid."
    if treatment.depulse:
        yield "What jumped at key frames was spread over the frames around, along motion."
    if treatment.regeneration is not None:
        yield from _rendered(treatment.regeneration, candidate, passage.clip)
    if treatment.deband and treatment.preset == "article":
        yield "Debanding as in the article, at 8 bit."
    elif treatment.deband:
        yield "Debanding at 10 bit, delivered at 10 bit, so that the encoder does not bring the bands back."
    if treatment.route is Route.INTERPOLATE:
        yield f"Frames: {passage.clip.frames if passage.clip else 0} became {candidate.frames}."
    yield f"Encoded as {candidate.encoder}."
    yield from map(_as_sentence, candidate.notes)
    yield from _fate(passage, receipt)


def _way(passage: Passage, receipt: Receipt) -> str:
    assert passage.plan is not None
    route = passage.treatment.route if passage.treatment else passage.plan.route
    way = f"Route: {ROUTES[route]}." if route is not Route.KEEP else "Nothing: the original stays as it is."
    return way if passage.plan.reason in receipt.reason else f"{way} {passage.plan.reason}"


def _says_more(reason: str, headline: str) -> bool:
    return reason.rstrip(".").lower() not in headline.lower()


def _as_sentence(note: str) -> str:
    return note[:1].upper() + note[1:] + ("" if note.endswith(".") else ".")


def _fate(passage: Passage, receipt: Receipt) -> Iterator[str]:
    """What became of the result, where it does not lie there."""
    if receipt.reason == KEPT_BY_CHOICE:
        yield "You chose to keep the original: no result lies there any more."
        return
    if _is_refused(passage, receipt):
        yield "This result was not delivered."
    elif receipt.output is None and passage.request.preview:
        yield "This is a preview: only the stretch shown was repaired, and nothing was delivered."
    earlier = formers.left(receipt)
    if earlier.get("output"):
        yield f"What job {earlier['id']} delivered before stays: {Path(earlier['output']).name}."


def _rendered(made: Regeneration, candidate: Candidate, clip: Clip | None) -> Iterator[str]:
    model = f" with {made.prompt.model}" if made.prompt.model else ""
    seeds = f", the best of {made.candidates} seeds" if made.candidates > 1 else ""
    yield f"Rendered again, {regenerating.starts_from(made)}{model}{seeds}."
    yield from (
        f"{change.field}: {change.before if change.before is not None else 'not set'} became {change.after}." for change in made.changes
    )
    if clip is not None and candidate.frames != clip.frames:
        yield f"It has {candidate.frames} frames, the original {clip.frames}; the comparison shows both up to the shorter one's end."


def _rows(found: Diagnosis, after: Reading | None, treatment: Treatment | None) -> Iterator[Row]:
    before = found.reading
    treated = treated_bands(treatment, found) if treatment is not None and after is not None else ()
    for band in Band:
        if band in before.bands:
            new = after.bands[band].amplitude if after is not None and band in after.bands else None
            yield _row(
                charts.title(band), charts.hint(band), before.bands[band].amplitude, new, "levels", STILL_LEVELS, treated=band in treated
            )
    yield _row("Flicker score", "all bands together, 0 to 1", before.flicker_score, after.flicker_score if after else None, "", SCORE_RISE)
    codec = after.codec if after else None
    for name, hint, old, new, unit, visible in (
        ("Banding", "CAMBI; 5 is visible", before.codec.cambi, codec and codec.cambi, "", CAMBI_RISE),
        ("Coarse steps", "share of the picture", before.codec.posterisation, codec and codec.posterisation, "", POSTERISATION_UNSEEN),
        ("Blocking", "edges on the encoder's grid", before.codec.blockiness, codec and codec.blockiness, "", BLOCKINESS_RISE),
        ("Key-frame pulse", "jump at key frames", before.codec.keyframe_pulse, codec and codec.keyframe_pulse, "levels", PULSE_RISE_LEVELS),
    ):
        if old is not None:
            yield _row(name, hint, old, new, unit, visible)
    if before.article_mean_diff is not None:
        new = after.article_mean_diff if after else None
        yield _row("Mean frame difference", "mostly motion; for reference only", before.article_mean_diff, new, "levels", math.inf)


def _row(name: str, hint: str, old: float, new: float | None, unit: str, visible: float, *, treated: bool = False) -> Row:
    """``visible``: a change up to this counts as none."""
    unit = f" {unit}" if unit else ""
    if new is None:
        return Row(name, hint, f"{old:.2f}{unit}", "", "", "")
    trend = "" if abs(new - old) <= visible else "better" if new < old else "worse"
    unseen = 0 < new - old <= visible < math.inf  # of next to nothing, many per cent are still next to nothing
    return Row(name, hint, f"{old:.2f}{unit}", f"{new:.2f}{unit}", "\u2013" if unseen else _change(old, new), trend, treated)


def _change(old: float, new: float) -> str:
    """In per cent; as a difference where it is manifold."""
    if old <= _NEXT_TO_NOTHING or f"{old:.2f}" == f"{new:.2f}" or abs(new / old - 1) < _NEXT_TO_NOTHING:
        return "\u2013"
    change = f"{new / old - 1:+.0%}" if new < _MANIFOLD * old else f"{new - old:+.2f}"
    return change.replace("-", "\u2212")


def _rejected(passage: Passage) -> Iterator[tuple[str, str, tuple[Check, ...]]]:
    """(what was tried, why it was refused, the checks that failed)."""
    tried = passage.plan.treatments if passage.plan else ()
    for treatment, verdict in zip(tried, passage.rejected, strict=False):
        yield _tried(treatment), verdict.reason, _failed(verdict)


def _tried(treatment: Treatment) -> str:
    bands = ", ".join(charts.title(band).lower() for band in treatment.bands)
    return f"{ROUTES[treatment.route]}: {bands}, strength {treatment.strength:g}" if bands else ROUTES[treatment.route]


def _failed(verdict: Verification) -> tuple[Check, ...]:
    return tuple(check for check in verdict.checks if not check.passed)


def _settings(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {f"{section}.{key}": _in_words(value) for section, values in sections.items() for key, value in values.items()}


def _in_words(value: Any) -> str:
    """A setting's value, as a person would say it."""
    known = {None: "default", True: "yes", False: "no"}
    if value is None or isinstance(value, bool):
        return known[value]
    return str(value) if value != [] else "none"


def _facts(clip: Clip) -> tuple[tuple[str, str], ...]:
    width, height = clip.display_size
    rate = f"{float(clip.frame_rate):.3f}".rstrip("0").rstrip(".") + (" fps, variable" if clip.variable_frame_rate else " fps")
    sound = ", ".join(f"{track.codec}, {track.channels} ch" for track in clip.audio) or "none"
    return (
        ("Picture", f"{width} \u00d7 {height}, {rate}"),
        ("Length", f"{clip.frames} frames, {float(clip.duration):.2f} s"),
        ("Format", f"{clip.codec}, {clip.pixel_format}, {clip.bit_depth} bit"),
        ("Sound", sound),
        ("Content digest", clip.digest),
    )
